"""Zollman 2007: communities that share less evidence find the better treatment more often.

Paper: K. J. S. Zollman, The communication structure of epistemic communities, Philosophy of Science 74 (2007); the same
effect in The epistemic benefit of transient diversity, Erkenntnis 72 (2010). Boundary: S. Rosenstock, J. Bruner and
C. O'Connor, In epistemic networks, is less really more?, Philosophy of Science 84 (2017).

Model: a known arm succeeds with probability 1/2, a new one with 1/2 + e. Each agent believes with a credence, at first
uniform in (0, 1), that the new arm is better (1/2 + e) and not worse (1/2 - e). In each round it pulls the arm that it
believes to be better 1,000 times, and updates by Bayes' rule on its own and all visible results. A run ends when all
credences exceed .99 (found), or none exceeds 1/2, so that nobody pulls the new arm any more (lost).

Parameters: 10 agents, 1,000 pulls a round, e = .001.

Published: complete .89 and cycle .97 are the figures of J. Weisberg's replication (The Zollman effect,
jonathanweisberg.org, 2020); Zollman's paper shows them as points in a plot. That the effect is visible only up to e of
about .025 is his reading of the replication of Rosenstock et al.; they compare complete with a wheel.

Uncertain: the credence at which a run counts as found (.99 in the replication).
"""

import numpy as np

from aarlab.memory.seeds import rng
from aarlab.reproduce.copying_rules import pooled_evidence
from aarlab.reproduce.known_answers import (
    CurvePanel,
    FloatArray,
    KnownAnswer,
    Progress,
    Reproduced,
    Reproduction,
    reproduced,
)
from aarlab.reproduce.visibility import BoolArray, visibility
from aarlab.scenarios.search_problems.bandit import TwoArmedBandit
from aarlab.statistics import band

AGENTS = 10
PULLS = 1000
EPSILON = 0.001
EPSILONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
FOUND_CREDENCE = 0.99
MAX_ROUNDS = 20_000
"""A run that is undecided by then counts as lost."""
_REPLICATION = "figure of Weisberg's replication; the paper shows a plot"


def share_found(visible: BoolArray, bandit: TwoArmedBandit, runs: int, seed: int) -> FloatArray:
    """Return for each of (runs,) runs 1 if all agents find the better arm, and 0 otherwise.

    Args:
        visible: (agents, agents) matrix of the topology.
        bandit: The arms.
        runs: Number of runs.
        seed: Seed. Runs with the same seed begin with the same credences under every topology.
    """
    credence = rng(seed, "zollman", "priors").random((runs, len(visible)))
    random = rng(seed, "zollman", "pulls", int(visible.sum()), str(bandit.epsilon))
    log_odds = np.log(credence / (1 - credence))
    threshold = np.log(FOUND_CREDENCE / (1 - FOUND_CREDENCE))
    found, active = np.zeros(runs), np.arange(runs)
    for _ in range(MAX_ROUNDS):
        all_found = (log_odds > threshold).all(axis=1)
        found[active[all_found]] = 1.0
        undecided = ~all_found & (log_odds > 0).any(axis=1)
        active, log_odds = active[undecided], log_odds[undecided]
        if not len(active):
            break
        evidence = bandit.log_likelihood_ratios(random, log_odds > 0)
        log_odds = log_odds + pooled_evidence(evidence, visible)
    return found


def reproduce(quick: bool, progress: Progress) -> Reproduced:
    """Return the shares of communities that find the better arm."""
    runs = 2000 if quick else 10_000
    networks = {"complete": visibility("complete", AGENTS), "cycle": visibility("ring", AGENTS)}
    found: dict[tuple[str, float], FloatArray] = {}
    for number, epsilon in enumerate(EPSILONS):
        progress("zollman", number / len(EPSILONS))
        for name, visible in networks.items():
            found[name, epsilon] = share_found(visible, TwoArmedBandit(epsilon, PULLS), runs, seed=1)

    def difference(epsilon: float) -> FloatArray:
        return found["cycle", epsilon] - found["complete", epsilon]

    gone = "Rosenstock et al. 2017, who compare with a wheel: gone above e of about .025"
    answers = [
        reproduced(KnownAnswer("share that finds the better arm, complete", 0.89, note=_REPLICATION),
                   found["complete", EPSILON]),
        reproduced(KnownAnswer("share that finds the better arm, cycle", 0.97, note=_REPLICATION),
                   found["cycle", EPSILON]),
        reproduced(KnownAnswer("cycle minus complete, e = .001", "above 0"), difference(EPSILON)),
        reproduced(KnownAnswer("cycle minus complete, e = .05", 0.0, note=gone), difference(0.05)),
        reproduced(KnownAnswer("cycle minus complete, e = .1", 0.0, note=gone), difference(0.1)),
    ]  # fmt: skip
    curves = {
        name: band(np.array(EPSILONS), np.stack([found[name, epsilon] for epsilon in EPSILONS], axis=1))
        for name in networks
    }
    panel = CurvePanel("Zollman effect by e", "e", "share of runs that find the better arm", curves, log_x=True)
    return Reproduced(answers, [panel])


REPRODUCTION = Reproduction(
    name="zollman",
    paper="Zollman 2007, The communication structure of epistemic communities, Philosophy of Science 74",
    claim="communities that share less evidence find the better of two nearly equal arms more often",
    parts="topologies complete and ring, rounds, Bayesian agents; no board",
    reproduce=reproduce,
)
