"""Workers on a Ray cluster: one task for each run, wherever the cluster has a core free.

A task employs a worker process on its node, as this machine would, so that a run comes to the same here and there. The
nodes need not share a disk with whoever gives the tasks: a worker writes into a folder of its node's, and its file is
sent back, now and then as it stands, and in the end whole.
"""

import os
import re
import signal
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aarlab import __version__
from aarlab.ablation.ablation_folder import write_run_file
from aarlab.ablation.local_workers import LocalWorkerPool
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.config.errors import ConfigError, Fault
from aarlab.tools.evaluator.world_run import available_cores

ADDRESS = "RAY_ADDRESS"
"""Environment variable that says which cluster works, as Ray has it; without it, or if it is `local`, one is started on
this machine.
"""
_COPY_INTERVAL_S = 20.0
"""Seconds between two copies of a file that is being written. So much can be lost with a node, and what it cost."""
_POLL_S = 1.0
_GRACE_S = 20.0
"""Seconds in which tasks that were called off can end by themselves."""
_CONNECT_TIMEOUT_S = 10.0
"""Seconds in which a cluster has to answer at all."""
_OBJECT_STORE_BYTES = 256 * 2**20
"""Bytes of memory, on this machine, for what is on its way back."""


def check_ray() -> None:
    """See whether Ray can be used. Raises ConfigError."""
    if find_spec("ray") is None:
        raise ConfigError([Fault("--executor ray", None, "Ray is not installed", None, "pip install 'aarlab[ray]'")])
    address = os.environ.get(ADDRESS, "local")
    if address in ("local", "auto"):
        return
    if address.startswith("ray://"):
        found = "the address of a Ray client, which cannot send results back as they come"
    elif not (parts := re.fullmatch(r"(.+):(\d{1,5})", address)):
        found = address
    else:
        # Ray itself would try for minutes.
        try:
            socket.create_connection((parts[1], int(parts[2])), timeout=_CONNECT_TIMEOUT_S).close()
        except (OSError, OverflowError) as error:
            found = f"{address}, where no server answers ({error})"
        else:
            return
    allowed = "host:port of a cluster, auto on one of its nodes, or nothing: then Ray is started here"
    raise ConfigError([Fault(ADDRESS, None, found, allowed)])


def starts_local_cluster() -> bool:
    """Whether Ray is started on this machine for the ablation alone."""
    return os.environ.get(ADDRESS, "local") == "local"


