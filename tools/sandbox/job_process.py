"""The process of one job, a fork of the fork server: apply the isolation layers, run the method, send the result."""

import os
import random
import resource
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from aarlab.scenarios.toolkit.inputs import Inputs, StudentService
from aarlab.tools.sandbox import job_protocol, kernel
from aarlab.tools.sandbox.isolation_layers import LANDLOCK, RLIMITS, SECCOMP, UID
from aarlab.tools.sandbox.job import Job, Limits
from aarlab.tools.sandbox.service_socket import ServiceClient

_METHOD_FILE = "<method>"
_FIRST_UID = 61184  # systemd's range for dynamic users
_UIDS = 4000
_OPEN_FILES = 64


class LockdownFailed(RuntimeError):
    """An isolation layer could not be applied. No untrusted code has run."""


@dataclass(frozen=True, slots=True)
class Lockdown:
    """Isolation settings that the fork server prepares once, so that a job applies them in a millisecond."""

    layers: frozenset[str]
    """Names of the layers to apply."""
    ruleset: int | None
    """File descriptor of the Landlock ruleset; None without that layer."""
    system_calls: bytes
    """The seccomp program; see `seccomp.compile_filter`."""
    fork_server: int
    """Process id of the fork server."""
    address_space: int
    """Address space of the fork server in bytes, which a job inherits."""

    def apply(self, limits: Limits, number: int) -> None:
        """Apply every layer. The order is fixed, because each layer forbids calls that earlier layers need.

        Args:
            limits: Limits of the job.
            number: Number of the job. It determines the user, so that concurrent jobs are different users.

        Raises:
            LockdownFailed: A layer could not be applied.
        """
        try:
            if RLIMITS in self.layers:
                self._set_resource_limits(limits)
            kernel.forbid_new_privileges()
            if self.ruleset is not None and LANDLOCK in self.layers:
                kernel.landlock_restrict(self.ruleset)
                os.close(self.ruleset)
            if UID in self.layers:
                user = _FIRST_UID + number % _UIDS
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            kernel.die_with_parent(signal.SIGKILL)  # after the change of user, which would reset it
            if os.getppid() != self.fork_server:
                os._exit(1)
            kernel.forbid_tracing()
            if SECCOMP in self.layers:
                kernel.restrict_system_calls(self.system_calls)
        except (OSError, ValueError) as exception:
            raise LockdownFailed(str(exception)) from exception

    def _set_resource_limits(self, limits: Limits) -> None:
        """Set the resource limits. With a limit of one process, no fork and no thread succeeds."""
        max_address_space = self.address_space + limits.memory_mb * (1 << 20)
        for kind, soft, hard in (
            (resource.RLIMIT_AS, max_address_space, max_address_space),
            (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
            (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
            (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
            (resource.RLIMIT_NPROC, 1, 1),
            (resource.RLIMIT_CORE, 0, 0),
        ):
            kernel.lower_limit(kind, soft, hard)


def run_job_process(
    lockdown: Lockdown, limits: Limits, number: int, job_file: int, result_pipe: int, service: int | None = None
) -> NoReturn:
    """Run a job from reading it to sending its result, then exit. `service` is the socket to `Job.service`, if any."""
    status = 1
    try:
        os.setsid()
        job = job_protocol.unseal_job(job_file)
        keep = sorted({fd for fd in (result_pipe, lockdown.ruleset, service) if fd is not None})
        for low, high in zip([2, *keep], [*keep, resource.getrlimit(resource.RLIMIT_NOFILE)[0]], strict=True):
            os.closerange(low + 1, high)
        lockdown.apply(limits, number)
        encoded = _within_size_limit(limits, run(job, limits, None if service is None else ServiceClient(service)))
        while encoded:
            encoded = encoded[os.write(result_pipe, encoded) :]
        status = 0
    except LockdownFailed as exception:
        os.write(
            result_pipe, job_protocol.encode_result(None, [], f"an isolation layer could not be applied: {exception}")
        )
        status = 0
    finally:
        os._exit(status)


def run(job: Job, limits: Limits, student: StudentService | None = None) -> bytes:
    """Run the method of a job in this process, and return its encoded result or error. This runs untrusted code."""
    log: list[dict[str, Any]] = []
    predictions, error = None, None
    try:
        _reseed(job.seed)
        predictions = _predictions(job, log, student)
    except MemoryError as exception:
        error = f"used more than {limits.memory_mb} MB{_line_in_method(exception)}"
    except BaseException as exception:
        error = _describe(exception)
    try:
        return job_protocol.encode_result(predictions, log, error)
    except BaseException as exception:
        return job_protocol.encode_result(None, [], f"world.log cannot be kept: {_exception_message(exception)}")


def _reseed(seed: int) -> None:
    """Seed the global generators, which would otherwise have the same state in all jobs."""
    random.seed(seed)
    np.random.seed(np.random.SeedSequence(seed).generate_state(8))  # noqa: NPY002 - methods may use the global generator


def _predictions(job: Job, log: list[dict[str, Any]], student: StudentService | None) -> NDArray[np.float64]:
    """Execute the code, call its method and return the predictions.

    Raises:
        NameError: The code defines no function `method`.
        TypeError: The method does not return an array of numbers.
    """
    code: CodeType = compile(job.code, _METHOD_FILE, "exec", dont_inherit=True)
    namespace: dict[str, Any] = {"__name__": "method", "__file__": _METHOD_FILE}
    exec(code, namespace)
    if not callable(namespace.get("method")):
        raise NameError("the code defines no function method(world)")
    returned = np.asarray(namespace["method"](Inputs.of_arrays(job.inputs, job.seed, log, student)))
    if returned.dtype.kind not in "biuf":
        raise TypeError(
            f"method(world) must return an array of numbers, not {returned.dtype} of shape {returned.shape}"
        )
    return returned.astype(np.float64)


def _within_size_limit(limits: Limits, encoded: bytes) -> bytes:
    """Return the encoded result, or an error result if it is too large."""
    if len(encoded) <= limits.result_bytes:
        return encoded
    return job_protocol.encode_result(
        None, [], f"result too large: {len(encoded)} bytes, {limits.result_bytes} allowed"
    )


def _describe(exception: BaseException) -> str:
    """Return one line for an exception: its type, the line number in the method's code, and its message."""
    return f"{type(exception).__name__}{_line_in_method(exception)}: {_exception_message(exception)}"


def _line_in_method(exception: BaseException) -> str:
    """Return the innermost line number in the method's code in the traceback, as ` at line 7`, or an empty text."""
    if isinstance(exception, SyntaxError) and exception.filename == _METHOD_FILE:
        return f" at line {exception.lineno}"
    lines = [
        line for frame, line in traceback.walk_tb(exception.__traceback__) if frame.f_code.co_filename == _METHOD_FILE
    ]
    return f" at line {lines[-1]}" if lines else ""


def _exception_message(exception: BaseException) -> str:
    """Return the message of an exception, or a placeholder if its `__str__` raises."""
    try:
        return str(exception.msg if isinstance(exception, SyntaxError) else exception)
    except BaseException:
        return "(its message cannot be read)"


def address_space_bytes(process: Path = Path("/proc/self")) -> int:
    """Return the bytes of address space of a process."""
    return int((process / "statm").read_text().split()[0]) * resource.getpagesize()
