"""The session of an outside agent in one round: its brief, its tools, its clock, and its tool calls."""

import asyncio
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import Request
from aarlab.agents.models.decoding import check_depth, replace_surrogates
from aarlab.agents.models.plain_text_tools import message_text
from aarlab.agents.prompts import render
from aarlab.memory.messages import INVALID_INPUT, Conversation, Json, Message, ToolSpec, canonical_json

END_TURN = ToolSpec(
    "end_turn",
    "End your turn: the next stage of your work begins, or you wait for the end of the round.",
    {"type": "object", "properties": {}},
)
"""A tool that only outside agents have. A language model ends its turn by a reply without tool calls."""
MAX_ARGUMENT_BYTES = 300_000
"""Maximum size of the arguments of a call. Longer ones are cut off, and the call fails."""
_MAX_WAITING = 64
"""Maximum number of calls that wait at the same time."""
_MAX_HISTORY = 60_000
"""Maximum number of characters of the earlier conversation in a brief; its end is kept."""
_USED = re.compile(r"You have used ([\d.]+) of ([\d.]+) research hours\. This round ends at hour (\d+(?:\.\d+)?)")
_SPEAKERS = {"user": "to you", "assistant": "you"}


@dataclass(frozen=True, slots=True)
class Clock:
    """Research hours of an agent."""

    used: float
    """Hours used, as of the last result."""
    total: float
    """Hours in the whole run."""
    round_end: float
    """Hour at which the round ends."""

    @property
    def left_in_round(self) -> float:
        """Hours left in the round."""
        return max(0.0, round(self.round_end - self.used, 6))


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The answer to a tool call of an outside agent."""

    content: str
    """JSON text."""
    is_error: bool = False
    messages: tuple[str, ...] = ()
    """Messages to the agent that came with the result, such as the next stage of its work."""


@dataclass(slots=True)
class PendingCall:
    """A tool call of an outside agent that has no answer yet."""

    name: str
    arguments: Mapping[str, Json]
    answer: "asyncio.Future[ToolAnswer]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class OutsideSession:
    """What an outside agent has in one round.

    The MCP server serves it to a command; a coroutine gets it as its argument.
    """

    def __init__(self, agent: str, request: Request, secret_names: Collection[str] = ()) -> None:
        """Begin the session of an agent.

        Args:
            agent: Name of the researcher.
            request: Its first request in the round.
            secret_names: Environment variables whose values are removed from the arguments of calls, besides those
                that look like secrets: an agent has the key of its provider, and arguments are recorded.
        """
        self.agent = agent
        self._secret_names = secret_names
        self.brief = _brief(request)
        """Who the agent is, what it did before, and the message of the round, as text."""
        self.on_new_tools: Callable[[], None] = lambda: None
        """Called when `tools` has changed."""
        self._tools = request.tools
        self._clock = Clock(0.0, 0.0, 0.0)
        self._queue: asyncio.Queue[PendingCall] = asyncio.Queue()
        self._open: PendingCall | None = None
        self._end = ""
        self._read_clock(request.conversation.messages)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools that the agent has now. A staged workflow changes them."""
        return (*self._tools, END_TURN)

    @property
    def clock(self) -> Clock:
        """Research hours used and left."""
        return self._clock

    @property
    def ended(self) -> bool:
        """Whether the round has ended; every further call fails."""
        return bool(self._end)

    async def call(self, tool: str, **arguments: Json) -> dict[str, Json]:
        """Call a tool and return its result; a failed call has the field `error`.

        Messages that came with the result, such as the next stage of the work, are in the field `messages`.
        """
        answer = await self.submit(tool, arguments)
        result: dict[str, Json] = json.loads(answer.content)
        return {**result, "messages": list(answer.messages)} if answer.messages else result

    async def submit(self, tool: str, arguments: Mapping[str, Json]) -> ToolAnswer:
        """Call a tool and return the answer. Calls are executed one after another, in the order of arrival."""
        if self._end:
            return _error(self._end)
        if self._queue.qsize() >= _MAX_WAITING:
            return _error(f"{_MAX_WAITING} of your calls are waiting; wait for their results")
        call = PendingCall(
            redacted(replace_surrogates(tool), self._secret_names)[:200], _storable(arguments, self._secret_names)
        )
        self._queue.put_nowait(call)
        return await call.answer

    async def next_call(self) -> PendingCall:
        """Return the next tool call of the agent; wait for it."""
        while True:
            call = await self._queue.get()
            if not call.answer.done():
                self._open = call
                return call

    @property
    def has_call(self) -> bool:
        """Whether the agent has made a call that is not executed yet."""
        return not self._queue.empty()

    def deliver(self, request: Request) -> None:
        """Answer the open call with the messages after the last reply."""
        changed, self._tools = request.tools != self._tools, request.tools
        self._answer(request.conversation, "")
        if changed:
            self.on_new_tools()

    def close(self, conversation: Conversation | None, reason: str) -> None:
        """End the session: answer the open call, if the conversation has its result, and let all other calls fail."""
        self._end = reason
        if conversation is not None:
            self._answer(conversation, reason)
        waiting = [self._open, *(self._queue.get_nowait() for _ in range(self._queue.qsize()))]
        for call in waiting:
            if call is not None and not call.answer.done():
                call.answer.set_result(_error(reason))

    def _answer(self, conversation: Conversation, note: str) -> None:
        messages = new_messages(conversation)
        self._read_clock(messages)
        results = [result for message in messages for result in message.tool_results]
        texts = tuple(text for text in (*(message.text for message in messages), note) if text)
        call, self._open = self._open, None
        if call is None or call.answer.done():
            return
        if results:
            call.answer.set_result(ToolAnswer(results[-1].content, results[-1].is_error, texts))
        else:
            call.answer.set_result(ToolAnswer("{}", False, texts))

    def _read_clock(self, messages: Sequence[Message]) -> None:
        """Update the clock from the messages, which say it as they say it to a language model."""
        used, total, end = self._clock.used, self._clock.total, self._clock.round_end
        for message in messages:
            if (match := _USED.search(message.text)) is not None:
                used, total, end = (float(number) for number in match.groups())
            for result in message.tool_results:
                used = float(json.loads(result.content).get("hours", used))
        self._clock = Clock(used, total, end)