class RayWorkerPool:
    """Tasks on a Ray cluster, each on one core."""

    def __init__(self, count: int | None) -> None:
        """Connect to the cluster, or start one, to have up to `count` runs done at a time; None: one for each core.

        Raises:
            ConfigError: Ray is not installed, or there is no cluster at the address.
        """
        check_ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._ray: Any = ray
        # Whoever is connected already, in a notebook, stays so.
        self._was_initialised = ray.is_initialized()
        if not self._was_initialised:
            self._connect(count)
        self.count = count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._task = ray.remote(num_cpus=1, num_returns="streaming", max_retries=0)(_run_on_node)
        self._active: dict[Any, tuple[RunTask, RunProgress]] = {}
        """By generator of what is sent back, with the last news."""

    def free(self) -> bool:
        """Whether another task can be begun at once."""
        return len(self._active) < self.count

    def begin(self, task: RunTask) -> None:
        """Have a task done."""
        stream = self._task.remote(asdict(task), __version__, _bytes(task.draft), _bytes(task.fork_from))
        self._active[stream] = (task, RunProgress(task.run, "progress"))

    def progress(self, timeout_s: float) -> list[RunProgress]:
        """Return what has been told since, after waiting so long for anything to be told."""
        if not self._active:
            return []
        ready, _ = self._ray.wait(list(self._active), timeout=timeout_s)
        return [self._next(stream) for stream in ready]

    def close(self) -> None:
        """Call off all tasks, and wait until they have ended."""
        for force, timeout_s in ((False, _GRACE_S), (True, _POLL_S)):
            for stream in self._active:
                self._ray.cancel(stream, force=force)
            end = time.monotonic() + timeout_s
            while self._active and time.monotonic() < end:
                self.progress(_POLL_S)
        if not self._was_initialised:
            self._ray.shutdown()

    def _connect(self, count: int | None) -> None:
        told: dict[str, Any] = {"address": os.environ.get(ADDRESS, "local")}
        if starts_local_cluster():
            told |= {
                "num_cpus": count or available_cores(),
                "object_store_memory": _OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        previous_handler = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(**told, logging_level="error", log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            found = f"no Ray cluster could be reached or started: {_short_error(error)}"
            allowed = "the address of a cluster, or nothing. One that asks for a token wants RAY_AUTH_MODE=token, too"
            raise ConfigError([Fault(ADDRESS, None, found, allowed)]) from None
        except SystemExit:
            # Stopped politely in the meantime.
            raise KeyboardInterrupt from None
        finally:
            # Ray takes it for itself.
            with suppress(ValueError):
                signal.signal(signal.SIGTERM, previous_handler)

    def _next(self, stream: Any) -> RunProgress:
        """Take in the next thing that a task has sent."""
        task, last = self._active[stream]
        try:
            told, file = self._ray.get(next(stream))
            progress = _store_received(task, RunProgress(**told), file)
        except StopIteration:
            progress = replace(last, kind="failed", error="its task ended without a result")
        except self._ray.exceptions.RayError as error:
            progress = replace(last, kind="failed", error=f"its task on the cluster ended early: {_short_error(error)}")
        self._active[stream] = (task, progress)
        if progress.kind != "progress":
            del self._active[stream]
        return progress


def _store_received(task: RunTask, progress: RunProgress, file: bytes | None) -> RunProgress:
    """Write down the file that came with some news, and return the news."""
    draft, target = Path(task.draft), Path(task.target)
    try:
        if file is not None:
            write_run_file(file, draft, target if progress.kind == "done" else draft)
    except OSError as error:
        return replace(progress, kind="disk full", error=str(error), summary=None)
    return (
        progress if progress.summary is None else replace(progress, summary={**progress.summary, "file": str(target)})
    )


def _bytes(path: str | None) -> bytes | None:
    """Return what is in a file; None where there is none."""
    return Path(path).read_bytes() if path is not None and Path(path).exists() else None


def _run_on_node(
    task: dict[str, Any], version: str, draft_bytes: bytes | None, fork_source_bytes: bytes | None
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Do a task on the node where this is, and yield its news, with its file as it stands or, at the end, whole.

    `draft_bytes` is the file of a run that resumes where it was interrupted, `fork_source_bytes` that of the run it starts in the midst of.
    """
    node = socket.gethostname()
    if version != __version__:
        raise RuntimeError(f"aarlab is {__version__} on {node} and {version} where the ablation was started")
    with tempfile.TemporaryDirectory(prefix="aarlab-") as folder, closing(LocalWorkerPool(1)) as workers:
        draft, target = Path(folder) / "draft.db", Path(folder) / "whole.db"
        here = {"draft": str(draft), "target": str(target)}
        if draft_bytes is not None:
            draft.write_bytes(draft_bytes)
        if fork_source_bytes is not None:
            here["fork_from"] = str(Path(folder) / "fork_from.db")
            Path(here["fork_from"]).write_bytes(fork_source_bytes)
        workers.begin(RunTask(**{**task, **here}))
        copied_at, ended = float("-inf"), False
        while not ended:
            # Ray can only call it off between two waits.
            for progress in workers.progress(_POLL_S):
                ended = progress.kind != "progress"
                file = None
                if progress.kind == "done":
                    file = target.read_bytes()
                elif ended or time.monotonic() - copied_at >= _COPY_INTERVAL_S:
                    file, copied_at = _snapshot(draft), time.monotonic()
                if progress.kind == "disk full":
                    progress = replace(progress, kind="failed", error=f"disk full on {node}: {progress.error}")
                yield asdict(progress), file


def _snapshot(draft: Path) -> bytes | None:
    """Return a run file that is being written as one whole file; None before there is anything in it."""
    copy = draft.with_suffix(".copy")
    copy.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"{draft.as_uri()}?mode=ro", uri=True, timeout=30.0)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error:
        return None
    return copy.read_bytes()


def _short_error(error: BaseException) -> str:
    """Return what an error of Ray's says, without the stack of the process in which it happened."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {cause}"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
