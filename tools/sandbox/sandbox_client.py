"""The trusted side of the sandbox: runs a fork server, submits jobs to it, and validates their results."""

import contextlib
import itertools
import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
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
from aarlab.tools.sandbox.service_socket import ServiceServer

_MAX_CONSECUTIVE_CRASHES = 3
_MAX_ATTEMPTS: Final = 3
"""How often a job is run whose sandbox dies or whose process is killed from outside."""
_RETRY_DELAY_S = 0.5  # for a machine that has no memory or no process left at the moment
_GRACE_S = 15.0  # after the deadline of a job, before the fork server is considered stuck
_CLOSE_S = 5.0
_CHUNK = 1 << 16

_NUMBERS = itertools.count(os.getpid() * 61)
"""Numbers of jobs, one sequence for all sandboxes of a process. A number determines the user of a job."""

_INPUTS: Final = {name: np.zeros(0) for name in ("features", "weak_labels", "test_features", "relations")}
_SELF_TEST_JOB: Final = Job("def method(world): return ()", _INPUTS, seed=0)
"""A job that does nothing, to detect a sandbox that does not work."""


class Sandbox:
    """Runs untrusted methods in parallel. A context manager.

    Call `run` from as many threads as jobs should run at the same time. If the fork server crashes, a new one is
    started and the jobs that it was running are run again: the method is not to blame, and a job has one result.

    Args:
        mode: `"strict"`; `"docker"` for a Docker or Podman container in place of bubblewrap and separate users; or
            `"none"` for trusted code, which can do everything that this user can within resource limits and deadline.
        layers: Isolation layers of the strict mode, or those inside the container of the docker mode. Tests omit some.

    Attributes:
        mode: The mode.
        layers: Names of the active layers.

    Raises:
        SandboxUnavailable: The mode is not available on this machine, or the fork server does not start.
        ValueError: The mode or a layer is unknown.
    """

    def __init__(self, mode: SandboxMode = "strict", *, layers: frozenset[str] = ALL_LAYERS) -> None:
        """Start the fork server and run a self-test job."""
        if mode not in get_args(SandboxMode):
            raise ValueError(f"there is no sandbox mode {mode!r}: use 'strict', 'docker' or 'none'")
        if sys.platform != "linux":
            raise SandboxUnavailable("the sandbox needs Linux. Fix: use a Linux machine or virtual machine.")
        if unknown := layers - ALL_LAYERS:
            raise ValueError(f"there are no layers {sorted(unknown)}: use {sorted(ALL_LAYERS)}")
        self.mode = mode
        self._requested_layers = available(mode, layers)
        self._file_allowlist = file_allowlist()
        self._lock = threading.Lock()
        self._crashes = 0
        self._closed = False
        self._fork_server: ForkServer | None = ForkServer(self._requested_layers, self._file_allowlist)
        self.layers = self._fork_server.layers
        try:
            self.self_test()
        except SandboxUnavailable:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the sandbox, which is already running."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sandbox."""
        self.close()

    def run(self, job: Job) -> JobResult:
        """Run a job and return its result. Failures of the job are errors in the result.

        Raises:
            SandboxUnavailable: The sandbox is closed, the fork server crashed several times in a row, or the process of
                the job could not be started several times in a row.
            ValueError: The inputs of the job are not plain arrays.
        """
        problem = ""
        for attempt in range(_MAX_ATTEMPTS):
            if attempt:
                time.sleep(_RETRY_DELAY_S)
            received, exit_report = self._run_once(job)
            if exit_report is None:
                problem = "the sandbox ended before the method did"
            elif exit_report.start_error is not None:
                problem = f"the job could not be started: {exit_report.start_error}"
            elif not _killed_from_outside(exit_report, job.limits) or attempt == _MAX_ATTEMPTS - 1:
                self._crashes = 0
                return _job_result(received, exit_report, job.limits)
        raise SandboxUnavailable(
            f"a job was run {_MAX_ATTEMPTS} times without a result: {problem}. "
            "Fix: find out what kills its processes; free memory or run fewer jobs at a time."
        )

    def _run_once(self, job: Job) -> tuple[bytes, ExitReport | None]:
        """Run a job, and return the bytes of its result and its report; None: the fork server crashed or is stuck."""
        sealed = job_protocol.seal_job(job)
        result_read_fd, result_write_fd = os.pipe()
        report_read_fd, report_write_fd = os.pipe()
        passed = [sealed, result_write_fd, report_write_fd]
        with FileIO(result_read_fd) as result_pipe, FileIO(report_read_fd) as report, ExitStack() as stack:
            server = None
            if job.service is not None:
                own_end, job_end = socket.socketpair()
                server = stack.enter_context(ServiceServer(own_end, job.service()))
                passed.append(job_end.detach())
            try:
                fork_server = self._submit(job.limits, passed)
            finally:
                for descriptor in passed:
                    os.close(descriptor)
            received, exit_report = _collect(result_pipe, report, job.limits, server)
        if server is not None and server.failure is not None:
            raise server.failure
        if exit_report is None:
            self._discard(fork_server)
        return received, exit_report

    def self_test(self) -> None:
        """Run a job that does nothing. Raises SandboxUnavailable if it fails."""
        if (error := self.run(_SELF_TEST_JOB).error) is not None:
            raise SandboxUnavailable(f"the sandbox does not work here: {error}")

    def close(self) -> None:
        """End the fork server and every running job: `run` raises SandboxUnavailable. A second call does nothing."""
        with self._lock:
            self._closed = True
            fork_server, self._fork_server = self._fork_server, None
        if fork_server is not None:
            fork_server.end(_CLOSE_S)

    def _submit(self, limits: Limits, descriptors: list[int]) -> ForkServer:
        """Submit a job to the fork server, started if there is none, and return the fork server."""
        with self._lock:
            if self._closed:
                raise SandboxUnavailable("the sandbox is closed")
            if self._crashes >= _MAX_CONSECUTIVE_CRASHES:
                raise SandboxUnavailable(
                    f"the sandbox crashed {self._crashes} times in a row. Fix: find out what kills its processes."
                )
            if self._fork_server is None:
                self._fork_server = ForkServer(self._requested_layers, self._file_allowlist)
            # OSError means that the fork server has ended. The report pipe is then closed, which `_collect` detects.
            with contextlib.suppress(OSError):
                self._fork_server.submit(limits, next(_NUMBERS), descriptors)
            return self._fork_server

    def _discard(self, fork_server: ForkServer) -> None:
        """Discard a crashed or stuck fork server. Only the first call for a fork server has an effect."""
        with self._lock:
            if self._fork_server is not fork_server:
                return
            self._fork_server = None
            self._crashes += 1
        fork_server.end(0.0)


