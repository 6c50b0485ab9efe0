"""Lazer and Friedman 2007: efficient networks are better early and worse late on rugged landscapes.

Paper: D. Lazer and A. Friedman, The network structure of exploration and exploitation, Administrative Science
Quarterly 52 (2007).

Model: 100 agents begin at random strings of an NK landscape. In each step an agent copies the best visible string if it
is better than its own. Otherwise it flips one random bit, and keeps the change if it is better. All agents act on the
strings published at the end of the last step.

Parameters: N = 20, K = 5 (and 0), payoffs divided by the maximum and raised to the 8th power.

Published: the paper shows curves (its figure 3): the complete network leads early, the linear one late. The figures
-.27 and .23 are of an earlier simulation of the same model in this project, not of the paper.

Uncertain: how the K bits that a bit depends on are drawn (here: at random from the other bits; adjacent bits give the
same differences; drawn from all bits, so that one may be the bit itself, they give -.26 and .25), and whether the ends
of the linear network are connected (they are here: a ring).
"""

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.seeds import rng
from aarlab.reproduce.copying_rules import best_visible
from aarlab.reproduce.known_answers import (
    CurvePanel,
    FloatArray,
    KnownAnswer,
    Progress,
    Reproduced,
    Reproduction,
    curves_by_step,
    reproduced,
)
from aarlab.reproduce.visibility import BoolArray, IntArray, visibility
from aarlab.scenarios.search_problems.nk import NKLandscape

AGENTS, N, STEPS, EXPONENT = 100, 20, 200, 8
RUGGED = 5
"""K of the rugged landscapes."""
EARLY, LATE = 5, STEPS


def mean_payoffs(
    table: FloatArray, visible: BoolArray, start: IntArray, steps: int, random: np.random.Generator
) -> FloatArray:
    """Return the (steps + 1,) mean payoff of the agents, first at the start.

    Args:
        table: (2 ** n,) payoffs of a landscape by code.
        visible: (agents, agents) matrix of the topology.
        start: (agents,) codes at the start.
        steps: Number of steps.
        random: Source of the bits that agents flip.
    """
    codes, n = start, int(np.log2(len(table)))
    means = [table[codes].mean()]
    for _ in range(steps):
        payoffs = table[codes]
        model = best_visible(payoffs[None], visible)[0]
        copies = (model >= 0) & (payoffs[model] > payoffs)
        flipped = codes ^ (1 << random.integers(0, n, len(codes)))
        improved = np.where(table[flipped] > payoffs, flipped, codes)
        codes = np.where(copies, codes[model], improved)
        means.append(table[codes].mean())
    return np.array(means)


def paired_curves(seed: int, k: int) -> dict[str, FloatArray]:
    """Return the mean payoffs under both networks on one landscape from the same starting strings."""
    table: NDArray[np.float64] = NKLandscape(seed, N, k, exponent=EXPONENT).table
    start = rng(seed, "lazer-friedman", "start").integers(0, 2**N, AGENTS)
    networks = {"complete": visibility("complete", AGENTS), "ring": visibility("ring", AGENTS)}
    return {
        name: mean_payoffs(table, visible, start, STEPS, rng(seed, "lazer-friedman", "flips", name))
        for name, visible in networks.items()
    }


def reproduce(quick: bool, progress: Progress) -> Reproduced:
    """Return the difference between ring and complete network, early and late."""
    landscapes = {RUGGED: 100 if quick else 1000, 0: 10 if quick else 50}
    curves: dict[tuple[str, int], FloatArray] = {}
    done, total = 0, sum(landscapes.values())
    for k, count in landscapes.items():
        runs = []
        for seed in range(count):
            progress("lazer-friedman", done / total)
            runs.append(paired_curves(seed, k))
            done += 1
        for name in ("complete", "ring"):
            curves[name, k] = np.stack([run[name] for run in runs])

    def difference(k: int, step: int) -> FloatArray:
        return curves["ring", k][:, step] - curves["complete", k][:, step]

    shown = "the paper shows a curve"
    own = "of an earlier simulation, not of the paper; uncertain: how the K bits are drawn (from all: -.26, .25)"
    answers = [
        reproduced(KnownAnswer("ring minus complete, K = 5, step 5", "below 0", note=shown), difference(RUGGED, EARLY)),
        reproduced(KnownAnswer("ring minus complete, K = 5, step 5", -0.27, note=own), difference(RUGGED, EARLY)),
        reproduced(
            KnownAnswer("ring minus complete, K = 5, step 200", "above 0", note=shown), difference(RUGGED, LATE)
        ),
        reproduced(KnownAnswer("ring minus complete, K = 5, step 200", 0.23, note=own), difference(RUGGED, LATE)),
        reproduced(KnownAnswer("ring minus complete, K = 0, step 200", 0.0, note=shown), difference(0, LATE)),
    ]
    panels = [
        CurvePanel(f"NK landscapes, K = {k}", "step", "mean payoff",
                   curves_by_step({name: curves[name, k] for name in ("complete", "ring")}))
        for k in landscapes
    ]  # fmt: skip
    return Reproduced(answers, panels)


REPRODUCTION = Reproduction(
    name="lazer-friedman",
    paper="Lazer and Friedman 2007, The network structure of exploration and exploitation, ASQ 52",
    claim="on rugged landscapes the complete network is better early and the ring late; on smooth ones they end equal",
    parts="topologies complete and ring, rounds, NK landscapes, agents that copy the best; no board",
    reproduce=reproduce,
)
