"""Measure the coverage of the intervals and the errors of the tests on simulated results.

    python benchmarks/interval_coverage.py [--repeats 4000] [--json]

The results are drawn from known distributions; intervals and tests are those of the reports. Values in per cent:

- *mean*: share of intervals for a mean of n values that contain the true mean: by Student's t distribution, by the
  bootstrap-t, and by the percentile bootstrap (for comparison). Nominal: 95.
- *same*: share of intervals of the difference between two identical arms of n runs that contain zero, paired and
  unpaired (Welch). Nominal: 95.
- *A/A*: share of differences between two identical arms below the noise floor of one of them; *halves*: below the 95 %
  point of random halves of the arm (for comparison). Nominal: 95.
- *tasks*: share of intervals of the mixed model that contain zero, for two identical arms with n seeds on each of
  three tasks with SDs of .06, .11 and .20, and an effect of the seed on the arm with an SD of .06 on all tasks.
  Nominal: 95. *arm x task*: false positives of its test of interaction. At most: 5.
- *looks*: false positives of a paired test at n, 2n and 4n seeds with the levels of planned looks; *every look at 5 %*:
  without them (for comparison). Nominal: 5.
- *Holm*: share of ablations of six identical arms in which at least one of five comparisons with the first arm is
  significant after Holm's correction. At most: 5.
- *detected*: share of differences of the detectable size that the paired test detects. Nominal: 80.

With 4,000 repeats the standard error is 0.3 points near 5 and 95, and 0.6 near 80. The benchmark takes some minutes.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.seeds import rng
from aarlab.statistics import (
    ALPHA,
    Interval,
    bootstrap_t,
    compare,
    detectable_difference,
    holm,
    mean_estimate,
    mixed_model,
    noise_floor,
    planned_looks,
    t_test,
)

SEEDS = (4, 5, 8, 10, 20)
TASK_SDS = {"chat": 0.06, "math": 0.11, "code": 0.20}
SEED_SD = 0.06
"""SD of the effect of a seed on an arm that all tasks share, such as that of the temperaments."""
COMPARISONS = 5
RESAMPLES = 2000
"""Resamples of the percentile bootstrap, and random halves."""
FloatArray = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]
"""Values with mean 0 and standard deviation 1."""


def normal(draw: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return normal values."""
    return draw.standard_normal(shape)


