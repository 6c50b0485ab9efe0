"""A headless Chromium that opens pages for tests and says what stands on them. It is spoken to through two pipes."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


@dataclass
class Browser:
    """Chromium at work; use it as a context. It has no network but this machine's own."""

    profile: Path
    """A folder of its own."""
    numbers: Any = field(default_factory=lambda: count(1))

    def __enter__(self) -> Self:
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # Chromium listens on 3 and answers on 4.
        command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        flags = (*FLAGS, f"--user-data-dir={self.profile}", "--window-size=1600,1100", "--remote-debugging-pipe")
        self._process = subprocess.Popen(
            ["bash", "-c", command, "chromium", str(CHROMIUM), *flags],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._answers = os.fdopen(self._from, "rb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._to)
        self._answers.close()

    def text(self, url: str, shows: Callable[[str], bool], *, patience_s: float = 30.0) -> str:
        """Open a page and return its text, as soon as it shows what is waited for, or when patience is at its end."""
        target = self._ask("Target.createTarget", url=url)["targetId"]
        session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        end = time.monotonic() + patience_s
        while True:
            # While one page gives way to another there is none that could be asked.
            found = self._ask("Runtime.evaluate", session, expression="document.body.innerText")
            text = str(found.get("result", {}).get("value", ""))
            if shows(text) or time.monotonic() > end:
                self._ask("Target.closeTarget", targetId=target)
                return text
            time.sleep(0.1)

    def _ask(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Send a command and return its result, empty if it failed; what Chromium tells unasked is passed over."""
        number = next(self.numbers)
        said = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._to, json.dumps(said).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == number:
                return answer.get("result", {})

    def _next(self) -> bytes:
        message = bytearray()
        while (byte := self._answers.read(1)) not in (b"\0", b""):
            message += byte
        return bytes(message)
