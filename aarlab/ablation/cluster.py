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
from aarlab.ablation.folder import put
from aarlab.ablation.work import News, Task
from aarlab.ablation.workers import LocalWorkers
from aarlab.comparison import cores
from aarlab.config.faults import ConfigError, Fault

ADDRESS = "RAY_ADDRESS"
"""Environment variable that says which cluster works, as Ray has it; without it, or if it is `local`, one is started on
this machine.
"""
_COPY_S = 20.0
"""Seconds between two copies of a file that is being written. So much can be lost with a node, and what it cost."""
_PATIENCE_S = 1.0
_GRACE_S = 20.0
"""Seconds in which tasks that were called off can end by themselves."""
_KNOCK_S = 10.0
"""Seconds in which a cluster has to answer at all."""
_STORE = 256 * 2**20
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
            socket.create_connection((parts[1], int(parts[2])), timeout=_KNOCK_S).close()
        except (OSError, OverflowError) as error:
            found = f"{address}, where nobody answers ({error})"
        else:
            return
    allowed = "host:port of a cluster, auto on one of its nodes, or nothing: then Ray is started here"
    raise ConfigError([Fault(ADDRESS, None, found, allowed)])


def is_here() -> bool:
    """Whether Ray is started on this machine for the ablation alone."""
    return os.environ.get(ADDRESS, "local") == "local"


class RayWorkers:
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
        self._is_guest = ray.is_initialized()
        if not self._is_guest:
            self._connect(count)
        self.count = count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._task = ray.remote(num_cpus=1, num_returns="streaming", max_retries=0)(_on_node)
        self._at_work: dict[Any, tuple[Task, News]] = {}
        """By generator of what is sent back, with the last news."""

    def free(self) -> bool:
        """Whether another task can be begun at once."""
        return len(self._at_work) < self.count

    def begin(self, task: Task) -> None:
        """Have a task done."""
        sent = self._task.remote(asdict(task), __version__, _bytes(task.draft), _bytes(task.past))
        self._at_work[sent] = (task, News(task.run, "progress"))

    def news(self, patience_s: float) -> list[News]:
        """Return what has been told since, after waiting so long for anything to be told."""
        if not self._at_work:
            return []
        ready, _ = self._ray.wait(list(self._at_work), timeout=patience_s)
        return [self._next(sent) for sent in ready]

    def close(self) -> None:
        """Call off all tasks, and wait until they have ended."""
        for force, patience_s in ((False, _GRACE_S), (True, _PATIENCE_S)):
            for sent in self._at_work:
                self._ray.cancel(sent, force=force)
            end = time.monotonic() + patience_s
            while self._at_work and time.monotonic() < end:
                self.news(_PATIENCE_S)
        if not self._is_guest:
            self._ray.shutdown()

    def _connect(self, count: int | None) -> None:
        told: dict[str, Any] = {"address": os.environ.get(ADDRESS, "local")}
        if is_here():
            told |= {"num_cpus": count or cores(), "object_store_memory": _STORE, "include_dashboard": False}
        polite = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(**told, logging_level="error", log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            found = f"no Ray cluster could be reached or started: {_in_short(error)}"
            allowed = "the address of a cluster, or nothing. One that asks for a token wants RAY_AUTH_MODE=token, too"
            raise ConfigError([Fault(ADDRESS, None, found, allowed)]) from None
        except SystemExit:
            # Stopped politely in the meantime.
            raise KeyboardInterrupt from None
        finally:
            # Ray takes it for itself.
            with suppress(ValueError):
                signal.signal(signal.SIGTERM, polite)

    def _next(self, sent: Any) -> News:
        """Take in the next thing that a task has sent."""
        task, last = self._at_work[sent]
        try:
            told, file = self._ray.get(next(sent))
            news = _received(task, News(**told), file)
        except StopIteration:
            news = replace(last, kind="failed", error="its task ended without a word")
        except self._ray.exceptions.RayError as error:
            news = replace(last, kind="failed", error=f"its task on the cluster ended early: {_in_short(error)}")
        self._at_work[sent] = (task, news)
        if news.kind != "progress":
            del self._at_work[sent]
        return news


def _received(task: Task, news: News, file: bytes | None) -> News:
    """Write down the file that came with some news, and return the news."""
    draft, target = Path(task.draft), Path(task.target)
    try:
        if file is not None:
            put(file, draft, target if news.kind == "done" else draft)
    except OSError as error:
        return replace(news, kind="no room", error=str(error), summary=None)
    return news if news.summary is None else replace(news, summary={**news.summary, "file": str(target)})


def _bytes(path: str | None) -> bytes | None:
    """Return what is in a file; None where there is none."""
    return Path(path).read_bytes() if path is not None and Path(path).exists() else None


def _on_node(
    task: dict[str, Any], version: str, begun: bytes | None, past: bytes | None
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Do a task on the node where this is, and yield its news, with its file as it stands or, at the end, whole.

    `begun` is the file of a run that goes on where it was broken off, `past` that of the run it starts in the midst of.
    """
    node = socket.gethostname()
    if version != __version__:
        raise RuntimeError(f"aarlab is {__version__} on {node} and {version} where the ablation was started")
    with tempfile.TemporaryDirectory(prefix="aarlab-") as folder, closing(LocalWorkers(1)) as workers:
        draft, target = Path(folder) / "draft.db", Path(folder) / "whole.db"
        here = {"draft": str(draft), "target": str(target)}
        if begun is not None:
            draft.write_bytes(begun)
        if past is not None:
            here["past"] = str(Path(folder) / "past.db")
            Path(here["past"]).write_bytes(past)
        workers.begin(Task(**{**task, **here}))
        copied_at, ended = float("-inf"), False
        while not ended:
            # Ray can only call it off between two waits.
            for news in workers.news(_PATIENCE_S):
                ended = news.kind != "progress"
                file = None
                if news.kind == "done":
                    file = target.read_bytes()
                elif ended or time.monotonic() - copied_at >= _COPY_S:
                    file, copied_at = _as_it_stands(draft), time.monotonic()
                if news.kind == "no room":
                    news = replace(news, kind="failed", error=f"no room on {node}: {news.error}")
                yield asdict(news), file


def _as_it_stands(draft: Path) -> bytes | None:
    """Return a run file that is being written as one whole file; None before there is anything in it."""
    copy = draft.with_suffix(".copy")
    copy.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"{draft.as_uri()}?mode=ro", uri=True, timeout=30.0)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error:
        return None
    return copy.read_bytes()


def _in_short(error: BaseException) -> str:
    """Return what an error of Ray's says, without the stack of the process in which it happened."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {cause}"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
