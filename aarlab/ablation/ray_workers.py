"""Workers on a Ray cluster: one Ray task per run.

A task executes its run in a worker process on its node, as on this machine, so results are the same. A process of Ray
executes several tasks and keeps the worker, with its sandbox and networks, between them. The nodes need no shared disk:
a worker writes into a folder of its node, and the run file is sent back at intervals and when the run is finished.
"""

import os
import re
import signal
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aarlab import __version__
from aarlab.ablation.ablation_folder import write_run_file
from aarlab.ablation.local_workers import LocalWorkerPool
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.schema import connect_read_only
from aarlab.tools.evaluator.world_run import available_cores

ADDRESS = "RAY_ADDRESS"
"""Environment variable with the address of the cluster, as defined by Ray. Unset or `local`: a cluster is started
on this machine.
"""
_COPY_INTERVAL_S = 20.0
"""Seconds between two copies of an unfinished run file. If a node fails, the run loses at most this time."""
_POLL_S = 1.0
_GRACE_S = 20.0
"""Seconds after which cancelled tasks are killed."""
_CONNECT_TIMEOUT_S = 10.0
"""Timeout for the first connection to a cluster."""
_OBJECT_STORE_BYTES = 256 * 2**20
"""Bytes of memory on this machine for run files in transfer."""


def check_ray() -> None:
    """Raise ConfigError if Ray is not installed or no cluster answers at the address."""
    if find_spec("ray") is None:
        raise ConfigError([Fault("--executor ray", None, "Ray is not installed", None, "pip install 'aarlab[ray]'")])
    address = os.environ.get(ADDRESS, "local")
    if address in ("local", "auto"):
        return
    if address.startswith("ray://"):
        problem = "this is the address of a Ray client, which does not stream results"
    elif not (parts := re.fullmatch(r"(.+):(\d{1,5})", address)):
        problem = f"{address} is not an address"
    else:
        # Ray itself would retry for minutes.
        try:
            socket.create_connection((parts[1], int(parts[2])), timeout=_CONNECT_TIMEOUT_S).close()
        except (OSError, OverflowError) as error:
            problem = f"no server answers at {address} ({error})"
        else:
            return
    expected = "host:port of a cluster, auto on one of its nodes, or unset: Ray is then started on this machine"
    raise ConfigError([Fault(ADDRESS, None, problem, expected)])


def starts_local_cluster() -> bool:
    """Return whether Ray is started on this machine for the ablation."""
    return os.environ.get(ADDRESS, "local") == "local"


