"""The controls: researchers that lack one ability, with the same tools and costs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from aarlab.agents.models.simulated import board_actions, ideas
from aarlab.agents.models.simulated.action import Action
from aarlab.agents.models.simulated.ideas import Option, Sources
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace
from aarlab.agents.models.simulated.search import mutate, random_recipe
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.specialist import AnalysisPolicy
from aarlab.agents.models.simulated.state import KnownFinding, TrackedIdea
from aarlab.agents.models.simulated.task_assignment import Proposal
from aarlab.agents.models.simulated.turn import FULL_RUN_STEPS, Turn


class RandomPolicy(ResearcherPolicy):
    """Draws a recipe uniformly, runs it in full, and posts the result. It reads nothing and announces nothing."""

    def consult_board(self) -> Iterator[Action]:
        """Yield nothing."""
        yield from ()

    def read_first(self, value: float) -> Iterator[Action]:
        """Yield nothing."""
        yield from ()

    @cached_property
    def new_option(self) -> Option | None:
        """A random recipe."""
        return self._option(self.draw())

    def assigned_option(self) -> Option | None:
        """Return a random recipe that fulfils the assignment."""
        assert self.state.assignment is not None, "there is an assignment"
        recipes = list(ideas.assignment_recipes(self.turn, self.state.assignment).items())
        recipe, sources = recipes[int(self.turn.rng("choose").integers(len(recipes)))]
        return self._option(recipe, sources, self.state.assignment.number)

    def _option(self, recipe: Recipe, sources: tuple[str, ...] = (), assignment: int | None = None) -> Option | None:
        affordable = self.state.can_afford("write", *FULL_RUN_STEPS)
        return Option(TrackedIdea(recipe, sources, assignment), self.first_experiment(), 0.0) if affordable else None

    def draw(self) -> Recipe:
        """Return a random recipe, with all operators equally likely."""
        return random_recipe(self.space, dict.fromkeys(self.space.names, 1.0), self.turn.rng("draw"))

    def first_experiment(self) -> ideas.Experiment:
        """Return the fidelity of the first experiment with a recipe."""
        return "full"

    @cached_property
    def step(self) -> ideas.Experiment | None:
        """The next experiment: the full run, after a pilot if a reviewer asks for one."""
        idea = self.state.idea
        if idea is None or idea.is_over or not self.state.can_afford(*FULL_RUN_STEPS):
            return None
        return "pilot" if idea.rejections and idea.outcome("pilot") is None else "full"

    def posts_hypothesis(self, idea: TrackedIdea) -> bool:
        """Return True only in the propose stage, which ends with a hypothesis."""
        return self.state.stage == "propose"

    def posts_failure(self, idea: TrackedIdea) -> bool:
        """Return True: it reports every result."""
        return True


class RandomPilotPolicy(RandomPolicy):
    """Reads the first findings it sees, pilots random recipes and mutations of these, and runs the best in full.

    A full run follows if the pilot's score exceeds the best score of a full run that it knows.
    """

    def read_first(self, value: float) -> Iterator[Action]:
        """Yield an action that reads the listed findings, if it has read none."""
        if self.state.unread and not self.state.known and self.state.can_afford("read"):
            yield board_actions.read(list(self.state.unread)[: board_actions.MAX_READ_AT_ONCE])

    def draw(self) -> Recipe:
        """Return a random recipe or, with probability one half, a mutation of one that it has read."""
        generator, known = self.turn.rng("draw"), [known.recipe for known in self.turn.known if known.recipe]
        if not known or generator.random() < 0.5:
            return super().draw()
        parent = known[int(generator.integers(len(known)))]
        return mutate(parent, known, self.space, dict.fromkeys(self.space.names, 1.0), generator)

    def first_experiment(self) -> ideas.Experiment:
        """Return a pilot, except in stages, which run their own experiments, and if there is no time for one."""
        affordable = self.state.can_afford("write", "pilot", "think", *FULL_RUN_STEPS)
        return "pilot" if affordable and self.state.stage is None else "full"

    @cached_property
    def step(self) -> ideas.Experiment | None:
        """The next experiment: a pilot, then the full run if the pilot beats the best full run."""
        idea = self.state.idea
        if idea is None or idea.is_over or not self.state.can_afford(*FULL_RUN_STEPS):
            return None
        pilot = idea.outcome("pilot")
        if pilot is None:
            return self.first_experiment()
        return "full" if (pilot.pgr or 0.0) > self._best_full_run or idea.assignment is not None else None

    @property
    def _best_full_run(self) -> float:
        """The best score of a full run that it knows."""
        scores = [known.pgr for known in self.turn.known if known.fidelity == "full"]
        scores += [full.pgr for idea in self.state.ideas if (full := idea.outcome("full"))]
        return max((score for score in scores if score is not None), default=0.0)


class RandomAnalysisPolicy(AnalysisPolicy, RandomPolicy):
    """Borrows methods in the order in which it reads them, and runs each in full."""

    def choose(self, recipes: Sources) -> Option | None:
        """Return the first option."""
        return next((self._option(recipe, sources) for recipe, sources in recipes.items()), None)


class RandomPilotAnalysisPolicy(RandomAnalysisPolicy, RandomPilotPolicy):
    """Pilots every method that it borrows, and runs it in full if the pilot beats the best full run."""


class _UniformLead(SimulatedResearcher):
    """A base model that also plans and assigns at random."""

    def operator_weights(self, space: SearchSpace) -> dict[str, float]:
        """Return the same weight for every operator."""
        return dict.fromkeys(space.names, 1.0)

    def proposals(self, turn: Turn, count: int, rng: np.random.Generator) -> list[Proposal]:
        """Return random recipes, which build on no finding."""
        weights = self.operator_weights(turn.space)
        return [(random_recipe(turn.space, weights, rng), None) for _ in range(count)]


class RandomSearch(_UniformLead):
    """Random search: every recipe is run in full."""

    name = "simulated/random"
    policy_class = RandomPolicy
    analysis_class = RandomAnalysisPolicy


class RandomSearchWithPilots(_UniformLead):
    """Random search that starts from the published methods and pilots each recipe."""

    name = "simulated/random-pilots"
    policy_class = RandomPilotPolicy
    analysis_class = RandomPilotAnalysisPolicy


class ShuffledTurn(Turn):
    """A turn in which the scores of others are permuted over their findings."""

    @cached_property
    def known(self) -> list[KnownFinding]:
        """The findings it has read, each with score and log of a random one of them."""
        known = super().known
        order = self.shuffle(len(known))
        return [
            replace(k, pgr=known[i].pgr, se=known[i].se, log=known[i].log) for k, i in zip(known, order, strict=True)
        ]

    @cached_property
    def unread(self) -> Mapping[str, Mapping[str, Any]]:
        """The listed findings, each with the score of a random one of them, best first."""
        entries = list(self.state.unread.items())
        order = self.shuffle(len(entries))
        scores = [{"pgr": entries[i][1]["pgr"], "se": entries[i][1]["se"]} for i in order]
        shuffled = {key: {**entry, **score} for (key, entry), score in zip(entries, scores, strict=True)}
        return dict(sorted(shuffled.items(), key=lambda item: -item[1]["pgr"]))

    def shuffle(self, count: int) -> list[int]:
        """Return a random order of so many findings, which is the same in all turns."""
        return [int(i) for i in self.stream("shuffle", count).permutation(count)]


class ShuffledBoard(SimulatedResearcher):
    """The researcher with useless information from others: it learns from their findings, but with permuted scores."""

    name = "simulated/shuffled-board"
    turn_class = ShuffledTurn
