"""The concurrency limiter admits as many calls as the server can handle, and every call eventually."""

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
    """A server that reports overload above a number of concurrent calls."""

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.in_flight_calls, self.max_in_flight, self.refused = capacity, 0, 0, 0
        self._random = random.Random(seed)

    async def reply(self, request: Request) -> Reply:
        """Reply after some iterations of the event loop."""
        self.in_flight_calls += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight_calls)
        try:
            full = self.in_flight_calls > self.capacity
            for _ in range(self._random.randrange(1, 6)):
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


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 99))
def test_every_call_succeeds_and_the_limit_is_never_exceeded(capacity: int, team: int, seed: int) -> None:
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
    assert server.max_in_flight <= max(*limits, 16)
    assert len(limits) == 10 * team + server.refused
    assert limiter.halvings <= server.refused


def test_concurrent_overload_errors_halve_the_limit_once() -> None:
    async def overload() -> ConcurrencyLimiter:
        limiter = ConcurrencyLimiter()
        halvings_at_start = [await limiter.acquire() for _ in range(12)]
        for halvings in halvings_at_start:
            limiter.release(halvings_at_start=halvings, overloaded=True, succeeded=False)
        return limiter

    limiter = asyncio.run(overload())
    assert (limiter.limit, limiter.halvings) == (8.0, 1)


def test_the_limit_settles_near_the_servers_capacity() -> None:
    server, limiter = Server(6, seed=1), ConcurrencyLimiter()

    async def all_together() -> None:
        await asyncio.gather(*(_call_until_answered(ConcurrencyLimitedModel(server, limiter), 200) for _ in range(30)))

    asyncio.run(all_together())
    assert 3 <= limiter.limit <= 9
    assert server.refused < 30 * 200 / 10, "calls that wait for the limiter are not refused"


def test_a_cancelled_waiter_frees_its_slot() -> None:
    async def scenario() -> int:
        limiter = ConcurrencyLimiter(limit=1)
        first = await limiter.acquire()
        waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.release(halvings_at_start=first, overloaded=False, succeeded=True)
        # Admitted and cancelled at the same time.
        waiting[1].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(waiting[2], 60) == 0
        return limiter.in_flight

    assert asyncio.run(scenario()) == 1
