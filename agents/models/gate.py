"""How many calls may be under way at one address at a time: as many as the server lets through.

Additive increase, multiplicative decrease, as in the congestion control of TCP (Chiu and Jain, 1989): where the limit
binds it grows by one each time that as many calls have succeeded, and it is halved when the server has too much to do.
Nothing that is recorded hangs on it but the order in which live models answer.
"""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from aarlab.agents.models.base import Model, Reply, Request, TemporaryError

_AT_FIRST = 16


@dataclass(slots=True)
class Gate:
    """Lets calls to one address pass, in the order in which they come."""

    limit: float = _AT_FIRST
    """Most calls under way; the whole part counts."""
    under_way: int = 0
    cuts: int = 0
    """How often the limit has been halved."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def enter(self) -> int:
        """Wait until a call may begin, and return the number of cuts so far, which it hands to `leave`."""
        if self.under_way < math.floor(self.limit) and not self.waiting:
            self.under_way += 1
            return self.cuts
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Let in and called off in the same moment: the place is somebody else's.
                self.under_way -= 1
                self._let_in()
            raise
        return self.cuts

    def leave(self, *, entered: int, crowded: bool, answered: bool) -> None:
        """Take in that a call has ended.

        Args:
            entered: What `enter` returned.
            crowded: The server said that it has too much to do.
            answered: There was an answer.
        """
        bound = self.under_way >= math.floor(self.limit)
        self.under_way -= 1
        # Calls that were under way at the last cut met the same crowd: one halving is enough for all of them.
        if crowded and entered == self.cuts:
            self.limit, self.cuts = max(1.0, self.limit / 2), self.cuts + 1
        elif answered and bound:
            self.limit += 1 / self.limit
        self._let_in()

    def _let_in(self) -> None:
        while self.waiting and self.under_way < math.floor(self.limit):
            turn = self.waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)


class Gated:
    """A base model whose calls pass a gate that it shares with others."""

    def __init__(self, model: Model, gate: Gate) -> None:
        """Ask `model` when the gate lets a call pass."""
        self._model, self._gate = model, gate

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            TemporaryError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """
        entered = await self._gate.enter()
        crowded = answered = False
        try:
            reply = await self._model.reply(request)
            answered = True
            return reply
        except TemporaryError as error:
            crowded = error.crowded
            raise
        finally:
            self._gate.leave(entered=entered, crowded=crowded, answered=answered)
