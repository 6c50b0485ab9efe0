"""Mason, Jones and Goldstone 2008: the best network depends on the problem.

Paper: W. A. Mason, A. Jones and R. L. Goldstone, Propagation of innovations in networked groups, Journal of
Experimental Psychology: General 137 (2008).

The paper reports experiments with people, in groups of about 10 that guess a number for 15 rounds, and see the guesses
and noisy scores of their neighbours. With one peak, the fully connected groups found it soonest; with several peaks,
the small-world groups did best.

Model: after the choice rule of R. L. Goldstone, M. E. Roberts, W. Mason and T. Gureckis (Collective search in concrete
and abstract spaces, 2008), of which only the idea is used: its text was not available. An agent repeats its own last
guess, copies the best visible guess of the last round, or explores. The probability of each is proportional to its bias
times its score; exploring counts with the mean payoff of all guesses. A repeated or copied guess is changed by normal
noise; an explored one is uniform. All agents act on the last round.

Parameters: 10 agents, 15 rounds, guesses 0 to 100, scores with normal noise of SD .1 of the maximum.

Published: signs only. By the abstract, networks with cliques are better where broad exploration helps, and networks
with long-range connections where it does not. Measured here: the share of guesses within half a standard deviation of
the maximum.

Uncertain: nearly all constants of the rule. The biases are therefore drawn for each group, uniformly from all triples
with sum 1. The noise of a repeated guess (SD 3), the widths and heights of the peaks
(`aarlab.scenarios.search_problems.number_guessing`) and the small world (the defaults of the topology: 4 neighbours,
10 % rewired edges) are not those of the paper.
"""

from typing import Literal

import numpy as np

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
from aarlab.reproduce.visibility import BoolArray, visibility
from aarlab.scenarios.search_problems.number_guessing import MAX_GUESS, GuessingProblem

AGENTS, ROUNDS = 10, 15
GUESS_NOISE, SCORE_NOISE = 3.0, 0.1
EARLY = 5
"""Rounds that count as early."""
Shape = Literal["unimodal", "multimodal"]
SHAPES: tuple[Shape, ...] = ("unimodal", "multimodal")


NETWORKS = ("complete", "small-world", "ring")


def shares_near_maximum(
    problem: GuessingProblem, visible: BoolArray, start: FloatArray, biases: FloatArray, random: np.random.Generator
) -> FloatArray:
    """Return the (groups, ROUNDS) share of guesses within half a standard deviation of the global maximum.

    Args:
        problem: One problem for each group.
        visible: (agents, agents) matrix of the topology.
        start: (groups, agents) guesses of the first round.
        biases: (3, groups) biases for repeating, copying and exploring.
        random: Source of all further draws.
    """
    groups, guesses, shares = np.arange(len(start))[:, None], start, []
    everywhere = np.broadcast_to(np.arange(MAX_GUESS + 1.0), (len(start), MAX_GUESS + 1))
    explored = np.broadcast_to(problem.payoff(everywhere).mean(axis=1, keepdims=True), start.shape)
    for _ in range(ROUNDS):
        shares.append((np.abs(guesses - problem.peaks[:, :1]) < problem.width / 2).mean(axis=1))
        own = np.clip(problem.payoff(guesses) + random.normal(0, SCORE_NOISE, start.shape), 0, None)
        model = best_visible(own, visible)
        weights = biases[:, :, None] * np.stack([own, own[groups, model], explored])
        thresholds = np.cumsum(weights / weights.sum(axis=0), axis=0)[:2]
        choice = (random.random(start.shape) >= thresholds).sum(axis=0)
        basis = np.where(choice == 0, guesses, guesses[groups, model])
        changed = np.clip(basis + random.normal(0, GUESS_NOISE, start.shape), 0, MAX_GUESS)
        guesses = np.where(choice == 2, random.uniform(0, MAX_GUESS, start.shape), changed)
    return np.stack(shares, axis=1)


def reproduce(quick: bool, progress: Progress) -> Reproduced:
    """Return the shares of guesses near the maximum by network and problem."""
    groups = 2000 if quick else 20_000
    shares: dict[tuple[Shape, str], FloatArray] = {}
    settings: list[tuple[Shape, str]] = [(shape, network) for shape in SHAPES for network in NETWORKS]
    for number, (shape, network) in enumerate(settings):
        progress("mason", number / len(settings))
        problem = GuessingProblem(rng(1, "mason", "problems", shape), groups, shape)
        first = rng(1, "mason", "first guesses").uniform(0, MAX_GUESS, (groups, AGENTS))
        biases = rng(1, "mason", "biases").dirichlet(np.ones(3), groups).T
        random = rng(1, "mason", shape, network)
        shares[shape, network] = shares_near_maximum(problem, visibility(network, AGENTS), first, biases, random)
    note = "constants of the choice rule are uncertain"

    def difference(shape: Shape, other: str) -> FloatArray:
        return shares[shape, "small-world"] - shares[shape, other]

    answers = [
        reproduced(KnownAnswer(f"small world minus complete, one peak, rounds 2 to {EARLY}", "below 0", note=note),
                   difference("unimodal", "complete")[:, 1:EARLY].mean(axis=1)),
        reproduced(KnownAnswer("small world minus complete, several peaks, all rounds", "above 0", note=note),
                   difference("multimodal", "complete").mean(axis=1)),
        reproduced(KnownAnswer("small world minus ring, several peaks, all rounds", "above 0", note=note),
                   difference("multimodal", "ring").mean(axis=1)),
    ]  # fmt: skip
    panels = [
        CurvePanel(f"Guesses, {shape} payoff", "round", "share near the maximum",
                   curves_by_step({name: shares[shape, name] for name in NETWORKS}, first=1.0))
        for shape in SHAPES
    ]  # fmt: skip
    return Reproduced(answers, panels)


REPRODUCTION = Reproduction(
    name="mason",
    paper="Mason, Jones and Goldstone 2008, Propagation of innovations in networked groups, JEP: General 137",
    claim="fully connected groups find a single peak soonest; with several peaks small worlds do best",
    parts="topologies complete, small-world and ring, rounds, agents that repeat, copy or explore; no board",
    reproduce=reproduce,
)
