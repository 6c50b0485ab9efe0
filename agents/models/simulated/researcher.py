"""The simulated researcher: a search policy that plays a researcher.

It sees its request and nothing else, acts through the tools it is offered, and is the same for the same seed and
request. What it does next is decided in `mind`.
"""

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated import planning, temperament
from aarlab.agents.models.simulated.mind import Mind, appeal_of
from aarlab.agents.models.simulated.move import spoken_reply
from aarlab.agents.models.simulated.notes import Notes
from aarlab.agents.models.simulated.reading import Reader
from aarlab.agents.models.simulated.recipe import Toolbox
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.memory.seeds import rng


class SimulatedResearcher:
    """Researches by what it believes; asked to plan for others, it plans by its taste."""

    name = "simulated/researcher"

    def __init__(self, seed: int, agent: str, temperament: str = "varied") -> None:
        """Open it for one agent of a run, its temperament drawn from the named distribution."""
        self._seed, self._agent, self._temperament = seed, agent, temperament
        self._reader = Reader()
        self._nature: dict[Toolbox, Temperament] = {}

    async def reply(self, request: Request) -> Reply:
        """Answer the request. Raises ValueError if its brief offers no toolkit."""
        if planning.asked_to_plan(request):
            return self._plan(request)
        notes = self._reader.notes(request.conversation)
        move = self.mind(notes).next_move({tool.name for tool in request.tools})
        return spoken_reply(move, notes.turn, self.name)

    def mind(self, notes: Notes) -> Mind:
        """Return the moment of thought about `notes`."""
        return Mind(notes, self.nature(notes.brief.toolbox), self._seed, self._agent)

    def appeal(self, toolbox: Toolbox) -> dict[str, float]:
        """Return how much each operator appeals to it when it plans for others."""
        return appeal_of(self.nature(toolbox), "", toolbox)

    def nature(self, toolbox: Toolbox) -> Temperament:
        """Return its temperament."""
        if toolbox not in self._nature:
            self._nature[toolbox] = temperament.draw(self._seed, self._agent, toolbox, self._temperament)
        return self._nature[toolbox]

    def _plan(self, request: Request) -> Reply:
        toolbox = planning.toolbox_of(request)
        turn = sum(message.speaker == "assistant" for message in request.conversation.messages)
        move = planning.plan(request, self.appeal(toolbox), rng(self._seed, self._agent, "plan", turn))
        return spoken_reply(move, turn, self.name)