class RayWorkerPool:
    """Tasks on a Ray cluster, each on one core, and on a GPU or a share of one if the runs need it."""

    def __init__(self, count: int | None, gpus_per_run: float = 0.0) -> None:
        """Connect to the cluster, or start one, for up to `count` parallel runs; None: as many as fit.

        Raises:
            ConfigError: Ray is not installed, there is no cluster at the address, or it has too few GPUs for a run.
        """
        check_ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._ray: Any = ray
        # A notebook may be connected already; its connection is kept.
        self._was_initialised = ray.is_initialized()
        if not self._was_initialised:
            self._connect(count)
        self.count = count or self._fitting_runs(gpus_per_run)
        # Ray hides the GPUs of other tasks from a task, in CUDA_VISIBLE_DEVICES, which its worker process inherits.
        self._task = ray.remote(num_cpus=1, num_gpus=gpus_per_run, num_returns="streaming", max_retries=0)(_run_on_node)
        self._data: dict[frozenset[str], Any] = {}
        """References to the data files that were sent, by their hashes."""
        self._active: dict[Any, tuple[RunTask, RunProgress]] = {}
        """Task and last message, by the generator of its results."""

    def has_capacity(self) -> bool:
        """Return whether another task can start now."""
        return len(self._active) < self.count

    def submit(self, task: RunTask) -> None:
        """Start a task."""
        data = self._data_reference(task.data_files)
        stream = self._task.remote(asdict(task), __version__, _bytes(task.draft), _bytes(task.fork_from), data)
        self._active[stream] = (task, RunProgress(task.run, "progress"))

    def poll(self, timeout_s: float) -> list[RunProgress]:
        """Return new messages of the tasks; wait at most `timeout_s` seconds for the first."""
        if not self._active:
            return []
        ready, _ = self._ray.wait(list(self._active), timeout=timeout_s)
        return [self._next(stream) for stream in ready]

    def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        for force, timeout_s in ((False, _GRACE_S), (True, _POLL_S)):
            for stream in self._active:
                self._ray.cancel(stream, force=force)
            end = time.monotonic() + timeout_s
            while self._active and time.monotonic() < end:
                self.poll(_POLL_S)
        if not self._was_initialised:
            self._ray.shutdown()

    def _data_reference(self, data_files: Mapping[str, str]) -> Any:
        """Return a reference to the content of data files by hash; each is sent to a node once."""
        key = frozenset(data_files)
        if key not in self._data:
            self._data[key] = self._ray.put({sha256: Path(path).read_bytes() for sha256, path in data_files.items()})
        return self._data[key]

    def _fitting_runs(self, gpus_per_run: float) -> int:
        """Return the number of runs for which the cluster has cores and GPUs. Raises ConfigError if it is 0."""
        resources = self._ray.cluster_resources()
        cores, gpus = max(1, int(resources.get("CPU", 1))), resources.get("GPU", 0.0)
        if not gpus_per_run:
            return cores
        # A run cannot have parts of two GPUs.
        fitting = int(gpus) * int(1 / gpus_per_run) if gpus_per_run < 1 else int(gpus / gpus_per_run)
        if not fitting:
            if not self._was_initialised:
                self._ray.shutdown()
            problem = f"the Ray cluster has {gpus:g} GPUs, and a run needs {gpus_per_run:g}"
            raise ConfigError(
                [Fault("--gpus-per-run", None, problem, "nodes with GPUs; --jobs if they start on demand")]
            )
        return min(cores, fitting)

    def _connect(self, count: int | None) -> None:
        ray_options: dict[str, Any] = {"address": os.environ.get(ADDRESS, "local")}
        if starts_local_cluster():
            ray_options |= {
                "num_cpus": count or available_cores(),
                "object_store_memory": _OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        previous_handler = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(**ray_options, logging_level="error", log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            problem = f"no Ray cluster could be reached or started: {_short_error(error)}"
            expected = "the address of a cluster, or unset. A cluster with a token also needs RAY_AUTH_MODE=token"
            raise ConfigError([Fault(ADDRESS, None, problem, expected)]) from None
        except SystemExit:
            # Ray turns SIGTERM during its start into SystemExit.
            raise KeyboardInterrupt from None
        finally:
            # Ray replaces the handler.
            with suppress(ValueError):
                signal.signal(signal.SIGTERM, previous_handler)

    def _next(self, stream: Any) -> RunProgress:
        """Return the next message of a task, after storing the file that came with it."""
        task, last = self._active[stream]
        try:
            fields, file = self._ray.get(next(stream))
            progress = _store_received(task, RunProgress.from_json(fields), file)
        except StopIteration:
            progress = replace(last, kind="failed", error="its task ended without a result")
        except self._ray.exceptions.RayError as error:
            progress = replace(last, kind="failed", error=f"its task on the cluster ended early: {_short_error(error)}")
        self._active[stream] = (task, progress)
        if progress.kind != "progress":
            del self._active[stream]
        return progress


def _store_received(task: RunTask, progress: RunProgress, file: bytes | None) -> RunProgress:
    """Store the file that came with a message, and return the message."""
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
    """Return the content of a file; None if it does not exist."""
    return Path(path).read_bytes() if path is not None and Path(path).exists() else None


_kept_workers: dict[str | None, LocalWorkerPool] = {}
"""The worker of this process of Ray between two tasks, by the GPUs that it sees."""


@contextmanager
def _node_worker() -> Iterator[LocalWorkerPool]:
    """Return the worker of the last task in this process, or a new one. It is stopped if the task does not end."""
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")  # of this task; a worker has those of the task that started it
    workers = _kept_workers.pop(gpus, None) or LocalWorkerPool(1)
    for others in _kept_workers.values():
        others.close()
    _kept_workers.clear()
    try:
        yield workers
    except BaseException:
        workers.close()
        raise
    _kept_workers[gpus] = workers


def _run_on_node(
    task: dict[str, Any],
    version: str,
    draft_bytes: bytes | None,
    fork_source_bytes: bytes | None,
    data: Mapping[str, bytes],
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Execute a task on this node, and yield its messages, some with the run file so far.

    Args:
        task: Fields of the `RunTask`.
        version: Version of aarlab where the ablation was started.
        draft_bytes: File of an interrupted run, to resume.
        fork_source_bytes: File of the run to fork from.
        data: Data files of the task, by the hash of their content.
    """
    node = socket.gethostname()
    if version != __version__:
        raise RuntimeError(f"aarlab is {__version__} on {node} and {version} where the ablation was started")
    with tempfile.TemporaryDirectory(prefix="aarlab-") as folder, _node_worker() as workers:
        draft, target = Path(folder) / "draft.db", Path(folder) / "finished.db"
        local_paths = {"draft": str(draft), "target": str(target)}
        if draft_bytes is not None:
            draft.write_bytes(draft_bytes)
        if fork_source_bytes is not None:
            local_paths["fork_from"] = str(Path(folder) / "fork_from.db")
            Path(local_paths["fork_from"]).write_bytes(fork_source_bytes)
        data_files = {sha256: str(Path(folder) / sha256) for sha256 in data}
        for sha256, content in data.items():
            Path(data_files[sha256]).write_bytes(content)
        workers.submit(RunTask(**{**task, **local_paths, "data_files": data_files}))
        copied_at, ended = float("-inf"), False
        while not ended:
            # Ray can cancel the task only between two waits.
            for progress in workers.poll(_POLL_S):
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
    """Return a consistent copy of a run file that is being written; None before it has tables."""
    copy = draft.with_suffix(".copy")
    copy.unlink(missing_ok=True)
    try:
        with closing(connect_read_only(draft)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error:
        return None
    return copy.read_bytes()


def _short_error(error: BaseException) -> str:
    """Return the message of a Ray error without the remote stack trace."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {cause}"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
