"""The trusted side: keeps a fork server, hands it jobs, and believes nothing that comes back."""

import contextlib
import itertools
import os
import select
import signal
import sys
import threading
import time
from io import FileIO
from types import TracebackType
from typing import Final, Self, get_args

import numpy as np

from aarlab.tools.sandbox import job_protocol
from aarlab.tools.sandbox.file_allowlist import file_allowlist
from aarlab.tools.sandbox.fork_server_handle import ForkServer
from aarlab.tools.sandbox.isolation_layers import ALL_LAYERS, SandboxMode, available
from aarlab.tools.sandbox.job import Job, JobResult, Limits, SandboxUnavailable
from aarlab.tools.sandbox.job_protocol import ExitReport

_MAX_CONSECUTIVE_CRASHES = 3
_GRACE_S = 15.0  # past a job's deadline, before the zygote itself is taken to be stuck
_CLOSE_S = 5.0
_CHUNK = 1 << 16

_NUMBERS = itertools.count(os.getpid() * 61)
"""Numbers of jobs, from which their users are derived: one sequence for all of a process's sandboxes."""

_INPUTS: Final = {name: np.zeros(0) for name in ("features", "weak_labels", "test_features", "relations")}
_SELF_TEST_JOB: Final = Job("def method(world): return ()", _INPUTS, seed=0)
"""Run once at the start: what cannot lock itself down should say so before it is needed."""


class Sandbox:
    """Runs untrusted methods, several at a time.

    A context manager; `run` may be called from several threads at once, and the caller decides how many that is. The
    fork server behind it is started here and, should it die, again for the next job; the jobs it had are answered with an
    error.

    Args:
        mode: `"strict"`; `"docker"` for a container of Docker's or Podman's in place of namespaces and users of our
            own; or `"none"` for code that is trusted: then only resource limits and the deadline hold, and the code can
            read and do whatever this user can.
        layers: which layers of the strict mode to put on, and of the docker mode inside the container. All, except in
            tests that show what each is good for.

    Attributes:
        mode: as given.
        layers: names of the layers that are on.

    Raises:
        SandboxUnavailable: the mode cannot be had on this machine, or the fork server does not start.
        ValueError: an unknown mode or layer.
    """

    def __init__(self, mode: SandboxMode = "strict", *, layers: frozenset[str] = ALL_LAYERS) -> None:
        if mode not in get_args(SandboxMode):
            raise ValueError(f"there is no sandbox mode {mode!r}: use 'strict', 'docker' or, by name, 'none'")
        if sys.platform != "linux":
            raise SandboxUnavailable(
                "the sandbox exists on Linux only. Remedy: use a Linux machine or virtual machine."
            )
        if unknown := layers - ALL_LAYERS:
            raise ValueError(f"there are no layers {sorted(unknown)}: only {sorted(ALL_LAYERS)}")
        self.mode = mode
        self._requested_layers = available(mode, layers)
        self._file_allowlist = file_allowlist()
        self._lock = threading.Lock()
        self._crashes = 0
        self._closed = False
        self._fork_server: ForkServer | None = ForkServer(self._requested_layers, self._file_allowlist)
        self.layers = self._fork_server.layers
        if (error := self.run(_SELF_TEST_JOB).error) is not None:
            self.close()
            raise SandboxUnavailable(f"the sandbox does not work here: {error}")

    def __enter__(self) -> Self:
        """Return the sandbox itself: it is already running."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sandbox."""
        self.close()

    def run(self, job: Job) -> JobResult:
        """Run a job and wait for its outcome. Whatever the job does becomes part of the outcome.

        Raises:
            SandboxUnavailable: the sandbox is closed, or its fork server died several times in a row.
            ValueError: the job's inputs are not plain arrays.
        """
        sealed = job_protocol.seal_job(job)
        result_read_fd, result_write_fd = os.pipe()
        report_read_fd, report_write_fd = os.pipe()
        with FileIO(result_read_fd) as result_pipe, FileIO(report_read_fd) as report:
            try:
                fork_server = self._submit(job.limits, [sealed, result_write_fd, report_write_fd])
            finally:
                for descriptor in (sealed, result_write_fd, report_write_fd):
                    os.close(descriptor)
            received, exit_report = _collect(result_pipe, report, job.limits)
        if exit_report is None:
            self._discard(fork_server)
            return _failed("the sandbox ended before the method did")
        self._crashes = 0
        return _job_result(received, exit_report, job.limits)

    def close(self) -> None:
        """End the fork server and every job that is still running; their outcomes are errors. May be called twice."""
        with self._lock:
            self._closed = True
            fork_server, self._fork_server = self._fork_server, None
        if fork_server is not None:
            fork_server.end(_CLOSE_S)

    def _submit(self, limits: Limits, descriptors: list[int]) -> ForkServer:
        """Give a job to the fork server, a new one if there is none, and return it."""
        with self._lock:
            if self._closed:
                raise SandboxUnavailable("the sandbox is closed")
            if self._crashes >= _MAX_CONSECUTIVE_CRASHES:
                raise SandboxUnavailable(f"the sandbox died {self._crashes} times in a row: what ends its processes?")
            if self._fork_server is None:
                self._fork_server = ForkServer(self._requested_layers, self._file_allowlist)
            # An error means that it is dead: then nobody holds the report's other end, and whoever reads it will know.
            with contextlib.suppress(OSError):
                self._fork_server.submit(limits, next(_NUMBERS), descriptors)
            return self._fork_server

    def _discard(self, fork_server: ForkServer) -> None:
        """Clear a dead or stuck fork server away, once, whoever of its jobs finds out first."""
        with self._lock:
            if self._fork_server is not fork_server:
                return
            self._fork_server = None
            self._crashes += 1
        fork_server.end(0.0)