def new_messages(conversation: Conversation) -> tuple[Message, ...]:
    """Return the messages after the last reply."""
    messages = conversation.messages
    replies = [index for index, message in enumerate(messages) if message.speaker == "assistant"]
    return messages[replies[-1] + 1 if replies else 0 :]


def _brief(request: Request) -> str:
    conversation, names = request.conversation, dict[str, str]()
    new = new_messages(conversation)
    before = conversation.messages[: len(conversation.messages) - len(new)]
    history = "\n\n".join(f"[{_SPEAKERS[message.speaker]}]\n{message_text(message, names)}" for message in before)
    if len(history) > _MAX_HISTORY:
        history = f"(The beginning is left out.)\n\n{history[-_MAX_HISTORY:]}"
    return render(
        "outside_agent",
        system=conversation.system,
        history=f"## What happened before\n\n{history}\n" if history else "",
        message="\n\n".join(message_text(message, names) for message in new),
    )


def _error(text: str) -> ToolAnswer:
    return ToolAnswer(canonical_json({"error": text}), is_error=True)


def _storable(arguments: Mapping[str, Json], secret_names: Collection[str]) -> Mapping[str, Json]:
    """Return the arguments without secrets; only the beginning of their text if they are too long to be stored."""
    try:
        check_depth(dict(arguments))
        text = canonical_json(dict(arguments))
        size = len(text.encode())
    except (ValueError, RecursionError, TypeError):
        return {INVALID_INPUT: "(the arguments cannot be stored)"}
    text = redacted(text, secret_names)
    if size > MAX_ARGUMENT_BYTES:
        return {INVALID_INPUT: text[:1000]}
    stored: Mapping[str, Json] = json.loads(text)
    return stored
