"""Measure the coverage of the confidence intervals and the power of the tests on simulated results.

    python benchmarks/interval_coverage.py [--repeats 4000] [--json]

The results are drawn from known distributions; intervals and tests are those of the reports. For 5, 10, 20 and 30
seeds per arm, and for normal and for skewed values (most near a maximum, a few far below), the columns are:

- *same*: share of the intervals that contain zero for two identical arms: paired, unpaired, and with the plain
  percentile bootstrap (paired). Nominal: 95 %.
- *mean*: share of the intervals for the mean of one arm that contain the true mean. Nominal: 95 %.
- *false positives*: share of ablations of six identical arms in which at least one of five comparisons with the first
  arm is significant after Holm's correction. At most: 5 %.
- *detected*: share of pairs of arms in which the test detects a difference of the size that the design is predicted to
  detect. Predicted: 80 %.

With 4,000 repeats the standard error is 0.3 points near 95 % and 0.6 near 80 %. The benchmark takes a few minutes.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.seeds import rng
from aarlab.statistics import ALPHA, Interval, detectable_difference, holm
from aarlab.statistics.differences import p_paired
from aarlab.statistics.estimates import bootstrap_weights, interval

SEEDS = (5, 10, 20, 30)
SPREAD = 0.06
COMPARISONS = 5
FloatArray = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]
"""Values with mean 0 and standard deviation `SPREAD`."""


def normal(draw: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return normal values."""
    return SPREAD * draw.standard_normal(shape)


def skewed(draw: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return values below a maximum: a mirrored gamma distribution of shape 2 (skewness -1.4)."""
    return np.asarray(SPREAD * (2 - draw.gamma(2.0, 1.0, shape)) / 2**0.5)


DISTRIBUTIONS: Mapping[str, Draw] = {"normal": normal, "skewed": skewed}


@dataclass(frozen=True)
class CoverageResult:
    """Shares for one distribution and number of seeds; the module docstring explains the columns."""

    values: str
    seeds: int
    covered_paired: float
    covered_unpaired: float
    covered_percentile: float
    mean: float
    familywise_errors: float
    detected: float


def main() -> None:
    """Measure and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [measure(name, seeds, arguments.repeats) for name in DISTRIBUTIONS for seeds in SEEDS]
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print("| values | seeds | same, paired | same, unpaired | same, percentile | mean | false positives | detected |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        figures = (
            row.covered_paired,
            row.covered_unpaired,
            row.covered_percentile,
            row.mean,
            row.familywise_errors,
            row.detected,
        )
        print(f"| {row.values} | {row.seeds} | {' | '.join(f'{100 * figure:.1f}' for figure in figures)} |")


def measure(values: str, seeds: int, repeats: int) -> CoverageResult:
    """Return the shares for one distribution and number of seeds."""
    draw = DISTRIBUTIONS[values]
    true_difference = detectable_difference(seeds, SPREAD * 2**0.5)
    outcomes = np.array(
        [_one_repeat(draw, rng("coverage", values, seeds, i), seeds, true_difference) for i in range(repeats)]
    )
    return CoverageResult(values, seeds, *(float(share) for share in outcomes.mean(axis=0)))


def _one_repeat(draw: Draw, generator: np.random.Generator, seeds: int, true_difference: float) -> tuple[bool, ...]:
    arms = draw(generator, (COMPARISONS + 1, seeds))
    differences = arms[0] - arms[1]
    # The same resampled means as in `compare` and `estimate`, which also compute medians and would be slower.
    paired = bootstrap_weights(seeds) @ differences
    unpaired = bootstrap_weights(seeds, "arm") @ arms[0] - bootstrap_weights(seeds, "against") @ arms[1]
    low, high = np.quantile(paired, [0.025, 0.975])
    detected = p_paired(differences + true_difference)
    return (
        _contains(interval(paired, seeds)),
        _contains(interval(unpaired, seeds, 2 * seeds - 2)),
        bool(low <= 0 <= high),
        _contains(interval(bootstrap_weights(seeds) @ arms[0], seeds)),
        any(p is not None and p < ALPHA for p in holm([p_paired(arms[0] - arm) for arm in arms[1:]])),
        detected is not None and detected < ALPHA,
    )


def _contains(bounds: Interval | None) -> bool:
    """Return whether an interval contains the true value, zero."""
    return bounds is not None and bounds[0] <= 0 <= bounds[1]


if __name__ == "__main__":
    main()
