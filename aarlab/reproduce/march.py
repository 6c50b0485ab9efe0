"""March 1991: slow learning from the organisation, mixed learning and turnover preserve knowledge.

Paper: J. G. March, Exploration and exploitation in organizational learning, Organization Science 2 (1991).

Model: reality has 30 dimensions, each 1 or -1. An organisation has a code, at first without beliefs, and 50 individuals
with random beliefs. In each period an individual moves each of its beliefs one step (from false to none, from none to
right) towards the code with probability p1. The code looks at the individuals whose actions do better than its beliefs.
It takes over their majority action in a dimension with probability 1 - (1 - p2) ** margin. Individuals that have no
belief act at random. Code and individuals read each other's states at the end of the last period: the topology is a
star with the code in its centre. Turnover replaces an individual with probability p3 by one with random beliefs.
Turbulence changes the sign of a dimension of reality with probability p4.

Parameters: 50 individuals, 30 dimensions, p1 and p2 as named in the table.

Published: the paper shows curves (figures 1 to 5). The figures .954 and .742 are those of M. Workiewicz's recreation of
figure 1 (10,000 runs; github.com/Mac13kW/March_1991_Original); it measures knowledge as correct minus false beliefs, as
here.

Uncertain: by the text of the paper alone, figure 1 cannot be recreated. That beliefs move in steps and that the code
compares actions is in S. Rodan (2005) and M. Christensen (2015). Mixed learning: half of the individuals have p1 = .1,
half p1 = .9; the paper varies the shares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.seeds import rng
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
from aarlab.reproduce.turnover import replaced
from aarlab.reproduce.visibility import BoolArray, visibility
from aarlab.scenarios.search_problems.knowledge_vector import SignArray, knowledge, random_beliefs, random_reality
from aarlab.statistics import band

INDIVIDUALS, DIMENSIONS = 50, 30
MAX_PERIODS = 2000
"""A run that has no equilibrium by then ends; with p1 = .1 most take 80 to 130 periods."""
READ_BY_CODE = visibility("star", INDIVIDUALS + 1)[0, 1:]
"""(individuals,) whether the centre of the star, the code, sees each individual."""
LEARNING_RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_RECREATION = "figure of Workiewicz's recreation (10,000 runs); the paper shows a plot"


@dataclass(frozen=True, slots=True)
class Organisation:
    """The parameters of an organisation."""

    p1: tuple[float, ...]
    """Learning rates of the individuals; several are assigned in turn."""
    p2: float
    """Learning rate of the code."""
    turnover: float = 0.0
    """Probability that an individual is replaced in a period."""
    turbulence: float = 0.0
    """Probability that a dimension of reality changes in a period."""


def knowledge_by_period(organisation: Organisation, runs: int, seed: int, periods: int) -> FloatArray:
    """Return the (runs, periods + 1) knowledge of the code, first at the start.

    Args:
        organisation: Its parameters.
        runs: Number of runs.
        seed: Seed. Runs with the same seed begin with the same reality and beliefs in every organisation.
        periods: Number of periods.
    """
    state, random = _start(runs, seed), _learning_stream(organisation, seed)
    history = [knowledge(state.code, state.reality)]
    for _ in range(periods):
        state = _next_period(random, state, organisation)
        history.append(knowledge(state.code, state.reality))
    return np.stack(history, axis=1)


def equilibrium_knowledge(organisation: Organisation, runs: int, seed: int) -> FloatArray:
    """Return the (runs,) knowledge of the code when all individuals share its beliefs; arguments as above."""
    state, random = _start(runs, seed), _learning_stream(organisation, seed)
    final, active = np.zeros(runs), np.arange(runs)
    for _ in range(MAX_PERIODS):
        state = _next_period(random, state, organisation)
        final[active] = knowledge(state.code, state.reality)
        learning = (state.beliefs != state.code[:, None]).any(axis=(1, 2))
        if not learning.any():
            break
        active, state = active[learning], state.only(learning)
    return final


@dataclass(frozen=True, slots=True)
class _OrganisationState:
    reality: SignArray
    """(runs, dimensions)."""
    beliefs: SignArray
    """(runs, individuals, dimensions)."""
    code: SignArray
    """(runs, dimensions)."""

    def only(self, runs: BoolArray) -> "_OrganisationState":
        return _OrganisationState(self.reality[runs], self.beliefs[runs], self.code[runs])


def _start(runs: int, seed: int) -> _OrganisationState:
    random = rng(seed, "march", "start")
    reality = random_reality(random, runs, DIMENSIONS)
    return _OrganisationState(reality, random_beliefs(random, runs, INDIVIDUALS, DIMENSIONS), np.zeros_like(reality))


def _learning_stream(organisation: Organisation, seed: int) -> np.random.Generator:
    return rng(seed, "march", "learning", repr(organisation))


def _next_period(
    random: np.random.Generator, state: _OrganisationState, organisation: Organisation
) -> _OrganisationState:
    """Return the state after turnover, turbulence and learning. Code and individuals read each other's last states."""
    beliefs = replaced(random, state.beliefs, organisation.turnover)
    changes = random.random(state.reality.shape) < organisation.turbulence
    reality = np.where(changes, -state.reality, state.reality)
    actions = np.where(beliefs == 0, random_reality(random, *beliefs.shape), beliefs)
    superior = knowledge(actions, reality[:, None]) > knowledge(state.code, reality)[:, None]
    code = _taught(random, state.code, actions, superior & READ_BY_CODE, organisation.p2)
    p1 = np.resize(np.array(organisation.p1, dtype=np.float32), INDIVIDUALS)
    return _OrganisationState(reality, _socialised(random, beliefs, state.code, p1), code)


