"""Options of `aarlab ablate` that change how runs are executed and not what they compute."""

import math
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
    gpus_per_run: float = 0.0
    """GPUs that each run gets on a Ray cluster: 1, or a share such as 0.5 if runs share a GPU. 0: runs see no GPU."""
    shard: Shard = Shard()
    """The share of the runs that this process executes."""
    sandbox: SandboxMode = "strict"
    cache: bool = True
    """Whether to reuse cached scores on common worlds. The results do not depend on it."""
    part: Part = "all"
    """Which runs this process executes."""
    laboratory_secret: str | None = field(default=None, repr=False)
    """The secret of the laboratory, for workers on other machines; None: no run needs it."""

    def __post_init__(self) -> None:
        """Raise ValueError unless the number of GPUs is one that Ray can give to a task."""
        gpus = self.gpus_per_run
        if not 0 <= gpus < math.inf or (gpus > 1 and gpus != int(gpus)):
            raise ValueError(f"gpus_per_run must be from 0 to 1 or a whole number, not {gpus:g}")
