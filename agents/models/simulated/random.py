"""The control: random search over the same toolkit, through the same tools and at the same cost, without learning."""

from collections.abc import Iterator

from aarlab.agents.models.simulated.mind import Mind
from aarlab.agents.models.simulated.move import Call, Move
from aarlab.agents.models.simulated.notes import Idea, Notes
from aarlab.agents.models.simulated.reading import METHOD
from aarlab.agents.models.simulated.recipe import Recipe, Toolbox, write
from aarlab.agents.models.simulated.researcher import SimulatedResearcher
from aarlab.agents.models.simulated.search import random_recipe


class RandomSearch(SimulatedResearcher):
    """Draws a method evenly from the catalogue, runs it in full, posts it, and submits the best it has seen; plans for
    others as blindly.
    """

    name = "simulated/random"

    def mind(self, notes: Notes) -> Mind:
        """Return the moment of thought about `notes`."""
        return RandomMind(notes, self.nature(notes.brief.toolbox), self._seed, self._agent)

    def appeal(self, toolbox: Toolbox) -> dict[str, float]:
        """Return one for every operator."""
        return dict.fromkeys(toolbox.names, 1.0)


class RandomMind(Mind):
    """A mind without learning: it reads nothing, tries nothing cheaply unless it has to, and draws blindly."""

    def look_around(self) -> Iterator[Move]:
        """Look at nothing."""
        yield from ()

    def next_idea(self) -> Idea:
        """Draw a recipe, each operator as likely as any other."""
        return Idea(random_recipe(self.toolbox, dict.fromkeys(self.toolbox.names, 1.0), self.rng("draw")))

    def choose(self, recipes: list[Recipe]) -> Recipe:
        """Draw one."""
        return recipes[int(self.rng("choose").integers(len(recipes)))]

    def announces(self, idea: Idea) -> bool:
        """Announce an idea only where the work is organised so."""
        return self.notes.stage == "propose"

    def wants_pilot(self, idea: Idea) -> bool:
        """Pilot an idea only where a full run of it was refused without."""
        return idea.refused > 0 and super().wants_pilot(idea)

    def tells(self, idea: Idea) -> bool:
        """Post whatever comes out."""
        return True

    def write(self, idea: Idea) -> Iterator[Move]:
        """Yield writing the method down and running it in full in the same breath."""
        call: Call = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        yield Move("Drawn at random, run in full.", (call, self.run("full")))
        yield Move("Drawn at random.", (call,))
