"""A zygote seen from its parent: how it is started, given orders, and ended."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import struct
import subprocess
from typing import Final

from aarlab.tools.sandbox import bubblewrap, seccomp
from aarlab.tools.sandbox.container import CONTROL, Container, complaint
from aarlab.tools.sandbox.defence import BUBBLEWRAP, CONTAINER, SECCOMP
from aarlab.tools.sandbox.job import Limits, SandboxUnavailable
from aarlab.tools.sandbox.view import ROOM, View

_BOOT = """
import sys
sys.path += sys.argv[2:]
import socket
from aarlab.tools.sandbox.zygote import serve
serve(socket.socket(fileno=int(sys.argv[1])))
"""

# A fixed hash seed makes the order of sets, and with it the results of careless methods, the same in every run. One
# thread per job: the forks of a process with threads are broken, and the machine is shared by jobs rather than by
# threads.
_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JOBLIB_MULTIPROCESSING": "0",
}
_PYTHON_OPTIONS = ("-S", "-s", "-P", "-B")  # no site packages, no user packages, no current folder, no bytecode written

_START_TIMEOUT_S = 120.0


def _python(seen: View, control: int, front_door: str) -> list[str]:
    """The command that becomes a zygote on the control socket; `front_door` is the folder that holds `aarlab`."""
    return [str(seen.interpreter), *_PYTHON_OPTIONS, "-c", _BOOT, str(control), *seen.search_path, front_door]


def _start(walls: bool, seen: View, control: int) -> "subprocess.Popen[bytes]":
    """Start a zygote's process with its end of the control socket, inside bubblewrap's walls or without them."""
    python = _python(seen, control, ROOM if walls else seen.front_door)
    return subprocess.Popen(
        [*(bubblewrap.command(seen, _ENVIRONMENT) if walls else []), *python],
        env=_ENVIRONMENT | {"PATH": os.defpath},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[control],
        start_new_session=True,  # Ctrl-C on the terminal is the parent's business
    )


class Zygote:
    """A running zygote process, seen from its parent.

    Attributes:
        layers: names of the layers that it puts on.
    """

    def __init__(self, on: frozenset[str], seen: View) -> None:
        self._container = Container(seen, _python(seen, CONTROL, ROOM), _ENVIRONMENT) if CONTAINER in on else None
        if self._container is not None:
            self._control, self._process = self._container.control, self._container.process
        else:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = _start(BUBBLEWRAP in on, seen, theirs.fileno())
        try:
            self.layers, self._handle = self._greet(_settings(on, seen))
        except OSError as trouble:
            raise SandboxUnavailable(f"the sandbox does not start: {self._last_words() or trouble}") from trouble
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _greet(self, settings: bytes) -> tuple[frozenset[str], int]:
        """Send the settings, wait until the libraries are loaded, and learn about the zygote proper.

        Returns:
            The layers that it puts on, and a handle (pidfd) on it.
        """
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # tells us its process id as it is out here
        ourselves = os.pidfd_open(os.getpid())
        try:
            socket.send_fds(self._control, [settings], [ourselves])
        finally:
            os.close(ourselves)
        self._control.settimeout(_START_TIMEOUT_S)
        message, ancillary, _, _ = self._control.recvmsg(1024, socket.CMSG_SPACE(struct.calcsize("3i")))
        self._control.settimeout(None)
        if not message:
            raise ConnectionError("it ended while it loaded the libraries")
        process, _, _ = struct.unpack("3i", ancillary[0][2])
        return frozenset(json.loads(message)), os.pidfd_open(process)

    def _last_words(self) -> str:
        """End a zygote that did not start, and return the last line that it wrote."""
        self._control.close()
        if self._container is not None:
            return self._container.last_words()
        self._process.kill()
        _, errors = self._process.communicate()
        return complaint(errors)

    def order(self, limits: Limits, number: int, descriptors: list[int]) -> None:
        """Have a job run; OSError when the zygote is gone."""
        message = {"number": number, "limits": dataclasses.asdict(limits)}
        socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)

    def end(self, patience_s: float) -> None:
        """End the zygote and with it whatever runs, and leave nothing behind."""
        self._control.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            if self._container is not None:
                self._container.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self._process.wait()
        os.close(self._handle)


def _settings(on: frozenset[str], seen: View) -> bytes:
    """What a zygote has to know before it loads anything."""
    behind_a_wall = on & {BUBBLEWRAP, CONTAINER}
    settings = {
        "layers": sorted(on),
        "readable": [*map(str, seen.readable()), *([f"{ROOM}/aarlab/scenarios/toolkit"] if behind_a_wall else [])],
        "system_calls": seccomp.compile_filter().hex() if SECCOMP in on else "",
    }
    return json.dumps(settings).encode()
