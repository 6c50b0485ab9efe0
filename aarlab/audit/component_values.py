"""Which component of a method earns the score: knockouts, and Shapley values over the components.

The game of a method: the players are its components, the value of a coalition is the PGR of the method with these
components only, measured on worlds. A component's Shapley value is its mean contribution over all orders in which
components can be added (Shapley 1953), so the values sum to the PGR of the whole method minus that of none. It is a
linear function of scores, so it is computed for each world, and its interval is Student's over worlds.
"""

import itertools
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aarlab.memory.seeds import rng
from aarlab.scenarios.method_variants import Component, components, without
from aarlab.statistics import Estimate, mean_estimate, t_interval

MAX_EXACT = 5
"""Components for which all coalitions are measured; with more, orders are sampled."""
MIN_WORLDS = 5
"""Fewer worlds give no verdict, as elsewhere no claim is made from fewer."""
MIN_EFFECT = 0.02
"""Smallest value of interest, in PGR; scores are reported to two decimals."""
PAIRS_OF_ORDERS = 8
"""Sampled orders, each with its reverse (Mitchell et al. 2022, antithetic permutation sampling)."""

Verdict = Literal["earns", "costs", "no effect", "needed", "unknown"]
Coalition = frozenset[int]
ScoreMethods = Callable[[Mapping[str, str]], Awaitable[Mapping[str, Sequence[float] | None]]]
"""Returns the PGR of each method on each world, the same worlds for all; None for a method that failed."""


@dataclass(frozen=True, slots=True)
class ComponentValue:
    """What one component contributes."""

    component: str
    """The operator with its settings."""
    operator: str
    knocked_out: Estimate | None
    """PGR that the method loses without it, all other components kept; None if the rest fails."""
    shapley: Estimate | None
    """Its Shapley value in PGR; None if a coalition failed."""

    verdict: Verdict
    """`earns` or `costs` if the interval excludes 0 and the value is `MIN_EFFECT` or more, else `no effect`; `needed`:
    the method fails without it; `unknown`: there are fewer than `MIN_WORLDS` worlds."""


@dataclass(frozen=True, slots=True)
class ComponentAudit:
    """The components of a method and their values."""

    worlds: int
    whole: Estimate
    """PGR of the method on these worlds."""
    nothing: Estimate | None
    """PGR without any component: a student trained on the weak labels as they are."""
    exact: bool
    """Whether all coalitions were measured."""
    measured: int
    """Number of variants measured."""
    values: tuple[ComponentValue, ...]


async def audit_components(code: str, score: ScoreMethods, *, seed: int = 0) -> ComponentAudit | None:
    """Measure the components of a method; None if it has none, or fails itself.

    Args:
        code: The method.
        score: Scores variants of it.
        seed: Seed of the sampled orders.
    """
    parts = components(code)
    if not parts:
        return None
    everything: Coalition = frozenset(range(len(parts)))
    exact = len(parts) <= MAX_EXACT
    orders = [] if exact else _orders(len(parts), seed)
    wanted = _all_coalitions(everything) if exact else _coalitions_of(orders)
    wanted |= {everything, frozenset(), *(everything - {i} for i in everything)}
    ordered = sorted(wanted, key=lambda coalition: (len(coalition), sorted(coalition)))
    codes = {_name(coalition): without(code, everything - coalition) for coalition in ordered}
    results = await score(codes)
    values = {coalition: _array(results.get(_name(coalition))) for coalition in ordered}
    whole, nothing = values[everything], values[frozenset()]
    if whole is None:
        return None
    return ComponentAudit(
        len(whole),
        mean_estimate(whole),
        None if nothing is None else mean_estimate(nothing),
        exact,
        len(ordered),
        tuple(_value(i, part, values, everything, orders) for i, part in enumerate(parts)),
    )


Array = np.ndarray[tuple[int], np.dtype[np.float64]]


def _value(
    i: int,
    part: Component,
    values: Mapping[Coalition, Array | None],
    everything: Coalition,
    orders: Sequence[Sequence[int]],
) -> ComponentValue:
    whole, rest = values[everything], values[everything - {i}]
    lost = None if whole is None or rest is None else mean_estimate(whole - rest)
    if any(value is None for value in values.values()):
        shapley = None
    else:
        known = {coalition: value for coalition, value in values.items() if value is not None}
        shapley = _sampled(i, known, orders) if orders else mean_estimate(_exact(i, known, everything))
    worlds = 0 if whole is None else len(whole)
    return ComponentValue(str(part), part.operator, lost, shapley, _verdict(shapley or lost, worlds))


def _verdict(estimate: Estimate | None, worlds: int) -> Verdict:
    if estimate is None:
        return "needed"
    if estimate.interval is None or worlds < MIN_WORLDS:
        return "unknown"
    low, high = estimate.interval
    if abs(estimate.value) < MIN_EFFECT:
        return "no effect"
    return "earns" if low > 0 else "costs" if high < 0 else "no effect"


def _exact(i: int, values: Mapping[Coalition, Array], everything: Coalition) -> Array:
    """Return the Shapley value of component i on each world, from all coalitions."""
    n, total = len(everything), np.zeros_like(values[everything])
    for coalition in _all_coalitions(everything - {i}):
        weight = math.factorial(len(coalition)) * math.factorial(n - len(coalition) - 1) / math.factorial(n)
        total = total + weight * (values[coalition | {i}] - values[coalition])
    return total


def _sampled(i: int, values: Mapping[Coalition, Array], orders: Sequence[Sequence[int]]) -> Estimate:
    """Return the Shapley value of component i from sampled orders (Castro et al. 2009), and its interval.

    Its variance is that over worlds plus that over pairs of orders; the degrees of freedom are the smaller number.
    """
    gains = np.array([_gain(i, values, order) for order in orders])
    by_world, by_pair = gains.mean(axis=0), gains.mean(axis=1).reshape(-1, 2).mean(axis=1)
    variance = sum(float(sample.var(ddof=1)) / len(sample) for sample in (by_world, by_pair) if len(sample) > 1)
    mean = float(by_world.mean())
    if len(by_world) < 2:
        return Estimate(mean, None)
    return Estimate(mean, t_interval(mean, variance**0.5, min(len(by_world), len(by_pair)) - 1))


def _gain(i: int, values: Mapping[Coalition, Array], order: Sequence[int]) -> Array:
    before = frozenset(order[: order.index(i)])
    return values[before | {i}] - values[before]


def _orders(n: int, seed: int) -> list[list[int]]:
    """Return sampled orders of n components, each followed by its reverse."""
    draw = rng(seed, "audit", "orders", n)
    drawn = [[int(i) for i in draw.permutation(n)] for _ in range(PAIRS_OF_ORDERS)]
    return [order for one in drawn for order in (one, one[::-1])]


def _all_coalitions(players: Coalition) -> set[Coalition]:
    sizes = range(len(players) + 1)
    return {frozenset(chosen) for size in sizes for chosen in itertools.combinations(sorted(players), size)}


def _coalitions_of(orders: Sequence[Sequence[int]]) -> set[Coalition]:
    return {frozenset(order[:size]) for order in orders for size in range(len(order) + 1)}


def _name(coalition: Coalition) -> str:
    return f"components {' '.join(map(str, sorted(coalition))) or 'none'}"


def _array(values: Sequence[float] | None) -> Array | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
