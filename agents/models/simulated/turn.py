"""One turn of a simulated researcher: its state, its traits, its random streams and its surrogate model."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from aarlab.agents.models.simulated.recipe import Recipe
from aarlab.agents.models.simulated.state import ParsedState, TrackedIdea
from aarlab.agents.models.simulated.surrogate import PRIOR_MEAN, PRIOR_SD, ScoredRecipe, Surrogate
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.memory.seeds import rng

ASSUMED_PILOT_SE = 0.2
"""Standard error assumed for pilots, because a single world gives no standard error."""
FULL_RUN_STEPS = ("full", "think", "share", "think", "share")
"""Steps that must be affordable before a full run: the run, its report and its submission."""
MAX_TRIALS = 120
"""Maximum number of scored recipes to which the surrogate is fitted; the latest are used."""


class Turn:
    """The data for a researcher's decisions in one turn."""

    def __init__(self, state: ParsedState, traits: Temperament, seed: int, agent: str) -> None:
        """Store the state and the traits of `agent` in the run with this seed."""
        self.state, self.traits = state, traits
        self.space = state.prompt.space
        self._name = (seed, agent)

    def with_idea(self, idea: TrackedIdea) -> "Turn":
        """Return the turn after this idea has been announced."""
        return Turn(replace(self.state, ideas=[*self.state.ideas, idea]), self.traits, *self._name)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return this turn's random stream for a purpose."""
        return rng(*self._name, purpose, self.state.turn)

    def bernoulli(self, probability: float, purpose: str, ordinal: int | None = None) -> bool:
        """Return True with a probability. The outcome is fixed for each purpose and ordinal (default: the idea's)."""
        number = len(self.state.ideas) if ordinal is None else ordinal
        return bool(rng(*self._name, purpose, number).random() < probability)

    def advised(self, step: str) -> bool:
        """Return whether the prompt advises a step and the researcher follows advice for its current idea."""
        return step in self.state.prompt.advice and self.bernoulli(self.traits.compliance, "comply")

    @cached_property
    def trials(self) -> list[ScoredRecipe]:
        """All scores it knows: of findings it has read, then its own."""
        trials: list[ScoredRecipe] = []
        for known in self.state.known.values():
            if known.recipe is not None and known.pgr is not None:
                trials.append(ScoredRecipe(known.recipe, known.pgr, known.se or ASSUMED_PILOT_SE, known.log))
        for idea in self.state.ideas:
            for outcome in idea.outcomes.values():
                if outcome.pgr is not None:
                    trials.append(ScoredRecipe(idea.recipe, outcome.pgr, outcome.se or ASSUMED_PILOT_SE, outcome.log))
        return trials[-MAX_TRIALS:]

    @cached_property
    def surrogate(self) -> Surrogate:
        """The surrogate model, fitted to `trials`."""
        return Surrogate(self.trials, self.space, skill=self.traits.skill)

    def promising(self, recipe: Recipe) -> bool:
        """Return whether a recipe's upper confidence bound reaches the best full run."""
        mean, sd = self.surrogate.predict([recipe])
        return bool(mean[0] + self.traits.exploration * sd[0] >= self._best_full_run)

    @cached_property
    def _best_full_run(self) -> float:
        """The best predicted PGR of the recipes that were run in full."""
        in_full = [trial.recipe for trial in self.trials if trial.se < ASSUMED_PILOT_SE]
        # The lower limit keeps the threshold above most recipes while no good one is known.
        return max(PRIOR_MEAN + PRIOR_SD, float(self.surrogate.predict(in_full)[0].max(initial=-np.inf)))