def _socialised(random: np.random.Generator, beliefs: SignArray, code: SignArray, p1: NDArray[np.float32]) -> SignArray:
    """Move each belief a step towards the code with the probability of its holder. A code of 0 moves nothing."""
    moves = random.random(beliefs.shape, dtype=np.float32) < p1[:, None]
    return np.asarray(np.clip(beliefs + code[:, None] * moves, -1, 1))


def _taught(
    random: np.random.Generator, code: SignArray, actions: SignArray, superior: BoolArray, p2: float
) -> SignArray:
    """Replace beliefs of the code by the majority action of superior individuals, more likely with a larger margin."""
    votes = (actions * superior[..., None]).sum(axis=1, dtype=np.int64)
    learns = random.random(code.shape) < 1 - (1 - p2) ** np.abs(votes)
    return np.where((votes != 0) & learns, np.sign(votes), code).astype(np.int8)


def reproduce(quick: bool, progress: Progress) -> Reproduced:
    """Return the knowledge of the code by learning rates, and with turnover and turbulence."""
    runs = 200 if quick else 2000
    rates = (0.1, 0.5, 0.9) if quick else LEARNING_RATES
    equilibrium: dict[tuple[tuple[float, ...], float], FloatArray] = {}
    settings = [((p1,), p2) for p2 in (0.5, 0.9) for p1 in rates] + [((0.1, 0.9), 0.5)]
    for number, (p1, p2) in enumerate(settings):
        progress("march", 0.8 * number / len(settings))
        equilibrium[p1, p2] = equilibrium_knowledge(Organisation(p1, p2), runs, seed=1)
    progress("march", 0.8)

    def after(periods: int, p1: float, turnover: float, turbulence: float = 0.0) -> FloatArray:
        return knowledge_by_period(Organisation((p1,), 0.5, turnover, turbulence), runs, 2, periods)

    slow, fast = equilibrium[(0.1,), 0.5], equilibrium[(0.9,), 0.5]
    stable, renewed = after(100, 0.5, 0.0, 0.02), after(100, 0.5, 0.1, 0.02)
    answers = [
        reproduced(KnownAnswer("knowledge, p1 = .1, p2 = .5", 0.954, 3, note=_RECREATION), slow),
        reproduced(KnownAnswer("knowledge, p1 = .9, p2 = .5", 0.742, 3, note=_RECREATION), fast),
        reproduced(KnownAnswer("p1 = .1 minus p1 = .9, p2 = .5", "above 0", note="figure 1"), slow - fast),
        reproduced(KnownAnswer("p1 = .1 minus p1 = .9, p2 = .9", "above 0", note="figure 1"),
                   equilibrium[(0.1,), 0.9] - equilibrium[(0.9,), 0.9]),
        reproduced(KnownAnswer("mixed p1 (.1, .9) minus p1 = .5, p2 = .5", "above 0", note="figure 2; halves assumed"),
                   equilibrium[(0.1, 0.9), 0.5] - equilibrium[(0.5,), 0.5]),
        reproduced(KnownAnswer("turnover .05 minus 0, p1 = .9, period 20", "above 0", note="figure 4"),
                   after(20, 0.9, 0.05)[:, -1] - after(20, 0.9, 0.0)[:, -1]),
        reproduced(KnownAnswer("turnover .05 minus 0, p1 = .1, period 20", "below 0", note="figure 4"),
                   after(20, 0.1, 0.05)[:, -1] - after(20, 0.1, 0.0)[:, -1]),
        reproduced(KnownAnswer("turnover .1 minus 0, turbulence .02, period 100", "above 0", note="figure 5"),
                   renewed[:, -1] - stable[:, -1]),
    ]  # fmt: skip
    by_rate = {
        f"p2 = {p2:g}": band(np.array(rates), np.stack([equilibrium[(p1,), p2] for p1 in rates], axis=1))
        for p2 in (0.5, 0.9)
    }
    turbulent = curves_by_step({"no turnover": stable, "turnover .1": renewed})
    return Reproduced(answers, [
        CurvePanel("Equilibrium knowledge by learning rate", "p1", "knowledge of the code", by_rate),
        CurvePanel("Knowledge in a turbulent world (p1 = p2 = .5)", "period", "knowledge of the code", turbulent),
    ])  # fmt: skip


REPRODUCTION = Reproduction(
    name="march",
    paper="March 1991, Exploration and exploitation in organizational learning, Organization Science 2",
    claim="slow learning, mixed learning and moderate turnover preserve the diversity from which the code learns",
    parts="topology star with the code in its centre, rounds, turnover; no board",
    reproduce=reproduce,
)