def _collect(
    result_pipe: FileIO, report: FileIO, limits: Limits, server: ServiceServer | None
) -> tuple[bytes, ExitReport | None]:
    """Answer the requests of a job and read its result, until the fork server reports the end of the job.

    Of a result, at most one byte more than allowed is read.

    Returns:
        The bytes of the result, and the report. The report is None if the fork server crashed or is stuck.
    """
    received = bytearray()
    os.set_blocking(result_pipe.fileno(), False)
    poll = select.poll()
    poll.register(result_pipe, select.POLLIN)
    poll.register(report, select.POLLIN)
    deadline = time.monotonic() + limits.wall_s + _GRACE_S
    if server is not None:
        poll.register(server, select.POLLIN)
    while ready := {descriptor for descriptor, _ in poll.poll(max(0.0, 1000 * (deadline - time.monotonic())))}:
        if (
            not result_pipe.closed
            and result_pipe.fileno() in ready
            and not _read_some(result_pipe, received, limits.result_bytes)
        ):
            poll.unregister(result_pipe)
            result_pipe.close()  # further writes fail with a broken pipe
        if server is not None and not server.closed and server.fileno() in ready and not server.answer():
            poll.unregister(server)
            server.close()
        if report.fileno() in ready:
            exit_report = report.read(_CHUNK)
            while not result_pipe.closed and _read_some(result_pipe, received, limits.result_bytes, last=True):
                pass
            return bytes(received), ExitReport.decode(exit_report) if exit_report else None
    return bytes(received), None


def _read_some(result_pipe: FileIO, received: bytearray, limit: int, last: bool = False) -> bool:
    """Read available bytes. Return False at the end, or when more than the allowed bytes have been received.

    Args:
        result_pipe: The reading end, which does not block.
        received: The new bytes are appended to it.
        limit: Number of allowed bytes.
        last: Whether the writer has ended, so that no bytes available means the end.
    """
    chunk = result_pipe.read(limit + 1 - len(received))
    if chunk is None:
        return not last
    received += chunk
    return bool(chunk) and len(received) <= limit


def _job_result(received: bytes, exit_report: ExitReport, limits: Limits) -> JobResult:
    """Return the result for the bytes that a job wrote and the way it ended."""
    if (error := _violation(len(received), exit_report, limits)) is not None:
        return _failed(error, exit_report)
    try:
        predictions, log, error = job_protocol.decode_result(received)
    except job_protocol.InvalidResult as invalid:
        return _failed(str(invalid), exit_report)
    return JobResult(predictions, log, error, exit_report.seconds, exit_report.cpu_seconds, exit_report.peak_mb)


def _killed_from_outside(exit_report: ExitReport, limits: Limits) -> bool:
    """Return whether a job was killed for no limit of its own, such as by the kernel when memory ran out."""
    killed = exit_report.exit_status == -signal.SIGKILL
    return killed and not exit_report.past_deadline and exit_report.cpu_seconds < limits.cpu_s


def _violation(size: int, exit_report: ExitReport, limits: Limits) -> str | None:
    """Return the limit that a job exceeded, or how it ended abnormally; None if its result may be decoded."""
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
        return f"ended without a result (exit status {exit_report.exit_status})"
    return None


def _failed(error: str, exit_report: ExitReport) -> JobResult:
    """Return a result with an error."""
    return JobResult(None, [], error, exit_report.seconds, exit_report.cpu_seconds, exit_report.peak_mb)
