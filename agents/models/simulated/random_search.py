"""The control: random search over the same toolkit, through the same tools and at the same cost, without learning."""

from collections.abc import Iterator

from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.parsing import METHOD
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, write
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.state import ParsedState, TrackedIdea


class RandomSearch(SimulatedResearcher):
    """Draws a method evenly from the catalogue, runs it in full, posts it, and submits the best it has seen; plans for
    others as blindly.
    """

    name = "simulated/random"

    def policy(self, state: ParsedState) -> ResearcherPolicy:
        """Return the moment of thought about `state`."""
        return RandomPolicy(state, self.traits(state.prompt.space), self._seed, self._agent)

    def operator_weights(self, space: SearchSpace) -> dict[str, float]:
        """Return one for every operator."""
        return dict.fromkeys(space.names, 1.0)


class RandomPolicy(ResearcherPolicy):
    """A mind without learning: it reads nothing, tries nothing cheaply unless it has to, and draws blindly."""

    def consult_board(self) -> Iterator[Action]:
        """Look at nothing."""
        yield from ()

    def next_idea(self) -> TrackedIdea:
        """Draw a recipe, each operator as likely as any other."""
        return TrackedIdea(random_recipe(self.space, dict.fromkeys(self.space.names, 1.0), self.rng("draw")))

    def choose(self, recipes: list[Recipe]) -> Recipe:
        """Draw one."""
        return recipes[int(self.rng("choose").integers(len(recipes)))]

    def posts_hypothesis(self, idea: TrackedIdea) -> bool:
        """Announce an idea only where the work is organised so."""
        return self.state.stage == "propose"

    def wants_pilot(self, idea: TrackedIdea) -> bool:
        """Pilot an idea only where a full run of it was refused without."""
        return idea.rejections > 0 and super().wants_pilot(idea)

    def posts_failure(self, idea: TrackedIdea) -> bool:
        """Post whatever comes out."""
        return True

    def write(self, idea: TrackedIdea) -> Iterator[Action]:
        """Yield writing the method down and running it in full in the same breath."""
        call: ProposedCall = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        yield Action("Drawn at random, run in full.", (call, self.experiment_call("full")))
        yield Action("Drawn at random.", (call,))
