"""Calls to one address at a time: no more than the server lets through, and nobody is left standing."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.agents.models.base import Reply, Request, TransientError
from aarlab.agents.models.concurrency_limiter import ConcurrencyLimitedModel, ConcurrencyLimiter
from aarlab.memory.messages import Conversation, Message, Text, Usage, user_message

QUESTION = Request(Conversation.begin("Be brief.").then(user_message("What now?")), ())
ANSWER = Reply(Message("assistant", (Text("Nothing."),)), "end_turn", Usage(1, 1), "m", None)


class Server:
    """Answers so many calls at a time, and tells more than that that it has too much to do."""

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.in_flight_calls, self.most, self.refused = capacity, 0, 0, 0
        self._draw = random.Random(seed)

    async def reply(self, request: Request) -> Reply:
        """Answer after some turns of the loop."""
        self.in_flight_calls += 1
        self.most = max(self.most, self.in_flight_calls)
        try:
            full = self.in_flight_calls > self.capacity
            for _ in range(self._draw.randrange(1, 6)):
                await asyncio.sleep(0)
            if full:
                self.refused += 1
                raise TransientError("too fast", overloaded=True)
            return ANSWER
        finally:
            self.in_flight_calls -= 1


async def _call_until_answered(model: ConcurrencyLimitedModel, calls: int) -> None:
    for _ in range(calls):
        while True:
            try:
                await model.reply(QUESTION)
                break
            except TransientError:
                await asyncio.sleep(0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 99))
def test_everybody_is_answered_in_the_end_and_the_limit_is_never_overrun(capacity: int, team: int, seed: int) -> None:
    server, limiter = Server(capacity, seed), ConcurrencyLimiter()
    limits: list[float] = []

    class ObservedModel(ConcurrencyLimitedModel):
        async def reply(self, request: Request) -> Reply:
            try:
                return await super().reply(request)
            finally:
                limits.append(limiter.limit)
                assert limiter.limit >= 1

    async def all_together() -> None:
        await asyncio.gather(*(_call_until_answered(ObservedModel(server, limiter), 10) for _ in range(team)))

    asyncio.run(all_together())
    assert limiter.in_flight == 0
    assert not limiter.waiting
    assert server.most <= max(*limits, 16)
    assert len(limits) == 10 * team + server.refused
    assert limiter.halvings <= server.refused


def test_a_crowd_is_met_once_however_many_calls_were_in_it() -> None:
    async def max_concurrent() -> ConcurrencyLimiter:
        limiter = ConcurrencyLimiter()
        halvings_at_start = [await limiter.acquire() for _ in range(12)]
        for one in halvings_at_start:
            limiter.release(halvings_at_start=one, overloaded=True, succeeded=False)
        return limiter

    limiter = asyncio.run(max_concurrent())
    assert (limiter.limit, limiter.halvings) == (8.0, 1)


def test_the_limit_settles_near_what_the_server_can_do() -> None:
    server, limiter = Server(6, seed=1), ConcurrencyLimiter()

    async def all_together() -> None:
        await asyncio.gather(*(_call_until_answered(ConcurrencyLimitedModel(server, limiter), 200) for _ in range(30)))

    asyncio.run(all_together())
    assert 3 <= limiter.limit <= 9
    assert server.refused < 30 * 200 / 10, "what the gate holds back need not be refused"


def test_who_does_not_want_to_wait_any_more_leaves_its_place_to_the_next() -> None:
    async def scenario() -> int:
        limiter = ConcurrencyLimiter(limit=1)
        first = await limiter.acquire()
        waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.release(halvings_at_start=first, overloaded=False, succeeded=True)
        # Let in and called off in the same moment.
        waiting[1].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(waiting[2], 1) == 0
        return limiter.in_flight

    assert asyncio.run(scenario()) == 1
