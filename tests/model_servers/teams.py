"""Teams of simulated researchers that answer the requests of a model server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.researcher import summary_request
from aarlab.memory.messages import Message, Text, ToolCall, Usage


class SimulatedTeam:
    """Simulated researchers. The system prompt of a request names the one that replies."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._members: dict[str, SimulatedResearcher] = {}

    def __call__(self, request: Request) -> Reply:
        """Return the reply of the named researcher."""
        name = re.match(r"You are (\w+), (one of|the only)", request.conversation.system)
        assert name, request.conversation.system[:80]
        member = self._members.setdefault(name[1], SimulatedResearcher(self._seed, name[1]))
        coroutine = member.reply(request)
        try:
            coroutine.send(None)
        except StopIteration as done:
            reply: Reply = done.value
            return reply
        raise AssertionError("a simulated researcher never waits")


@dataclass
class SummarisingTeam:
    """A team that writes a summary when it is asked to compact its conversation."""

    team: SimulatedTeam = field(default_factory=lambda: SimulatedTeam(7))
    call_numbers: Iterator[int] = field(default_factory=count)
    summary_count: int = 0

    def __call__(self, request: Request) -> Reply:
        """Return a summary, or the reply of the named researcher."""
        last = request.conversation.messages[-1]
        if last.text == summary_request():
            self.summary_count += 1
            summary = Text(f"Summary {self.summary_count}: $cost was {{not}} counted. ")
            return Reply(Message("assistant", (summary,)), "end_turn", Usage(), "", None)
        reply = self.team(request)
        # A simulated researcher numbers its calls by turns, which restart after a compaction.
        blocks = tuple(
            replace(block, id=f"use-{next(self.call_numbers)}") if isinstance(block, ToolCall) else block
            for block in reply.message.blocks
        )
        return replace(reply, message=Message("assistant", blocks))
