"""A job of the sandbox, its limits and its result, and the error for an unavailable sandbox."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aarlab.scenarios.toolkit.inputs import StudentService


class SandboxUnavailable(RuntimeError):
    """The requested sandbox is not available on this machine. The message has the reason and a fix."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a job. A job that exceeds one is stopped, and the error of its result names the limit.

    Raises:
        ValueError: A limit is negative, or zero although a job needs more than zero.
    """

    wall_s: float = 100.0
    """Wall-clock time from fork to result, in seconds. It stops jobs that wait. It is ten times the processor time, so
    that a busy machine does not stop a job that a free one would finish."""
    cpu_s: int = 10
    """Processor time, in whole seconds: the deadline of jobs that compute."""
    memory_mb: int = 2048
    """Address space in MiB, in addition to that of the loaded libraries."""
    file_bytes: int = 0
    """Size of any file written, in bytes. In strict mode no file can be written."""
    result_bytes: int = 1 << 20
    """Size of the result in bytes: predictions, log and error message together."""

    def __post_init__(self) -> None:
        """Check that a job can run within these limits."""
        for field in fields(self):
            value, minimum = getattr(self, field.name), 0 if field.name == "file_bytes" else 1e-3
            if not minimum <= value < float("inf"):
                raise ValueError(f"Limits.{field.name} must be a finite number of at least {minimum:g}, not {value!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A method and the world to run it on.

    Raises:
        ValueError: The seed is negative.
    """

    code: str
    """Python source that defines `method(world)`."""
    inputs: Mapping[str, NDArray[Any]]
    """What `aarlab.scenarios.task.Inputs.arrays` returns: plain arrays by name, without labels."""
    seed: int
    """Seed of `world.seed` and of Python's and numpy's global generators; not negative."""
    limits: Limits = Limits()
    """Limits of the job."""
    service: Callable[[], StudentService] | None = None
    """Starts what answers the requests of `world.student`, once for each attempt to run the job; None: nothing. It runs
    in this process, so it must check each request. It raises RefusedRequest for an invalid one, which the method gets;
    any other exception ends the job and is raised by `Sandbox.run`."""

    def __post_init__(self) -> None:
        """Check the seed, so that an invalid one does not look like an error of the method."""
        if self.seed < 0:
            raise ValueError(f"Job.seed must not be negative, but is {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class JobResult:
    """The result of a job. Untrusted code wrote predictions, log and error; the other fields are measured."""

    predictions: NDArray[np.float64] | None
    """The return value of `method` as float64, of any shape; None if there is an error."""
    log: list[dict[str, Any]]
    """The records of `world.log` up to the end or the error: JSON with finite numbers, at most eight levels deep."""
    error: str | None
    """One line, with the line number in the method's code if there is one; None if the job succeeded."""
    seconds: float
    """Wall-clock time from fork to end."""
    cpu_seconds: float
    """Processor time, user and system."""
    peak_mb: float
    """Peak resident memory in MiB, including shared libraries."""
