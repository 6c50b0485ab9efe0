"""A limit on concurrent calls to one address, adapted to what the server can handle.

Additive increase, multiplicative decrease, as in TCP congestion control (Chiu and Jain, 1989). While the limit is
reached, it grows by one each time that as many calls have succeeded. It is halved when the server reports overload. The
limit affects only the order in which live models reply.
"""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from aarlab.agents.models.base import Model, Reply, Request, TransientError

_INITIAL_LIMIT = 16


@dataclass(slots=True)
class ConcurrencyLimiter:
    """Admits calls to one address in order of arrival, up to a limit that adapts."""

    limit: float = _INITIAL_LIMIT
    """Maximum number of concurrent calls; rounded down when it is applied."""
    in_flight: int = 0
    """Number of calls in progress."""
    halvings: int = 0
    """Number of times that the limit was halved."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def acquire(self) -> int:
        """Wait until a call may start, and return the number of halvings so far, which `release` needs."""
        if self.in_flight < math.floor(self.limit) and not self.waiting:
            self.in_flight += 1
            return self.halvings
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # Admitted and cancelled at the same time: the next waiter takes the slot.
                self.in_flight -= 1
                self._admit()
            raise
        return self.halvings

    def release(self, *, halvings_at_start: int, overloaded: bool, succeeded: bool) -> None:
        """Register the end of a call, and adapt the limit.

        Args:
            halvings_at_start: Return value of `acquire` for this call.
            overloaded: Whether the server reported overload.
            succeeded: Whether the call returned a reply.
        """
        at_limit = self.in_flight >= math.floor(self.limit)
        self.in_flight -= 1
        # Calls that started before the last halving met the same overload; one halving is enough for all of them.
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
    """A base model that shares a concurrency limit with others."""

    def __init__(self, model: Model, limiter: ConcurrencyLimiter) -> None:
        """Call `model` when `limiter` admits the call."""
        self._model, self._limiter = model, limiter

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            TransientError: The call failed, and a retry may help.
            ModelError: The call failed, and a retry would not help.
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
