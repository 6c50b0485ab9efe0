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

from aarlab.ablation.run_task import RunProgress, RunTask

# It finds its modules where its employer does, whatever lies in the folder in which it is started.
_BOOT = """
import sys
sys.path[:] = sys.argv[2:]
from aarlab.ablation.worker_process import main
main(int(sys.argv[1]))
"""


class WorkerPool(Protocol):
    """Those who do the runs of an ablation."""

    count: int
    """How many runs they do at a time."""

    def free(self) -> bool:
        """Whether another task can be begun at once."""

    def begin(self, task: RunTask) -> None:
        """Have a task done."""

    def progress(self, timeout_s: float) -> list[RunProgress]:
        """Return what has been told since, after waiting so long for anything to be told."""

    def close(self) -> None:
        """End all workers, whatever they are doing, and wait until they have ended."""


@dataclass(slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    stderr_file: IO[bytes]
    """What it wrote to its standard error."""
    current: RunProgress | None = None
    """The last it told of the run that it is working on; None where it is idle."""
    buffer: bytearray = field(default_factory=bytearray)
    """The beginning of a line."""


class LocalWorkerPool:
    """Processes on this machine, begun when they are needed and kept for the next task; each uses one core."""

    def __init__(self, count: int) -> None:
        """Employ up to `count` processes."""
        self.count = count
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def free(self) -> bool:
        """Whether another task can be begun at once."""
        return sum(worker.current is not None for worker in self._workers) < self.count

    def begin(self, task: RunTask) -> None:
        """Have a task done."""
        worker = next((worker for worker in self._workers if worker.current is None), None) or self._start_worker()
        worker.current = RunProgress(task.run, "progress")
        assert worker.process.stdin is not None
        # If it died while it was idle, that is told as any other death, when the end of its answers is read.
        with contextlib.suppress(BrokenPipeError):
            worker.process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            worker.process.stdin.flush()

    def progress(self, timeout_s: float) -> list[RunProgress]:
        """Return what has been told since, after waiting so long for anything to be told."""
        received: list[RunProgress] = []
        for key, _ in self._selector.select(timeout_s):
            worker: _Worker = key.data
            chunk = os.read(key.fd, 1 << 16)
            worker.buffer += chunk
            *lines, rest = bytes(worker.buffer).split(b"\n")
            worker.buffer = bytearray(rest)
            for line in lines:
                progress = RunProgress(**json.loads(line))
                worker.current = progress if progress.kind == "progress" else None
                received.append(progress)
            if not chunk:
                received += self._reap(worker)
        return received

    def close(self) -> None:
        """End all workers, whatever they are doing, and wait until they have ended."""
        for worker in self._workers:
            worker.process.kill()
        for worker in list(self._workers):
            self._reap(worker)
        self._selector.close()

    def _start_worker(self) -> _Worker:
        stderr_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed where its worker is mourned
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, str(os.getpid()), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr_file,
            start_new_session=True,  # Ctrl-C on the terminal is its employer's business
        )
        worker = _Worker(process, stderr_file)
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _reap(self, worker: _Worker) -> list[RunProgress]:
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
        with worker.stderr_file as stderr_file:
            stderr_file.seek(0)
            last_stderr_line = stderr_file.read().decode(errors="replace").strip().rpartition("\n")[2]
        if worker.current is None:
            return []
        ended = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
        error = f"its process ended early ({ended}){f': {last_stderr_line}' if last_stderr_line else ''}"
        return [replace(worker.current, kind="failed", error=error)]
