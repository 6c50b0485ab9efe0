"""Worker processes on this machine."""

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Protocol

from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.agents.models.api_keys import redacted
from aarlab.tools.evaluator.world_cache import WORLD_CACHE_BYTES

# A worker imports the same modules as its parent, regardless of its working directory.
_BOOT = """
import sys
sys.path[:] = sys.argv[4:]
from aarlab.ablation.worker_process import main
main(*map(int, sys.argv[1:4]))
"""


class WorkerPool(Protocol):
    """Executes runs of an ablation in parallel."""

    count: int
    """Number of parallel runs."""

    def has_capacity(self) -> bool:
        """Return whether another task can start now."""

    def submit(self, task: RunTask) -> None:
        """Start a task."""

    def poll(self, timeout_s: float) -> list[RunProgress]:
        """Return new messages of the workers; wait at most `timeout_s` seconds for the first."""

    def close(self) -> None:
        """Stop all workers immediately and wait until they have ended."""


@dataclass(slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    stderr_file: IO[bytes]
    """Standard error of the process."""
    current: RunProgress | None = None
    """Last message about its run; None: the worker is idle."""
    buffer: bytearray = field(default_factory=bytearray)
    """An incomplete line of output."""


class LocalWorkerPool:
    """Processes on this machine, each on one core. They are started on demand and reused."""

    def __init__(self, count: int) -> None:
        """Use up to `count` processes."""
        self.count = count
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def has_capacity(self) -> bool:
        """Return whether another task can start now."""
        return sum(worker.current is not None for worker in self._workers) < self.count

    def submit(self, task: RunTask) -> None:
        """Start a task."""
        idle = [worker for worker in self._workers if worker.current is None]
        for worker in idle:
            if worker.process.poll() is not None:  # it was killed since its last run
                self._reap(worker)
        worker = next((worker for worker in idle if worker in self._workers), None) or self._start_worker()
        worker.current = RunProgress(task.run, "progress")
        assert worker.process.stdin is not None
        # If the worker dies now, `poll` reads the end of its output and reports the failure.
        with contextlib.suppress(BrokenPipeError):
            worker.process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            worker.process.stdin.flush()

    def poll(self, timeout_s: float) -> list[RunProgress]:
        """Return new messages of the workers; wait at most `timeout_s` seconds for the first."""
        received: list[RunProgress] = []
        for key, _ in self._selector.select(timeout_s):
            worker: _Worker = key.data
            chunk = os.read(key.fd, 1 << 16)
            worker.buffer += chunk
            *lines, rest = bytes(worker.buffer).split(b"\n")
            worker.buffer = bytearray(rest)
            for line in lines:
                message = json.loads(line)
                if "log" in message:
                    _log_message(worker, **message["log"])
                    continue
                progress = RunProgress.from_json(message)
                worker.current = progress if progress.kind == "progress" else None
                received.append(progress)
            if not chunk:
                received += self._reap(worker)
        return received

    def close(self) -> None:
        """Stop all workers immediately and wait until they have ended."""
        for worker in self._workers:
            worker.process.kill()
        for worker in list(self._workers):
            self._reap(worker)
        self._selector.close()

    def _start_worker(self) -> _Worker:
        stderr_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_reap`
        numbers = (os.getpid(), WORLD_CACHE_BYTES // self.count, logging.getLogger().getEffectiveLevel())
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, *map(str, numbers), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr_file,
            start_new_session=True,  # the parent handles Ctrl-C on the terminal
        )
        worker = _Worker(process, stderr_file)
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _reap(self, worker: _Worker) -> list[RunProgress]:
        """Remove a worker that has ended, and return a failure if it was executing a run."""
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
        error = redacted(f"its process ended early ({ended}){f': {last_stderr_line}' if last_stderr_line else ''}")
        return [replace(worker.current, kind="failed", error=error)]


def _log_message(worker: _Worker, *, level: int, name: str, text: str) -> None:
    """Log a record of a worker here, with the run that it executes."""
    run = "" if worker.current is None else f"{worker.current.run}: "
    logging.getLogger(name).log(level, "%s%s", run, text)