def _collect(result_pipe: FileIO, report: FileIO, limits: Limits) -> tuple[bytes, ExitReport | None]:
    """Read a job's answer until the fork server reports its end, and no more of it than one byte past what is allowed.

    Returns:
        The answer, and the report, which is None when the fork server died or is stuck.
    """
    received = bytearray()
    os.set_blocking(result_pipe.fileno(), False)
    poll = select.poll()
    poll.register(result_pipe, select.POLLIN)
    poll.register(report, select.POLLIN)
    until = time.monotonic() + limits.wall_s + _GRACE_S
    while ready := {descriptor for descriptor, _ in poll.poll(max(0.0, 1000 * (until - time.monotonic())))}:
        if (
            not result_pipe.closed
            and result_pipe.fileno() in ready
            and not _read_some(result_pipe, received, limits.result_bytes)
        ):
            poll.unregister(result_pipe)
            result_pipe.close()  # whoever still writes finds a broken pipe
        if report.fileno() in ready:
            exit_report = report.read(_CHUNK)
            while not result_pipe.closed and _read_some(result_pipe, received, limits.result_bytes, last=True):
                pass
            return bytes(received), ExitReport.decode(exit_report) if exit_report else None
    return bytes(received), None


def _read_some(result_pipe: FileIO, received: bytearray, limit: int, last: bool = False) -> bool:
    """Read what is there; False when there will be no more, or nothing more that is wanted.

    Args:
        answer: the reading end, which does not block.
        written: is added to.
        limit: bytes that are allowed.
        last: whether the writer has ended, so that what is not there now will never be.
    """
    chunk = result_pipe.read(limit + 1 - len(received))
    if chunk is None:
        return not last
    received += chunk
    return bool(chunk) and len(received) <= limit


def _job_result(received: bytes, exit_report: ExitReport, limits: Limits) -> JobResult:
    """Judge how a job ended and what it wrote."""
    if (error := _violation(len(received), exit_report, limits)) is not None:
        return _failed(error, exit_report)
    try:
        predictions, log, error = job_protocol.decode_result(received)
    except job_protocol.InvalidResult as invalid:
        return _failed(str(invalid), exit_report)
    return JobResult(predictions, log, error, exit_report.seconds, exit_report.cpu_seconds, exit_report.peak_mb)


def _violation(size: int, exit_report: ExitReport, limits: Limits) -> str | None:
    """The limit that a job hit, or the way it ended if not as it should; None when its answer may be read."""
    if exit_report.start_error is not None:
        return f"the job could not be started: {exit_report.start_error}"
    if size > limits.result_bytes:
        return f"result too large: more than {limits.result_bytes} bytes"
    if exit_report.past_deadline and exit_report.exit_status == -signal.SIGKILL:
        return f"stopped after {limits.wall_s:g} s"
    if exit_report.exit_status == -signal.SIGXCPU or (
        exit_report.exit_status == -signal.SIGKILL and exit_report.cpu_seconds >= limits.cpu_s
    ):
        return f"used more than {limits.cpu_s} s of processor time"
    if exit_report.exit_status < 0:
        return f"ended by signal {-exit_report.exit_status} ({signal.strsignal(-exit_report.exit_status)})"
    if exit_report.exit_status > 0 or not size:
        return f"ended without an answer (exit status {exit_report.exit_status})"
    return None


def _failed(error: str, exit_report: ExitReport | None = None) -> JobResult:
    """An outcome that is an error."""
    if exit_report is None:
        return JobResult(None, [], error, 0.0, 0.0, 0.0)
    return JobResult(None, [], error, exit_report.seconds, exit_report.cpu_seconds, exit_report.peak_mb)
