"""Options of `aarlab ablate` that change how runs are executed and not what they compute."""

import re
from dataclasses import dataclass, field
from typing import Literal

from aarlab.tools.sandbox import SandboxMode

Executor = Literal["local", "ray"]
"""`local`: worker processes on this machine; `ray`: a Ray cluster."""
Part = Literal["all", "comparison", "sensitivity"]
"""The runs of an ablation: all, those of the comparison itself, or the others of its sensitivity settings."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A share of an ablation's runs: shard `number` of `of`, counted from 1."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"there is no shard {self.number} of {self.of}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard written as `i/n`. Raises ValueError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not of the form i/n")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """How the runs of an ablation are executed."""

    jobs: int | None = None
    """Number of parallel runs, each on one core. None: the number of cores of this machine or of the cluster."""
    executor: Executor = "local"
    shard: Shard = Shard()
    """The share of the runs that this process executes."""
    sandbox: SandboxMode = "strict"
    cache: bool = True
    """Whether to reuse cached scores on common worlds. The results do not depend on it."""
    part: Part = "all"
    """Which runs this process executes."""
    laboratory_secret: str | None = field(default=None, repr=False)
    """The secret of the laboratory, for workers on other machines; None: no run needs it."""
