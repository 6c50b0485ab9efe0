"""Worker processes on this machine: who is free, what they tell, and when one dies."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Protocol

from aarlab.ablation.work import News, Task

# It finds its modules where its employer does, whatever lies in the folder in which it is started.
_BOOT = """
import sys
sys.path[:] = sys.argv[2:]
from aarlab.ablation.worker import main
main(int(sys.argv[1]))
"""


class Workers(Protocol):
    """Those who do the runs of an ablation."""

    count: int
    """How many runs they do at a time."""

    def free(self) -> bool:
        """Whether another task can be begun at once."""

    def begin(self, task: Task) -> None:
        """Have a task done."""

    def news(self, patience_s: float) -> list[News]:
        """Return what has been told since, after waiting so long for anything to be told."""

    def close(self) -> None:
        """End all workers, whatever they are doing, and wait until they have ended."""


@dataclass(slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    complaints: IO[bytes]
    """What it wrote to its standard error."""
    last: News | None = None
    """The last it told of the run that it is working on; None where it is idle."""
    heard: bytearray = field(default_factory=bytearray)
    """The beginning of a line."""


class LocalWorkers:
    """Processes on this machine, begun when they are needed and kept for the next task; each uses one core."""

    def __init__(self, count: int) -> None:
        """Employ up to `count` processes."""
        self.count = count
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def free(self) -> bool:
        """Whether another task can be begun at once."""
        return sum(worker.last is not None for worker in self._workers) < self.count

    def begin(self, task: Task) -> None:
        """Have a task done."""
        worker = next((worker for worker in self._workers if worker.last is None), None) or self._employ()
        worker.last = News(task.run, "progress")
        assert worker.process.stdin is not None
        # If it died while it was idle, that is told as any other death, when the end of its answers is read.
        with contextlib.suppress(BrokenPipeError):
            worker.process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            worker.process.stdin.flush()

    def news(self, patience_s: float) -> list[News]:
        """Return what has been told since, after waiting so long for anything to be told."""
        told: list[News] = []
        for key, _ in self._selector.select(patience_s):
            worker: _Worker = key.data
            chunk = os.read(key.fd, 1 << 16)
            worker.heard += chunk
            *lines, rest = bytes(worker.heard).split(b"\n")
            worker.heard = bytearray(rest)
            for line in lines:
                news = News(**json.loads(line))
                worker.last = news if news.kind == "progress" else None
                told.append(news)
            if not chunk:
                told += self._mourn(worker)
        return told

    def close(self) -> None:
        """End all workers, whatever they are doing, and wait until they have ended."""
        for worker in self._workers:
            worker.process.kill()
        for worker in list(self._workers):
            self._mourn(worker)
        self._selector.close()

    def _employ(self) -> _Worker:
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed where its worker is mourned
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, str(os.getpid()), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # Ctrl-C on the terminal is its employer's business
        )
        worker = _Worker(process, complaints)
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _mourn(self, worker: _Worker) -> list[News]:
        """Clear a dead worker away, and tell what became of its run."""
        process = worker.process
        process.wait()
        self._workers.remove(worker)
        assert process.stdout is not None
        assert process.stdin is not None
        self._selector.unregister(process.stdout)
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        with worker.complaints as complaints:
            complaints.seek(0)
            last_words = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
        if worker.last is None:
            return []
        ended = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
        story = f"its process ended early ({ended}){f': {last_words}' if last_words else ''}"
        return [replace(worker.last, kind="failed", error=story)]
