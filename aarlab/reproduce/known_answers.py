"""Published figures and signs, and whether a simulation gives them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aarlab.statistics import Band, band, t_interval

FloatArray = NDArray[np.float64]
Sign = Literal["above 0", "below 0"]
Progress = Callable[[str, float], None]
"""Called with the current step and its completed share, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A published figure, or the sign of a published difference."""

    quantity: str
    published: float | Sign
    digits: int = 2
    """Decimals of a published figure."""
    half_width: float = 0.0
    """Half the width of the 95 % interval of a published mean of simulated runs; 0 if it is not known."""
    note: str = ""
    """Source of the figure, and constants of the paper that are uncertain."""

    @property
    def published_text(self) -> str:
        """The published figure with its decimals, or the sign."""
        return self.published if isinstance(self.published, str) else f"{self.published:.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class ReproducedAnswer:
    """A known answer, and what the simulation gives."""

    answer: KnownAnswer
    mean: float
    """Mean over runs."""
    half_width: float
    """Half the width of the 95 % interval of the mean over runs (Student's t)."""
    runs: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width

    @property
    def passed(self) -> bool:
        """Whether the published figure lies inside the interval, or the interval has the published sign.

        A figure may differ by half a unit of its last decimal. If it is itself a mean of runs with a known interval,
        the difference is compared with the interval of a difference of two independent means.
        """
        match self.answer.published:
            case "above 0":
                return self.low > 0
            case "below 0":
                return self.high < 0
            case figure:
                allowed = hypot(self.half_width, self.answer.half_width) + 0.5 * 10**-self.answer.digits
                return bool(abs(self.mean - figure) <= allowed)


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """Curves with bands in one figure."""

    title: str
    x: str
    """Label of the x axis."""
    y: str
    """Label of the y axis."""
    curves: Mapping[str, Band]
    log_x: bool = False


def curves_by_step(values: Mapping[str, FloatArray], *, first: float = 0.0) -> dict[str, Band]:
    """Return curves over steps, the first of which has the number `first`, from (runs, steps) values by name."""
    return {name: band(np.arange(runs.shape[1], dtype=np.float64) + first, runs) for name, runs in values.items()}


@dataclass(frozen=True, slots=True)
class Reproduced:
    """Results of a reproduction."""

    answers: Sequence[ReproducedAnswer]
    panels: Sequence[CurvePanel] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A paper and the simulation that reproduces it."""

    name: str
    paper: str
    """Authors, year, title and journal."""
    claim: str
    """What the paper claims, in one sentence."""
    parts: str
    """Parts of aarlab that the simulation uses."""
    reproduce: Callable[[bool, Progress], Reproduced]
    """Called with whether to run the short form, and with a progress function."""


def reproduced(answer: KnownAnswer, values: FloatArray) -> ReproducedAnswer:
    """Return the answer with the mean and the t interval of (runs,) values, at least 2."""
    sample = np.asarray(values, dtype=np.float64)
    mean, n = float(sample.mean()), len(sample)
    low, high = t_interval(mean, float(sample.std(ddof=1)) / n**0.5, n - 1)
    return ReproducedAnswer(answer, mean, (high - low) / 2, n)
