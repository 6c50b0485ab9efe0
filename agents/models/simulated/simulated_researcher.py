"""The simulated researcher as a base model.

It gets only its request and acts only through its tools. Seed, agent name and request determine its reply. `policy`
chooses its actions.
"""

from typing import ClassVar

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated import planning, temperament
from aarlab.agents.models.simulated.action import action_reply
from aarlab.agents.models.simulated.ideas import operator_weights_for
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.agents.models.simulated.turn import Turn
from aarlab.memory.seeds import rng


class SimulatedResearcher:
    """A researcher that searches with a surrogate model. As planner, it draws ideas by its taste."""

    name: ClassVar[str] = "simulated/researcher"
    policy_class: ClassVar[type[ResearcherPolicy]] = ResearcherPolicy
    turn_class: ClassVar[type[Turn]] = Turn

    def __init__(self, seed: int, agent: str, temperament: str = "varied") -> None:
        """Open the model for one agent of a run, with a temperament drawn from the named distribution."""
        self._seed, self._agent, self._temperament = seed, agent, temperament
        self._parser = ConversationParser()
        self._traits: dict[SearchSpace, Temperament] = {}

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request. Raises ValueError if the system prompt has no catalogue of operators."""
        if planning.asked_to_plan(request):
            return self._plan(request)
        state = self._parser.state(request.conversation)
        turn = self.turn_class(state, self.traits(state.prompt.space), self._seed, self._agent)
        action = self.policy_class(turn).next_action({tool.name for tool in request.tools})
        return action_reply(action, state.turn, self.name)

    def operator_weights(self, space: SearchSpace) -> dict[str, float]:
        """Return the sampling weight of each operator in a plan."""
        return operator_weights_for(self.traits(space), "", space)

    def traits(self, space: SearchSpace) -> Temperament:
        """Return the temperament."""
        if space not in self._traits:
            self._traits[space] = temperament.draw(self._seed, self._agent, space, self._temperament)
        return self._traits[space]

    def _plan(self, request: Request) -> Reply:
        space = planning.space_of(request)
        turn = sum(message.speaker == "assistant" for message in request.conversation.messages)
        action = planning.plan(request, self.operator_weights(space), rng(self._seed, self._agent, "plan", turn))
        return action_reply(action, turn, self.name)
