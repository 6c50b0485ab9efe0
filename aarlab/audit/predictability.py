"""Legibility as a number: can a fresh agent predict which of two variants of a method scores higher?

It is asked twice: from the text of the finding, and from the code. Chance is 1/2. A pair counts if the interval of the
difference excludes 0, because nobody can predict a difference that is not there.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, parse_code
from aarlab.agents.models.simulated.simulated_replicator import described_recipe
from aarlab.audit.component_values import ScoreMethods
from aarlab.memory.seeds import rng
from aarlab.scenarios.method_variants import components, retuned, without
from aarlab.statistics import Estimate, mean_estimate, share_interval

Source = Literal["text", "code"]
Predict = Callable[[Source, str, str], Awaitable[float]]
"""Returns the probability that variant A scores higher, in [0, 1], given a source and the code of both variants."""


@dataclass(frozen=True, slots=True)
class Predictability:
    """Shares of right predictions over pairs of variants with a clear difference."""

    pairs: int
    """Pairs that were measured."""
    clear: int
    """Pairs with a difference whose 95 % interval excludes 0."""
    from_text: Estimate | None
    """Share of right predictions from the finding's text; None without clear pairs."""
    from_code: Estimate | None


async def measure_predictability(
    code: str, pairs: int, score: ScoreMethods, predict: Predict, *, seed: int, finding: str
) -> Predictability:
    """Measure how well variants of a method are predicted.

    Args:
        code: The method.
        pairs: Number of pairs of variants.
        score: Scores variants on the same worlds.
        predict: The fresh agent.
        seed: Seed of the variants.
        finding: Id of the finding, from which the seed is derived as well.
    """
    variants = {f"variant {i}": _variant(code, rng(seed, "audit", "variant", finding, i)) for i in range(2 * pairs)}
    scores = await score(variants)
    right: dict[Source, list[float]] = {"text": [], "code": []}
    for number in range(pairs):
        names = (f"variant {2 * number}", f"variant {2 * number + 1}")
        a, b = (scores.get(name) for name in names)
        if a is None or b is None:
            continue
        difference = mean_estimate(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))
        if difference.interval is None or difference.interval[0] <= 0 <= difference.interval[1]:
            continue
        for source, found in right.items():
            p = await predict(source, variants[names[0]], variants[names[1]])
            found.append(p if difference.value > 0 else 1 - p)
    return Predictability(pairs, len(right["text"]), _share(right["text"]), _share(right["code"]))


def predict_by_rules(text: str, code: str, space: SearchSpace) -> Predict:
    """Return an agent that believes its source: the variant nearer to the method that the source describes is better.

    Args:
        text: Text of the finding.
        code: Code of the method.
        space: Operators of the task.
    """
    known = {"text": described_recipe(text, space), "code": parse_code(code, space) or ()}

    async def predict(source: Source, a: str, b: str) -> float:
        distances = [_distance(parse_code(variant, space) or (), known[source], space) for variant in (a, b)]
        return 0.5 if distances[0] == distances[1] else float(distances[0] < distances[1])

    return predict


def _variant(code: str, draw: np.random.Generator) -> str:
    """Return the method with other settings, or, as often, without some of its components."""
    n = len(components(code))
    if draw.random() < 0.5 or n == 0:
        return retuned(code, draw)
    dropped = draw.choice(n, size=int(draw.integers(1, n + 1)), replace=False)
    return without(code, {int(i) for i in dropped})


def _distance(recipe: Recipe, other: Recipe, space: SearchSpace) -> float:
    """Return the operators that only one of two recipes has, plus the mean difference of settings of the others."""
    left, total = list(other), 0.0
    for step in recipe:
        twin = next((candidate for candidate in left if candidate.operator == step.operator), None)
        if twin is None:
            total += 1.0
            continue
        left.remove(twin)
        moved = [abs(a - b) for a, b in zip(space.units(step), space.units(twin), strict=True)]
        total += sum(moved) / max(1, len(moved))
    return total + len(left)


def _share(right: Sequence[float]) -> Estimate | None:
    if not right:
        return None
    share = sum(right) / len(right)
    return Estimate(share, share_interval(share, len(right)))
