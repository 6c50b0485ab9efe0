"""The zygote: loads the libraries once, then forks one locked-down process per job.

It never meets a job's contents: it passes descriptors on and reports how each process ended. So nothing of one job,
and no secret, is in the memory that the next one inherits. It has exactly one thread, and ends when its parent does.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np

from aarlab.tools.sandbox import kernel, worker
from aarlab.tools.sandbox.defence import CONTAINER, LANDLOCK
from aarlab.tools.sandbox.job import Limits
from aarlab.tools.sandbox.wire import Ending
from aarlab.tools.sandbox.worker import Lockdown

LONGEST_MESSAGE: Final = 1 << 17
"""Bytes; the settings with their list of paths are the longest."""

_OPEN_FILES = 1024
_MOST_KILLABLE = "1000"

_PRELOADED = """
    sklearn.calibration sklearn.cluster sklearn.covariance sklearn.datasets sklearn.decomposition
    sklearn.discriminant_analysis sklearn.ensemble sklearn.feature_selection sklearn.gaussian_process sklearn.isotonic
    sklearn.kernel_approximation sklearn.kernel_ridge sklearn.linear_model sklearn.manifold sklearn.metrics
    sklearn.mixture sklearn.model_selection sklearn.naive_bayes sklearn.neighbors sklearn.neural_network
    sklearn.pipeline sklearn.preprocessing sklearn.random_projection sklearn.semi_supervised sklearn.svm sklearn.tree
    scipy.cluster.hierarchy scipy.cluster.vq scipy.linalg scipy.optimize scipy.sparse.csgraph scipy.sparse.linalg
    scipy.spatial.distance scipy.special scipy.stats
"""


@dataclass(frozen=True, slots=True)
class _Running:
    """A job's process, as the zygote knows it."""

    process: int
    begun: float
    deadline: float
    report: int


def serve(control: socket.socket) -> NoReturn:
    """Be a zygote on this socket until the parent is gone."""
    message, (parent,), _, _ = socket.recv_fds(control, LONGEST_MESSAGE, 1)
    settings = json.loads(message)
    _settle()
    _preload()
    layers = frozenset(settings["layers"])
    if CONTAINER in layers and not kernel.landlock_version():  # an engine that keeps Landlock out is wall enough
        layers -= {LANDLOCK}
    lockdown = Lockdown(
        layers=layers,
        ruleset=kernel.landlock_ruleset(map(Path, settings["readable"])) if LANDLOCK in layers else None,
        system_calls=bytes.fromhex(settings["system_calls"]),
        zygote=os.getpid(),
        address_space=worker.room_of(),
    )
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"{threads} threads before the first fork")
    gc.collect()
    gc.freeze()
    gc.enable()
    kernel.gather_memory()
    control.send(json.dumps(sorted(layers)).encode())
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)
    _Zygote(control, parent, lockdown).loop()


def _settle() -> None:
    """Be the first to go when the machine runs out of memory, be nobody's to trace, and use few descriptors."""
    with contextlib.suppress(OSError):  # a system that does not let us volunteer is no less safe
        Path("/proc/self/oom_score_adj").write_text(_MOST_KILLABLE)
    kernel.forbid_tracing()
    kernel.lower_limit(resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES)


def _preload() -> None:
    """Import what methods use, and touch what is initialised on first use, so that no job pays for it."""
    # scikit-learn would load it where it happens to be installed, which takes as long as a fifth of all the rest.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    gc.disable()  # what is imported here stays
    for module in _PRELOADED.split():
        importlib.import_module(module)
    del sys.modules["pandas"]
    points, labels = np.eye(4), np.array([0, 1, 0, 1])
    importlib.import_module("sklearn.linear_model").LogisticRegression().fit(points, labels)
    importlib.import_module("sklearn.neighbors").KNeighborsClassifier(1).fit(points, labels).predict(points)
    importlib.import_module("sklearn.cluster").KMeans(2, n_init=1).fit(points)


class _Zygote:
    """The loop that forks, watches and reports."""

    def __init__(self, control: socket.socket, parent: int, lockdown: Lockdown) -> None:
        self._control = control
        self._parent = parent
        self._lockdown = lockdown
        self._running: dict[int, _Running] = {}
        self._poll = select.poll()
        for descriptor in (control.fileno(), parent):
            self._poll.register(descriptor, select.POLLIN)

    def loop(self) -> NoReturn:
        """Serve until the control socket is closed or the parent process ends; then end everything."""
        while True:
            for descriptor, _ in self._poll.poll(self._patience()):
                if descriptor == self._control.fileno():
                    self._begin()
                elif descriptor == self._parent:
                    self._leave()
                else:
                    self._end(descriptor)
            now = time.monotonic()
            for descriptor, job in self._running.items():
                if now >= job.deadline:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def _patience(self) -> float | None:
        """Milliseconds until the next deadline; None when nothing runs."""
        if not self._running:
            return None
        return max(1.0, 1000 * (min(job.deadline for job in self._running.values()) - time.monotonic()))

    def _begin(self) -> None:
        """Take an order and fork its process."""
        message, descriptors, _, _ = socket.recv_fds(self._control, LONGEST_MESSAGE, 3)
        if not message:
            self._leave()
        job_file, answer_pipe, report = descriptors
        order = json.loads(message)
        limits = Limits(**order["limits"])
        begun = time.monotonic()
        try:
            process = os.fork()
        except OSError as trouble:
            _report(report, Ending(failure=str(trouble)))
        else:
            if process == 0:
                worker.live(self._lockdown, limits, order["number"], job_file, answer_pipe)
            handle = os.pidfd_open(process)
            self._running[handle] = _Running(process, begun, begun + limits.wall_s, report)
            self._poll.register(handle, select.POLLIN)
        os.close(job_file)
        os.close(answer_pipe)

    def _end(self, handle: int) -> None:
        """Bury a process that has ended and report on it."""
        job = self._running.pop(handle)
        self._poll.unregister(handle)
        os.close(handle)
        _, status, usage = os.wait4(job.process, 0)
        now = time.monotonic()
        self._end_group(job.process)
        ending = Ending(
            exit=os.waitstatus_to_exitcode(status),
            late=now >= job.deadline,
            seconds=now - job.begun,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / 1024,
        )
        _report(job.report, ending)

    def _leave(self) -> NoReturn:
        """End every job, then this process."""
        for handle, job in self._running.items():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.waitpid(job.process, 0)
            self._end_group(job.process)
        os._exit(0)

    @staticmethod
    def _end_group(process: int) -> None:
        """End what a job without walls may have left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left, as always in strict mode
            os.killpg(process, signal.SIGKILL)


def _report(pipe: int, ending: Ending) -> None:
    """Tell the parent how a job ended, if it still wants to know."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, ending.encode())
    os.close(pipe)
