"""What goes into the sandbox and what comes out: a job, its limits and its outcome; or that there is no sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


class SandboxUnavailable(RuntimeError):
    """The sandbox that was asked for cannot be had here; the message gives reason and remedy."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use; past any of these it is stopped and its outcome says which.

    Raises:
        ValueError: a limit is negative, or zero where nothing could run.
    """

    wall_s: float = 10.0
    """Time on the clock, in seconds, from the fork to the answer."""
    cpu_s: int = 10
    """Processor time, in whole seconds."""
    memory_mb: int = 2048
    """Address space, in MiB, on top of what the loaded libraries take."""
    file_bytes: int = 0
    """Size of any file written, in bytes; in strict mode there is none to write."""
    result_bytes: int = 1 << 20
    """Size of the answer, in bytes: predictions, log and error message together."""

    def __post_init__(self) -> None:
        """Check that something can run within these limits."""
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "file_bytes" else 1e-3
            if not least <= value < float("inf"):
                raise ValueError(f"Limits.{field.name} must be a finite number of at least {least:g}, not {value!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One method and the world it is to be run on.

    Raises:
        ValueError: the seed is negative.
    """

    code: str
    """Python source that defines `method(world)`."""
    inputs: Mapping[str, NDArray[Any]]
    """The arrays of `aarlab.scenarios.task.Inputs` by field name; never a label, and no object arrays."""
    seed: int
    """Seed of the method's own randomness, and of Python's and numpy's global generators; not negative."""
    limits: Limits = Limits()
    """What the job may use."""

    def __post_init__(self) -> None:
        """Check the seed here, so that a bad one is not taken for the method's mistake."""
        if self.seed < 0:
            raise ValueError(f"Job.seed must not be negative, and it is {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class JobResult:
    """What became of a job. Predictions, log and error are the untrusted code's word; times and memory are measured."""

    predictions: NDArray[np.float64] | None
    """What `method` returned, as float64 of whatever shape it has; None when there is an error."""
    log: list[dict[str, Any]]
    """The records of `world.log`, as far as the method got: plain JSON, finite numbers, few levels deep."""
    error: str | None
    """One line, with the line of the method's own code where there is one; None when all went well."""
    seconds: float
    """Time on the clock from fork to end."""
    cpu_seconds: float
    """Processor time, user and system."""
    peak_mb: float
    """Largest resident memory in MiB, the shared libraries included."""
