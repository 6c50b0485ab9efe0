"""The simulated researcher as a base model.

It gets only its request and acts only through its tools. Seed, agent name and request determine its reply. `policy`
chooses its actions.
"""

from typing import ClassVar

import numpy as np

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated import planning, specialist, task_assignment, temperament
from aarlab.agents.models.simulated.action import action_reply
from aarlab.agents.models.simulated.ideas import operator_weights_for
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.agents.models.simulated.specialist import AnalysisPolicy
from aarlab.agents.models.simulated.task_assignment import Proposal
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.agents.models.simulated.turn import Turn
from aarlab.memory.seeds import rng


class SimulatedResearcher:
    """A researcher that searches with a surrogate model. It also plans and assigns tasks."""

    name: str = "simulated/researcher"
    policy_class: ClassVar[type[ResearcherPolicy]] = ResearcherPolicy
    analysis_class: ClassVar[type[AnalysisPolicy]] = AnalysisPolicy
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
        if task_assignment.asked_to_assign(request):
            return self._assign_tasks(request)
        state = self._parser.state(request.conversation)
        turn = self.turn_class(state, self.traits(state.prompt.space), self._seed, self._agent)
        policy, tools = self.policy(turn), {tool.name for tool in request.tools}
        if state.prompt.specialties:
            action = specialist.next_action(policy, self.analysis_class, tools)
        else:
            action = policy.next_action(tools)
        return action_reply(action, state.turn, self.name)

    def policy(self, turn: Turn) -> ResearcherPolicy:
        """Return the policy that chooses the action of a turn."""
        return self.policy_class(turn)

    def operator_weights(self, space: SearchSpace) -> dict[str, float]:
        """Return the sampling weight of each operator in a plan."""
        return operator_weights_for(self.traits(space), "", space)

    def traits(self, space: SearchSpace) -> Temperament:
        """Return the temperament."""
        if space not in self._traits:
            self._traits[space] = temperament.draw(self._seed, self._agent, space, self._temperament)
        return self._traits[space]

    def proposals(self, turn: Turn, count: int, rng: np.random.Generator) -> list[Proposal]:
        """Return recipes for the tasks of `count` researchers, given what it knows."""
        return task_assignment.best_proposals(turn, count, rng)

    def _assign_tasks(self, request: Request) -> Reply:
        state = task_assignment.state_of(request)
        turn = self.turn_class(state, self.traits(state.prompt.space), self._seed, self._agent)
        count = len(task_assignment.board_of(request)["researchers"])
        proposals = self.proposals(turn, count, rng(self._seed, self._agent, "tasks", request.hash))
        return action_reply(task_assignment.task_action(request, proposals), 0, self.name)

    def _plan(self, request: Request) -> Reply:
        space = planning.space_of(request)
        turn = sum(message.speaker == "assistant" for message in request.conversation.messages)
        action = planning.plan(request, self.operator_weights(space), rng(self._seed, "planner", "plan", turn))
        return action_reply(action, turn, self.name)
