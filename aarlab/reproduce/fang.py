"""Fang, Lee and Schilling 2010: semi-isolated subgroups learn more than isolated or fully connected ones.

Paper: C. Fang, J. Lee and M. A. Schilling, Balancing exploration and exploitation through structural design: the
isolation of subgroups and organizational learning, Organization Science 21 (2010).

Model: 280 individuals in 40 subgroups of 7 hold beliefs (1, 0 or -1) about a reality of 100 dimensions. The payoff
counts blocks of 5 dimensions in which all beliefs are correct. In each period an individual takes over, in each
dimension with probability .3, the majority belief of those of its contacts that have a higher payoff. Each edge in a
subgroup is replaced with probability beta by an edge to another subgroup: the topology `islands` with the parameter
`rewired`. It ends when nobody can learn any more.

Parameters: as above; beta 0 (isolated), .1 (few bridges), 1 (no subgroups), and the complete network.

Published: signs only. By the abstract, moderate cross-group linking gives the highest equilibrium performance; the
paper shows it as curves over beta.

Uncertain: the value of beta with the highest payoff (.1 is inside the range that the paper calls moderate), and what an
individual does where superior contacts have no majority (nothing, here).
"""

import numpy as np

from aarlab.memory.seeds import rng, seed_of
from aarlab.reproduce.copying_rules import superior_majority
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
from aarlab.reproduce.visibility import BoolArray, visibility
from aarlab.scenarios.search_problems.knowledge_vector import block_payoff, random_beliefs, random_reality
from aarlab.statistics import band

INDIVIDUALS, SUBGROUPS, DIMENSIONS, BLOCK = 280, 40, 100, 5
LEARNING_RATE = 0.3
MAX_PERIODS = 3000
"""A run ends if nobody can learn any more: an equilibrium. With few bridges that takes 300 to 1,000 periods."""
SHOWN_PERIODS = 400
"""Periods in the figure."""
FEW_BRIDGES = 0.1
BETAS = (0.0, 0.02, 0.05, FEW_BRIDGES, 0.2, 0.3, 0.5, 0.7, 1.0)


def mean_payoffs(visible: BoolArray, seed: int, arm: str) -> FloatArray:
    """Return the (periods + 1,) mean payoff of the individuals from the start to the equilibrium, in [0, 1].

    Args:
        visible: (individuals, individuals) matrix of the topology.
        seed: Seed. Runs with the same seed begin with the same reality and beliefs under every topology.
        arm: Name of the stream of learning.
    """
    start = rng(seed, "fang", "start")
    reality = random_reality(start, DIMENSIONS)
    beliefs = random_beliefs(start, len(visible), DIMENSIONS)
    random = rng(seed, "fang", "learning", arm)
    means = []
    for _ in range(MAX_PERIODS):
        payoffs = block_payoff(beliefs, reality, BLOCK)
        means.append(payoffs.mean())
        majority = superior_majority(beliefs, payoffs, visible)
        differs = (majority != 0) & (majority != beliefs)
        if not differs.any():
            break
        learns = differs & (random.random(beliefs.shape, dtype=np.float32) < LEARNING_RATE)
        beliefs = np.where(learns, majority, beliefs)
    return np.array(means)


def network(beta: float | None, seed: int) -> BoolArray:
    """Return the matrix of the subgroups with this share of rewired edges; None: the complete network."""
    if beta is None:
        return visibility("complete", INDIVIDUALS)
    return visibility("islands", INDIVIDUALS, seed=seed_of(seed, "fang") % 2**32, islands=SUBGROUPS, rewired=beta)


def reproduce(quick: bool, progress: Progress) -> Reproduced:
    """Return the payoffs of subgroups with few bridges against isolated, mixed and complete networks."""
    runs, betas = (6, (0.0, FEW_BRIDGES, 1.0)) if quick else (40, BETAS)
    arms: dict[str, float | None] = {f"beta {beta:g}": beta for beta in betas} | {"complete": None}
    curves: dict[str, list[FloatArray]] = {arm: [] for arm in arms}
    for seed in range(runs):
        progress("fang", seed / runs)
        for arm, beta in arms.items():
            curves[arm].append(mean_payoffs(network(beta, seed), seed, arm))
    final = {arm: np.array([curve[-1] for curve in values]) for arm, values in curves.items()}
    few = final[f"beta {FEW_BRIDGES:g}"]
    note = "shown as a curve; the best beta is uncertain"
    answers = [
        reproduced(KnownAnswer("beta .1 minus isolated subgroups", "above 0", note=note), few - final["beta 0"]),
        reproduced(KnownAnswer("beta .1 minus beta 1 (no subgroups)", "above 0", note=note), few - final["beta 1"]),
        reproduced(KnownAnswer("beta .1 minus complete network", "above 0", note=note), few - final["complete"]),
    ]
    by_period = curves_by_step(
        {arm: np.stack([_extended(curve, SHOWN_PERIODS) for curve in values]) for arm, values in curves.items()}
    )
    by_beta = {"subgroups": band(np.array(betas), np.stack([final[f"beta {beta:g}"] for beta in betas], axis=1))}
    return Reproduced(answers, [
        CurvePanel("Payoff by share of rewired edges", "beta", "final mean payoff", by_beta),
        CurvePanel("Payoff by period", "period", "mean payoff", by_period),
    ])  # fmt: skip


def _extended(curve: FloatArray, length: int) -> FloatArray:
    """Return the first values of a curve; after its end it keeps its last value."""
    return np.pad(curve, (0, max(0, length - len(curve))), mode="edge")[:length]


REPRODUCTION = Reproduction(
    name="fang",
    paper="Fang, Lee and Schilling 2010, Balancing exploration and exploitation through structural design, "
    "Organization Science 21",
    claim="subgroups with few bridges learn more than isolated subgroups and than networks without subgroups",
    parts="topologies islands (rewired) and complete, rounds, agents that follow a superior majority; no board",
    reproduce=reproduce,
)
