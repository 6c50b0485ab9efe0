"""The simulated researcher: a search policy that plays a researcher.

It sees its request and nothing else, acts through the tools it is offered, and is the same for the same seed and
request. What it does next is decided in `policy`.
"""

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated import planning, temperament
from aarlab.agents.models.simulated.action import action_reply
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.policy import ResearcherPolicy, operator_weights_for
from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.agents.models.simulated.state import ParsedState
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.memory.seeds import rng


class SimulatedResearcher:
    """Researches by what it believes; asked to plan for others, it plans by its taste."""

    name = "simulated/researcher"

    def __init__(self, seed: int, agent: str, temperament: str = "varied") -> None:
        """Open it for one agent of a run, its temperament drawn from the named distribution."""
        self._seed, self._agent, self._temperament = seed, agent, temperament
        self._reader = ConversationParser()
        self._traits: dict[SearchSpace, Temperament] = {}

    async def reply(self, request: Request) -> Reply:
        """Answer the request. Raises ValueError if its brief offers no toolkit."""
        if planning.asked_to_plan(request):
            return self._plan(request)
        state = self._reader.state(request.conversation)
        action = self.policy(state).next_action({tool.name for tool in request.tools})
        return action_reply(action, state.turn, self.name)

    def policy(self, state: ParsedState) -> ResearcherPolicy:
        """Return the moment of thought about `state`."""
        return ResearcherPolicy(state, self.traits(state.prompt.space), self._seed, self._agent)

    def operator_weights(self, space: SearchSpace) -> dict[str, float]:
        """Return how much each operator appeals to it when it plans for others."""
        return operator_weights_for(self.traits(space), "", space)

    def traits(self, space: SearchSpace) -> Temperament:
        """Return its temperament."""
        if space not in self._traits:
            self._traits[space] = temperament.draw(self._seed, self._agent, space, self._temperament)
        return self._traits[space]

    def _plan(self, request: Request) -> Reply:
        space = planning.space_of(request)
        turn = sum(message.speaker == "assistant" for message in request.conversation.messages)
        action = planning.plan(request, self.operator_weights(space), rng(self._seed, self._agent, "plan", turn))
        return action_reply(action, turn, self.name)
