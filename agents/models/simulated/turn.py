"""One turn of a simulated researcher: its state, its traits, its random streams and its beliefs about scores."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from aarlab.agents.models.simulated.parsing import is_marked
from aarlab.agents.models.simulated.recipe import Recipe
from aarlab.agents.models.simulated.state import ExperimentOutcome, KnownFinding, ParsedState, ParsedTask, TrackedIdea
from aarlab.agents.models.simulated.surrogate import PRIOR_MEAN, PRIOR_SD, ScoredRecipe, Surrogate, fitted_surrogate
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.agents.models.simulated.valuation import PlanHours
from aarlab.memory.seeds import rng

FULL_RUN_STEPS = ("full", "think", "share", "think", "share")
"""Steps of a full run: the run, its report and its submission."""
MAX_TRIALS = 120
"""Maximum number of scored recipes to which the surrogate is fitted; the latest are used."""
_EVIDENCE = re.compile(r"\d")


class Turn:
    """The data for a researcher's decisions in one turn."""

    def __init__(self, state: ParsedState, traits: Temperament, seed: int, agent: str) -> None:
        """Store the state and the traits of `agent` in the run with this seed."""
        self.state, self.traits = state, traits
        self.space = state.prompt.space
        self._name = (seed, agent)

    def with_idea(self, idea: TrackedIdea) -> "Turn":
        """Return the turn after this idea has been announced."""
        return type(self)(replace(self.state, ideas=[*self.state.ideas, idea]), self.traits, *self._name)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return this turn's random stream for a purpose."""
        return self.stream(purpose, self.state.turn)

    def stream(self, purpose: str, ordinal: int | str) -> np.random.Generator:
        """Return the random stream for a purpose and an ordinal, which is the same in all turns."""
        return rng(*self._name, purpose, ordinal)

    def bernoulli(self, probability: float, purpose: str, ordinal: int | str | None = None) -> bool:
        """Return True with a probability. The outcome is fixed for each purpose and ordinal (default: the idea's)."""
        number = len(self.state.ideas) if ordinal is None else ordinal
        return bool(self.stream(purpose, number).random() < probability)

    def advised(self, step: str) -> bool:
        """Return whether the prompt advises a step and the researcher follows advice for its current idea."""
        return step in self.state.prompt.advice and self.bernoulli(self.traits.compliance, "comply")

    @cached_property
    def followed_task(self) -> ParsedTask | None:
        """The task of this round if it follows it with its next idea; None: it has none, or deviates."""
        task = self.state.task
        return task if task is not None and self.bernoulli(self.traits.compliance, "follow a task") else None

    def can_spare(self, *steps: str) -> bool:
        """Return whether it can afford these steps without losing a full run that it can afford now."""
        runs = (FULL_RUN_STEPS, ("write", "read", *FULL_RUN_STEPS))
        lost = any(self.state.can_afford(*run) > self.state.can_afford(*steps, "think", *run) for run in runs)
        return self.state.can_afford(*steps) and not lost

    def plan_hours(self, *, written: bool = False) -> PlanHours:
        """Return the hours of the parts of a plan for a recipe whose method is written or not."""
        state = self.state
        return PlanHours(
            # A new method is written, and often another is borrowed for it.
            start=0.0 if written else state.hours_of("write", "read"),
            pilot=state.hours_of("think", "pilot"),
            full=state.hours_of("think", *FULL_RUN_STEPS),
            left=0.0 if state.full_runs_left == 0 else state.budget - state.hours,
        )

    # -- beliefs ------------------------------------------------------------------------------------------------

    @cached_property
    def unread(self) -> Mapping[str, Mapping[str, Any]]:
        """The listed findings with a score that it has not read, best first."""
        return self.state.unread

    @cached_property
    def reading_order(self) -> list[str]:
        """The ids of the findings in `unread` in the order of reading: in some rounds those with a mark first."""
        marked = {key for key, entry in self.unread.items() if is_marked(entry)}
        defers = bool(marked) and self.bernoulli(self.traits.deference, "defer in reading", self.state.round)
        return sorted(self.unread, key=lambda key: key not in marked) if defers else list(self.unread)

    @cached_property
    def known(self) -> list[KnownFinding]:
        """The findings of others that it has read, with a recipe and a score."""
        return [known for known in self.state.known.values() if known.recipe is not None and known.pgr is not None]

    @cached_property
    def trials(self) -> tuple[ScoredRecipe, ...]:
        """All scores it knows: of findings it has read, then its own."""
        trials = [_trial(k.recipe, k, doubt=self._doubt(k)) for k in self.known if k.recipe is not None]
        trials += [_trial(idea.recipe, o) for idea in self.state.ideas for o in idea.outcomes if o.pgr is not None]
        return tuple(trials[-MAX_TRIALS:])

    @cached_property
    def surrogate(self) -> Surrogate:
        """The surrogate model, fitted to `trials`."""
        return fitted_surrogate(self.trials, self.space, self.traits.skill)

    @cached_property
    def best_score(self) -> float:
        """The best PGR of a full run that it knows of, as it believes it; at least 0, the PGR of the teacher."""
        in_full = [known.recipe for known in self.known if known.fidelity == "full" and known.recipe is not None]
        full_runs = ((idea.recipe, idea.outcome("full")) for idea in self.state.ideas)
        in_full += [recipe for recipe, full in full_runs if full and full.pgr is not None]
        listed = [self.listed_score(key) for key, entry in self.unread.items() if entry.get("fidelity") == "full"]
        return float(max([0.0, *self.surrogate.predict_mean(in_full), *listed]))

    def listed_score(self, finding: str) -> float:
        """Return the expected PGR of a finding it has not read, from the score in the listing."""
        pgr, se = float(self.unread[finding]["pgr"]), self.unread[finding].get("se")
        noise = self.surrogate.pilot_sd if se is None else float(se)
        return PRIOR_MEAN + (pgr - PRIOR_MEAN) * PRIOR_SD**2 / (PRIOR_SD**2 + noise**2)

    def distrusts(self, known: KnownFinding) -> bool:
        """Return whether it replicates a finding before it builds on it, because of a critique."""
        if not known.critiques or any(idea.outcome("full") for idea in self.state.ideas if idea.recipe == known.recipe):
            return False
        return self.bernoulli(self.traits.trust, "doubt", known.id)

    def _doubt(self, known: KnownFinding) -> float:
        """Return the standard deviation that critiques add to a score: half as much if they name no evidence."""
        weights = [1.0 if _EVIDENCE.search(critique) else 0.5 for critique in known.critiques]
        return self.traits.trust * PRIOR_SD * math.hypot(*weights)


def _trial(recipe: Recipe, scored: KnownFinding | ExperimentOutcome, doubt: float = 0.0) -> ScoredRecipe:
    """Return a score as data of the surrogate. A full run without a standard error is exact."""
    assert scored.pgr is not None, "only scored recipes are data"
    se = 0.0 if scored.se is None and scored.fidelity == "full" else scored.se
    return ScoredRecipe(recipe, scored.pgr, se, scored.log, doubt)
