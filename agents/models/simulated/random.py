"""The control: random search over the same toolkit, through the same tools and at the same cost, without learning."""

from collections.abc import Iterator

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated import temperament
from aarlab.agents.models.simulated.move import Call, Move, spoken_reply
from aarlab.agents.models.simulated.reading import METHOD, Idea, take_notes
from aarlab.agents.models.simulated.recipe import write
from aarlab.agents.models.simulated.researcher import Mind
from aarlab.agents.models.simulated.search import random_recipe


class RandomSearch:
    """Draws a method evenly from the catalogue, runs it in full, posts it, and submits the best it has seen."""

    def __init__(self, seed: int, agent: str) -> None:
        """Open it for one agent of a run."""
        self._seed, self._agent = seed, agent

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        notes = take_notes(request)
        nature = temperament.draw(self._seed, self._agent, notes.brief.toolbox)
        move = RandomMind(notes, nature, self._seed, self._agent).next_move({tool.name for tool in request.tools})
        return spoken_reply(move, notes.turn, "simulated/random")


class RandomMind(Mind):
    """A mind without learning: it reads nothing, tries nothing cheaply unless it has to, and draws blindly."""

    def look_around(self) -> Iterator[Move]:
        """Look at nothing."""
        yield from ()

    def next_idea(self) -> Idea:
        """Draw a recipe, each operator as likely as any other."""
        return Idea(random_recipe(self.toolbox, dict.fromkeys(self.toolbox.names, 1.0), self.rng("draw")))

    def announces(self, idea: Idea) -> bool:
        """Announce an idea only where the work is organised so."""
        return self.notes.stage == "propose"

    def wants_pilot(self, idea: Idea) -> bool:
        """Pilot an idea only where a full run of it was refused without."""
        return idea.refused > 0 and super().wants_pilot(idea)

    def write(self, idea: Idea) -> Iterator[Move]:
        """Yield writing the method down and running it in full in the same breath."""
        call: Call = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        yield Move("Drawn at random, run in full.", (call, self.run("full")))
        yield Move("Drawn at random.", (call,))
