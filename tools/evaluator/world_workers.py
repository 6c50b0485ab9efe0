"""Worker processes that draw worlds and run plain pipelines, so that a run uses all cores.

One Python process cannot: drawing a world and a pipeline both hold its lock. A worker saves the process of a job for
each plain pipeline, too. Results are those of the sandbox, so they do not depend on whether there are workers.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final, Protocol

from aarlab.scenarios.task import Split, Task, World, WorldSize
from aarlab.scenarios.task_registry import BUILT_IN
from aarlab.scenarios.tasks.weight_cache import in_memory
from aarlab.tools.evaluator.results import WorldResult
from aarlab.tools.evaluator.world_run import available_cores

WORLDS_BEFORE_START: Final = 16
"""Worlds that a process evaluates before it starts workers: a few worlds take less time than the start."""
_CLOSE_S = 5.0

# A worker imports the same modules as its parent, regardless of its working directory.
_BOOT = """
import sys
count = int(sys.argv[1])
sys.path[:] = sys.argv[2 + count:]
from aarlab.tools.evaluator.world_process import serve
serve(list(map(int, sys.argv[2 : 2 + count])))
"""
_ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # The C library keeps freed arrays for the next ones. By default it returns them to the system, and each world costs
    # 800 page faults, a tenth of the time of drawing it.
    "MALLOC_MMAP_THRESHOLD_": str(256 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
}


@dataclass(frozen=True, slots=True)
class WorldRequest:
    """Methods to run on one world."""

    task: Task
    seed: int
    split: Split
    size: WorldSize
    codes: tuple[str, ...]
    """Source of each method."""
    shuffles: Sequence[int]
    """Numbers of the shuffles of the weak labels with which the methods also run."""
    world: World | None
    """The world, if it was drawn before."""
    keeps_world: bool
    """Whether the answer must contain a world that is drawn for it."""


@dataclass(frozen=True, slots=True)
class WorldAnswer:
    """Results of methods on a world."""

    results: list[WorldResult | None]
    """One result for each method; None: it must run in the sandbox."""
    world: World | None
    """The new world, if it is wanted or a method must run in the sandbox."""


class Workers(Protocol):
    """Processes that may take over work."""

    def ask(self, request: WorldRequest) -> WorldAnswer | None:
        """Return the answer to a request; None: the caller must do the work."""


def serves(task: Task) -> bool:
    """Return whether workers can draw the worlds of a task: a built-in one whose worlds are data only."""
    return type(task) is BUILT_IN.get(task.name) and not (task.single_world or task.fine_tunes)


@dataclass(slots=True, eq=False)
class _Worker:
    connection: Connection
    known_weights: set[str] = field(default_factory=set)
    """Names of the pretrained weights that it has received."""


class WorldWorkers:
    """Worker processes. Several threads can use them, and none waits: without a free worker the caller does the work.

    The workers end when `close` is called or this process ends, in whatever way: their sockets are then closed.
    """

    def __init__(self, count: int) -> None:
        """Start `count` workers. They are free once they have loaded their libraries."""
        pairs = [socket.socketpair() for _ in range(count)]
        own, theirs = ([pair[side].detach() for pair in pairs] for side in (0, 1))
        self._count = count
        self._lock = threading.Lock()
        self._loading = [_Worker(Connection(descriptor)) for descriptor in own]
        self._free: list[_Worker] = []
        self._closed = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, str(count), *map(str, theirs), *sys.path],
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=theirs,
            start_new_session=True,  # the parent handles Ctrl-C on the terminal
        )
        for descriptor in theirs:
            os.close(descriptor)

    @property
    def process_id(self) -> int:
        """Id of the first worker, and of the process group of all."""
        return self._process.pid

    def ask(self, request: WorldRequest) -> WorldAnswer | None:
        """Return the answer of a free worker; None: no worker is free, or the worker has died."""
        worker = self._take()
        if worker is None:
            return None
        weights = {name: arrays for name, arrays in in_memory().items() if name not in worker.known_weights}
        try:
            worker.connection.send((weights, request))
            answer: WorldAnswer = worker.connection.recv()
        except (EOFError, OSError):
            worker.connection.close()
            return None
        worker.known_weights |= weights.keys()
        if answer.world is not None:
            answer.world.protect()
        with self._lock:
            if self._closed:
                worker.connection.close()
            else:
                self._free.append(worker)
        return answer

    def all_free(self) -> bool:
        """Return whether all workers are free."""
        with self._lock:
            self._admit()
            return len(self._free) == self._count

    def close(self) -> None:
        """End the workers. A request in progress is left to its caller."""
        with self._lock:
            self._closed = True
            idle, self._loading, self._free = self._loading + self._free, [], []
        for worker in idle:
            worker.connection.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process_id, signal.SIGKILL)
            self._process.wait()

    def _take(self) -> _Worker | None:
        """Return a free worker, which the caller gives back; None if there is none."""
        with self._lock:
            self._admit()
            return self._free.pop() if self._free else None

    def _admit(self) -> None:
        """Make the workers free that have loaded their libraries."""
        for worker in [worker for worker in self._loading if worker.connection.poll()]:
            self._loading.remove(worker)
            try:
                worker.connection.recv()
                self._free.append(worker)
            except (EOFError, OSError):
                worker.connection.close()


class _SharedWorkers:
    """The workers of this process. They are started once it has evaluated some worlds, if it may use several cores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._evaluated = 0
        self._workers: WorldWorkers | None = None

    def ask(self, request: WorldRequest) -> WorldAnswer | None:
        with self._lock:
            self._evaluated += 1
            if self._workers is None and self._evaluated > WORLDS_BEFORE_START and available_cores() > 1:
                self._workers = WorldWorkers(available_cores())
            workers = self._workers
        return None if workers is None else workers.ask(request)

    def close(self) -> None:
        if self._workers is not None:
            self._workers.close()

    def forget(self) -> None:
        """Start anew in a forked process: the workers belong to its parent."""
        self._lock, self._evaluated, self._workers = threading.Lock(), 0, None


shared_workers: Final = _SharedWorkers()
"""For all runs of this process."""
atexit.register(shared_workers.close)
os.register_at_fork(after_in_child=shared_workers.forget)
