"""How many calls may be under way at one address at a time: as many as the server lets through.

Additive increase, multiplicative decrease, as in the congestion control of TCP (Chiu and Jain, 1989): where the limit
binds it grows by one each time that as many calls have succeeded, and it is halved when the server has too much to do.
Nothing that is recorded hangs on it but the order in which live models answer.
"""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from aarlab.agents.models.base import Model, Reply, Request, TransientError

_INITIAL_LIMIT = 16


@dataclass(slots=True)
class ConcurrencyLimiter:
    """Lets calls to one address pass, in the order in which they come."""

    limit: float = _INITIAL_LIMIT
    """Most calls under way; the whole part counts."""
    in_flight: int = 0
    halvings: int = 0
    """How often the limit has been halved."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def acquire(self) -> int:
        """Wait until a call may begin, and return the number of cuts so far, which it hands to `release`."""
        if self.in_flight < math.floor(self.limit) and not self.waiting:
            self.in_flight += 1
            return self.halvings
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # Let in and called off in the same moment: the place is somebody else's.
                self.in_flight -= 1
                self._admit()
            raise
        return self.halvings

    def release(self, *, halvings_at_start: int, overloaded: bool, succeeded: bool) -> None:
        """Take in that a call has ended.

        Args:
            entered: What `acquire` returned.
            crowded: The server said that it has too much to do.
            answered: There was an answer.
        """
        at_limit = self.in_flight >= math.floor(self.limit)
        self.in_flight -= 1
        # Calls that were under way at the last cut met the same crowd: one halving is enough for all of them.
        if overloaded and halvings_at_start == self.halvings:
            self.limit, self.halvings = max(1.0, self.limit / 2), self.halvings + 1
        elif succeeded and at_limit:
            self.limit += 1 / self.limit
        self._admit()

    def _admit(self) -> None:
        while self.waiting and self.in_flight < math.floor(self.limit):
            waiter = self.waiting.popleft()
            if not waiter.done():
                self.in_flight += 1
                waiter.set_result(None)


class ConcurrencyLimitedModel:
    """A base model whose calls pass a gate that it shares with others."""

    def __init__(self, model: Model, limiter: ConcurrencyLimiter) -> None:
        """Ask `model` when the gate lets a call pass."""
        self._model, self._limiter = model, limiter

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            TransientError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """
        halvings_at_start = await self._limiter.acquire()
        overloaded = succeeded = False
        try:
            reply = await self._model.reply(request)
            succeeded = True
            return reply
        except TransientError as error:
            overloaded = error.overloaded
            raise
        finally:
            self._limiter.release(halvings_at_start=halvings_at_start, overloaded=overloaded, succeeded=succeeded)