def skewed(draw: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return values below a maximum: a mirrored gamma distribution of shape 2 (skewness -1.4)."""
    return np.asarray((2 - draw.gamma(2.0, 1.0, shape)) / 2**0.5)


def heavy_tailed(draw: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return values with Student's distribution with 3 degrees of freedom."""
    return np.asarray(draw.standard_t(3, shape) / 3**0.5)


def bimodal(draw: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return values around two centres: 70 % find a good method, 30 % do not."""
    centres, spread = np.where(draw.random(shape) < 0.7, 0.3, -0.7), 0.1
    return np.asarray((centres + spread * draw.standard_normal(shape)) / (0.21 + spread**2) ** 0.5)


DISTRIBUTIONS: Mapping[str, Draw] = {
    "normal": normal, "skewed": skewed, "heavy-tailed": heavy_tailed, "bimodal": bimodal,
}  # fmt: skip


@dataclass(frozen=True)
class CoverageRow:
    """Shares for one distribution and number of seeds, by column; the module docstring explains the columns."""

    values: str
    seeds: int
    shares: Mapping[str, float]


def main() -> None:
    """Measure and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for values in DISTRIBUTIONS:
        for seeds in SEEDS:
            row = measure(values, seeds, arguments.repeats)
            if not arguments.json:
                _print_row(row, heading=not rows)
            rows.append(row)
    if arguments.json:
        print(json.dumps([{"values": row.values, "seeds": row.seeds, **row.shares} for row in rows]))


def _print_row(row: CoverageRow, *, heading: bool) -> None:
    if heading:
        print(f"| values | n | {' | '.join(row.shares)} |")
        print(f"|---|--:|{'--:|' * len(row.shares)}")
    print(f"| {row.values} | {row.seeds} | {' | '.join(f'{100 * s:.1f}' for s in row.shares.values())} |", flush=True)


def measure(values: str, seeds: int, repeats: int) -> CoverageRow:
    """Return the shares for one distribution and number of seeds."""
    draw = DISTRIBUTIONS[values]
    outcomes = [_one_repeat(draw, rng("coverage", values, seeds, i), seeds) for i in range(repeats)]
    shares = {name: float(np.nanmean([outcome[name] for outcome in outcomes])) for name in outcomes[0]}
    return CoverageRow(values, seeds, shares)


def _one_repeat(draw: Draw, generator: np.random.Generator, n: int) -> dict[str, float]:
    """Return whether each interval or test was right; NaN for an interval without ends."""
    arms = draw(generator, (COMPARISONS + 1, n))
    first, second = dict(enumerate(arms[0].tolist())), dict(enumerate(arms[1].tolist()))
    paired = compare("a", first, "b", second)
    unpaired = compare("a", first, "b", {n + i: value for i, value in second.items()})
    resampled = arms[0][_resamples(n)].mean(axis=1)
    difference = abs(float(arms[0].mean() - arms[1].mean()))
    detected = _paired_p(arms[0] - arms[1] + _detectable(n))
    others = [_paired_p(arms[0] - arm) for arm in arms[1:]]
    return {
        "mean, t": _contains(mean_estimate(arms[0]).interval),
        "mean, bootstrap-t": _contains(bootstrap_t(arms[0])),
        "mean, percentile": _contains(tuple(np.quantile(resampled, [0.025, 0.975]))),
        "same, paired": _contains(paired.mean.interval),
        "same, unpaired": _contains(unpaired.mean.interval),
        "A/A": difference <= (noise_floor(arms[0]) or 0.0),
        "A/A, halves": difference <= _halves_floor(arms[0]),
        **_tasks(draw, generator, n),
        **_looks(draw, generator, n),
        "Holm": any((p or 0.0) < ALPHA for p in holm(others)),
        "detected": detected < ALPHA,
    }


def _tasks(draw: Draw, generator: np.random.Generator, n: int) -> dict[str, float]:
    of_seed = {arm: SEED_SD * draw(generator, (n,)) for arm in ("a", "b")}
    scores = {
        (arm, task, seed): sd * value + float(of_seed[arm][seed])
        for arm in ("a", "b")
        for task, sd in TASK_SDS.items()
        for seed, value in enumerate(draw(generator, (n,)).tolist())
    }
    effects = mixed_model(scores, "a", "b")
    assert effects is not None
    return {"tasks": _contains(effects.mean.interval), "arm x task": (effects.interaction_p or 0.0) < ALPHA}


def _looks(draw: Draw, generator: np.random.Generator, n: int) -> dict[str, float]:
    arms = draw(generator, (2, 4 * n))
    looks = planned_looks([n, 2 * n, 4 * n])
    ps = [_paired_p(arms[0, : look.seeds] - arms[1, : look.seeds]) for look in looks]
    return {
        "looks": any(p < look.level for p, look in zip(ps, looks, strict=True)),
        "every look at 5 %": min(ps) < ALPHA,
    }


def _paired_p(differences: FloatArray) -> float:
    """Return the p value of Student's paired test, as `compare` computes it."""
    n = len(differences)
    return t_test(float(differences.mean()), float(differences.std(ddof=1)) / n**0.5, n - 1)


def _halves_floor(values: FloatArray) -> float:
    """Return the 95 % point of the difference between random halves, scaled to the size of the arm."""
    half, halves = len(values) // 2, values[_permutations(len(values))]
    differences = halves[:, :half].mean(axis=1) - halves[:, half : 2 * half].mean(axis=1)
    return float(np.quantile(np.abs(differences), 0.95) * (half / len(values)) ** 0.5)


@cache
def _detectable(n: int) -> float:
    return detectable_difference(n, 2**0.5)


@cache
def _resamples(n: int) -> NDArray[np.int64]:
    return rng("percentile", n).integers(n, size=(RESAMPLES, n))


@cache
def _permutations(n: int) -> NDArray[np.int64]:
    return rng("halves", n).permuted(np.tile(np.arange(n), (RESAMPLES, 1)), axis=1)


def _contains(bounds: Interval | tuple[float, ...] | None) -> float:
    """Return whether an interval contains the true value, zero; NaN without an interval."""
    return float("nan") if bounds is None else float(bounds[0] <= 0 <= bounds[1])


if __name__ == "__main__":
    main()
