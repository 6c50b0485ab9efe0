"""Calls to one address at a time: no more than the server lets through, and nobody is left standing."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.agents.models.base import Reply, Request, TemporaryError
from aarlab.agents.models.gate import Gate, Gated
from aarlab.memory.messages import Conversation, Message, Text, Usage, user

QUESTION = Request(Conversation.begin("Be brief.").then(user("What now?")), ())
ANSWER = Reply(Message("assistant", (Text("Nothing."),)), "end_turn", Usage(1, 1), "m", None)


class Server:
    """Answers so many calls at a time, and tells more than that that it has too much to do."""

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.at_once, self.most, self.refused = capacity, 0, 0, 0
        self._draw = random.Random(seed)

    async def reply(self, request: Request) -> Reply:
        """Answer after some turns of the loop."""
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            full = self.at_once > self.capacity
            for _ in range(self._draw.randrange(1, 6)):
                await asyncio.sleep(0)
            if full:
                self.refused += 1
                raise TemporaryError("too fast", crowded=True)
            return ANSWER
        finally:
            self.at_once -= 1


async def _insists(model: Gated, calls: int) -> None:
    for _ in range(calls):
        while True:
            try:
                await model.reply(QUESTION)
                break
            except TemporaryError:
                await asyncio.sleep(0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 99))
def test_everybody_is_answered_in_the_end_and_the_limit_is_never_overrun(capacity: int, team: int, seed: int) -> None:
    server, gate = Server(capacity, seed), Gate()
    limits: list[float] = []

    class Watched(Gated):
        async def reply(self, request: Request) -> Reply:
            try:
                return await super().reply(request)
            finally:
                limits.append(gate.limit)
                assert gate.limit >= 1

    async def all_together() -> None:
        await asyncio.gather(*(_insists(Watched(server, gate), 10) for _ in range(team)))

    asyncio.run(all_together())
    assert gate.under_way == 0
    assert not gate.waiting
    assert server.most <= max(*limits, 16)
    assert len(limits) == 10 * team + server.refused
    assert gate.cuts <= server.refused


def test_a_crowd_is_met_once_however_many_calls_were_in_it() -> None:
    async def crowd() -> Gate:
        gate = Gate()
        entered = [await gate.enter() for _ in range(12)]
        for one in entered:
            gate.leave(entered=one, crowded=True, answered=False)
        return gate

    gate = asyncio.run(crowd())
    assert (gate.limit, gate.cuts) == (8.0, 1)


def test_the_limit_settles_near_what_the_server_can_do() -> None:
    server, gate = Server(6, seed=1), Gate()

    async def all_together() -> None:
        await asyncio.gather(*(_insists(Gated(server, gate), 200) for _ in range(30)))

    asyncio.run(all_together())
    assert 3 <= gate.limit <= 9
    assert server.refused < 30 * 200 / 10, "what the gate holds back need not be refused"


def test_who_does_not_want_to_wait_any_more_leaves_its_place_to_the_next() -> None:
    async def story() -> int:
        gate = Gate(limit=1)
        first = await gate.enter()
        waiting = [asyncio.ensure_future(gate.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.leave(entered=first, crowded=False, answered=True)
        # Let in and called off in the same moment.
        waiting[1].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(waiting[2], 1) == 0
        return gate.under_way

    assert asyncio.run(story()) == 1
