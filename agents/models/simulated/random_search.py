"""The control: random search over the same toolkit, with the same tools and costs, without learning."""

from collections.abc import Iterator

from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.parsing import METHOD
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, write
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.state import TrackedIdea


class RandomPolicy(ResearcherPolicy):
    """Draws a recipe uniformly, runs it in full, and posts the result. It reads nothing and announces nothing."""

    def consult_board(self) -> Iterator[Action]:
        """Yield nothing."""
        yield from ()

    def next_idea(self) -> TrackedIdea:
        """Return a random recipe, with all operators equally likely."""
        return TrackedIdea(random_recipe(self.space, dict.fromkeys(self.space.names, 1.0), self.turn.rng("draw")))

    def choose(self, recipes: list[Recipe]) -> Recipe:
        """Return a random recipe of the list."""
        return recipes[int(self.turn.rng("choose").integers(len(recipes)))]

    def posts_hypothesis(self, idea: TrackedIdea) -> bool:
        """Return True only in the propose stage, which ends with a hypothesis."""
        return self.state.stage == "propose"

    def wants_pilot(self, idea: TrackedIdea) -> bool:
        """Return True only after a full run was rejected without a pilot."""
        return idea.rejections > 0 and super().wants_pilot(idea)

    def posts_failure(self, idea: TrackedIdea) -> bool:
        """Return True: it reports every result."""
        return True

    def write(self, idea: TrackedIdea) -> Iterator[Action]:
        """Yield actions that write the method, in one reply with the full run."""
        call: ProposedCall = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        yield Action("Drawn at random, run in full.", (call, self.experiment_call("full")))
        yield Action("Drawn at random.", (call,))


class RandomSearch(SimulatedResearcher):
    """Random search as a base model. It also plans at random, and it submits its best result."""

    name = "simulated/random"
    policy_class = RandomPolicy

    def operator_weights(self, space: SearchSpace) -> dict[str, float]:
        """Return the same weight for every operator."""
        return dict.fromkeys(space.names, 1.0)
