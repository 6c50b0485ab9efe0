"""The fork server: loads the libraries once, and forks one isolated process per job.

It never reads a job. It passes file descriptors to the job process and reports how the process ended, so the memory
that a job inherits has no data of other jobs and no secrets. It has exactly one thread, and ends with its parent.
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

from aarlab.tools.sandbox import job_process, kernel
from aarlab.tools.sandbox.isolation_layers import CONTAINER, LANDLOCK
from aarlab.tools.sandbox.job import Limits
from aarlab.tools.sandbox.job_process import Lockdown
from aarlab.tools.sandbox.job_protocol import ExitReport

MAX_MESSAGE_BYTES: Final = 1 << 17
"""Bytes. The longest message has the settings with their list of paths."""

_OPEN_FILES = 1024
_MAX_OOM_SCORE = "1000"

_PRELOADED_MODULES = """
    sklearn.calibration sklearn.cluster sklearn.covariance sklearn.datasets sklearn.decomposition
    sklearn.discriminant_analysis sklearn.ensemble sklearn.feature_selection sklearn.gaussian_process sklearn.isotonic
    sklearn.kernel_approximation sklearn.kernel_ridge sklearn.linear_model sklearn.manifold sklearn.metrics
    sklearn.mixture sklearn.model_selection sklearn.naive_bayes sklearn.neighbors sklearn.neural_network
    sklearn.pipeline sklearn.preprocessing sklearn.random_projection sklearn.semi_supervised sklearn.svm sklearn.tree
    scipy.cluster.hierarchy scipy.cluster.vq scipy.linalg scipy.optimize scipy.sparse.csgraph scipy.sparse.linalg
    scipy.spatial.distance scipy.special scipy.stats
"""


@dataclass(frozen=True, slots=True)
class _RunningJob:
    """The process of a job."""

    process: int
    started_at: float
    deadline: float
    report: int


def serve(control: socket.socket) -> NoReturn:
    """Run the fork server on this control socket until the parent ends."""
    message, (parent,), _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 1)
    settings = json.loads(message)
    _harden_process()
    _import_libraries()
    layers = frozenset(settings["layers"])
    if CONTAINER in layers and not kernel.landlock_version():  # the engine does not pass Landlock on
        layers -= {LANDLOCK}
    lockdown = Lockdown(
        layers=layers,
        ruleset=kernel.landlock_ruleset(map(Path, settings["readable"])) if LANDLOCK in layers else None,
        system_calls=bytes.fromhex(settings["system_calls"]),
        fork_server=os.getpid(),
        address_space=job_process.address_space_bytes(),
    )
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"{threads} threads before the first fork")
    gc.collect()
    gc.freeze()
    gc.enable()
    kernel.use_huge_pages()
    control.send(json.dumps(sorted(layers)).encode())
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)
    _JobServer(control, parent, lockdown).serve_forever()


def _harden_process() -> None:
    """Make this process the first to be killed when memory runs out, forbid tracing, and limit file descriptors."""
    with contextlib.suppress(OSError):  # some systems do not allow it; isolation does not depend on it
        Path("/proc/self/oom_score_adj").write_text(_MAX_OOM_SCORE)
    kernel.forbid_tracing()
    kernel.lower_limit(resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES)


def _import_libraries() -> None:
    """Import the modules that methods use, and call functions that initialise on first use, to make jobs fast."""
    # If pandas is installed, scikit-learn imports it, which adds a fifth to the start time.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    gc.disable()  # imported modules are never freed
    for module in _PRELOADED_MODULES.split():
        importlib.import_module(module)
    del sys.modules["pandas"]
    points, labels = np.eye(4), np.array([0, 1, 0, 1])
    importlib.import_module("sklearn.linear_model").LogisticRegression().fit(points, labels)
    importlib.import_module("sklearn.neighbors").KNeighborsClassifier(1).fit(points, labels).predict(points)
    importlib.import_module("sklearn.cluster").KMeans(2, n_init=1).fit(points)


class _JobServer:
    """Forks job processes, enforces their deadlines, and reports how they end."""

    def __init__(self, control: socket.socket, parent: int, lockdown: Lockdown) -> None:
        self._control = control
        self._parent = parent
        self._lockdown = lockdown
        self._running: dict[int, _RunningJob] = {}
        self._poll = select.poll()
        for descriptor in (control.fileno(), parent):
            self._poll.register(descriptor, select.POLLIN)

    def serve_forever(self) -> NoReturn:
        """Serve until the control socket is closed or the parent ends; then kill all jobs and exit."""
        while True:
            for descriptor, _ in self._poll.poll(self._poll_timeout_ms()):
                if descriptor == self._control.fileno():
                    self._start_job()
                elif descriptor == self._parent:
                    self._shut_down()
                else:
                    self._reap(descriptor)
            now = time.monotonic()
            for descriptor, job in self._running.items():
                if now >= job.deadline:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def _poll_timeout_ms(self) -> float | None:
        """Return the milliseconds until the next deadline; None if no job is running."""
        if not self._running:
            return None
        return max(1.0, 1000 * (min(job.deadline for job in self._running.values()) - time.monotonic()))

    def _start_job(self) -> None:
        """Receive a request and fork a process for its job."""
        message, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE_BYTES, 4)
        if not message:
            self._shut_down()
        job_file, result_pipe, report, *service = descriptors
        request = json.loads(message)
        limits = Limits(**request["limits"])
        started_at = time.monotonic()
        try:
            process = os.fork()
        except OSError as error:
            _report(report, ExitReport(start_error=str(error)))
        else:
            if process == 0:
                job_process.run_job_process(self._lockdown, limits, request["number"], job_file, result_pipe, *service)
            handle = os.pidfd_open(process)
            self._running[handle] = _RunningJob(process, started_at, started_at + limits.wall_s, report)
            self._poll.register(handle, select.POLLIN)
        for descriptor in (job_file, result_pipe, *service):
            os.close(descriptor)

    def _reap(self, handle: int) -> None:
        """Reap a process that has ended, and report how it ended."""
        job = self._running.pop(handle)
        self._poll.unregister(handle)
        os.close(handle)
        _, status, usage = os.wait4(job.process, 0)
        now = time.monotonic()
        self._kill_process_group(job.process)
        exit_report = ExitReport(
            exit_status=os.waitstatus_to_exitcode(status),
            past_deadline=now >= job.deadline,
            seconds=now - job.started_at,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / 1024,
        )
        _report(job.report, exit_report)

    def _shut_down(self) -> NoReturn:
        """Kill every job, then exit."""
        for handle, job in self._running.items():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.waitpid(job.process, 0)
            self._kill_process_group(job.process)
        os._exit(0)

    @staticmethod
    def _kill_process_group(process: int) -> None:
        """Kill processes that a job without isolation may have started."""
        # These errors mean that no process is left. In strict mode, no process can be left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)


def _report(pipe: int, exit_report: ExitReport) -> None:
    """Send the report to the parent, unless the parent has closed the pipe."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, exit_report.encode())
    os.close(pipe)
