"""Replies of the chat completions API: the chunks of a stream, or one JSON object, become a reply."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aarlab.agents.models import plain_text_tools, schema_tools
from aarlab.agents.models.base import Reply, TransientError
from aarlab.agents.models.decoding import parse_arguments
from aarlab.agents.models.provider_errors import ServerError
from aarlab.agents.models.request_settings import ToolForm
from aarlab.agents.models.sdk_model import finished_reply
from aarlab.agents.models.wire_fields import opaque, read_list, read_object, read_text, token_count
from aarlab.agents.models.wire_names import with_unique_ids
from aarlab.memory.messages import Block, Conversation, Json, Text, Thinking, ToolCall, Usage

_STOP_REASONS = {
    "stop": "end_turn", "tool_calls": "tool_use", "function_call": "tool_use", "length": "max_tokens",
    "content_filter": "refusal",
}  # fmt: skip

_CALL_FIELDS = frozenset({"index", "id", "type", "function"})
_DETAIL_TEXTS = ("text", "summary", "data")


@dataclass(slots=True)
class _PartialCall:
    """A tool call during streaming."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: dict[str, Json] = field(default_factory=dict)

    def is_continued_by(self, index: int | None, call_id: str, name: str, arguments: str) -> bool:
        """Return whether a fragment with these fields belongs to this call.

        Some servers give all parallel calls the index 0, or none; then a new id, another name, or arguments after
        complete arguments begin a new call. Some servers repeat id and name in every fragment.
        """
        if not call_id and not name:
            return index is None or index == self.index
        if index != self.index or (call_id and self.id and call_id != self.id):
            return False
        if call_id and self.id:
            return True
        return not name or not self.name or (name == self.name and not (arguments and _is_complete(self.arguments)))


@dataclass(slots=True)
class PartialReply:
    """A reply during streaming."""

    model: str
    output_from_total: bool = False
    """Whether the server does not count thinking as output, but in the total."""
    stop_reason: str | None = None
    text: str = ""
    refusal: str = ""
    thinking: str = ""
    details: list[dict[str, Json]] = field(default_factory=list)
    """OpenRouter's `reasoning_details`."""
    calls: list[_PartialCall] = field(default_factory=list)
    usage: Usage | None = None
    """None until the server reports it."""

    def add(self, chunk: Json) -> None:
        """Add a chunk of the stream, or a whole response. Raises MalformedResponse if it violates the protocol."""
        fields = read_object(chunk, "the chunk")
        if fields.get("error"):
            raise ServerError(fields["error"])
        self.model = read_text(fields.get("model"), "model") or self.model
        self._add_usage(fields.get("usage"))
        for number, item in enumerate(read_list(fields.get("choices"), "choices")):
            choice = read_object(item, "a choice")
            if number or choice.get("index"):
                continue  # One choice is requested; a second one is another reply.
            self._add_delta(read_object(choice.get("delta") or choice.get("message"), "delta"))
            # Kimi reports the usage in the choice.
            self._add_usage(choice.get("usage"))
            if reason := read_text(choice.get("finish_reason"), "finish_reason"):
                self.stop_reason = _STOP_REASONS.get(reason, reason)

    def reply(self, conversation: Conversation, *, tools: ToolForm) -> Reply:
        """Return the complete reply to a conversation. Raises TransientError if the stream ended early."""
        if self.stop_reason is None or self.stop_reason == "error":
            raise TransientError("the stream ended early", usage=self.usage)
        text = self.text or self.refusal
        text_blocks: list[Block] = [Text(text)] if text else []
        last_number = plain_text_tools.last_call_number(conversation.messages)
        if tools == "text":
            text_blocks = plain_text_tools.parse_blocks(text, last_number=last_number)
        elif tools == "schema" and not self.refusal:
            complete = self.stop_reason != "max_tokens"
            text_blocks = schema_tools.parse_blocks(text, last_number=last_number, complete=complete)
        extra = {"reasoning_details": self.details} if self.details else {}
        thinking_blocks: list[Block] = [Thinking(self.thinking, "", extra)] if self.thinking or extra else []
        calls = [ToolCall(call.id, call.name, parse_arguments(call.arguments), call.extra) for call in self.calls]
        blocks = [*thinking_blocks, *text_blocks, *with_unique_ids(calls, conversation.messages)]
        stop_reason = "refusal" if self.refusal else self.stop_reason
        if stop_reason == "end_turn" and any(isinstance(block, ToolCall) for block in blocks):
            stop_reason = "tool_use"
        return finished_reply(blocks, stop_reason, self.usage or Usage(None, None), self.model)

    def _add_usage(self, reported: Json) -> None:
        if reported is not None:
            self.usage = chat_usage(reported, output_from_total=self.output_from_total)

    def _add_delta(self, delta: Mapping[str, Json]) -> None:
        self.text += read_text(delta.get("content"), "content")
        self.refusal += read_text(delta.get("refusal"), "refusal")
        # Servers use two names for thinking; neither is in OpenAI's API. Some send both.
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        self.thinking += read_text(thinking, "reasoning")
        for item in read_list(delta.get("reasoning_details"), "reasoning_details"):
            self._add_detail(opaque(read_object(item, "a reasoning detail"), "a reasoning detail"))
        for item in read_list(delta.get("tool_calls"), "tool_calls"):
            self._add_call(read_object(item, "a tool call"))

    def _add_detail(self, part: dict[str, Json]) -> None:
        """Add a part of `reasoning_details`: the texts of parts with the same type and index are joined."""
        last = self.details[-1] if self.details else {}
        same = last and (last.get("type"), last.get("index")) == (part.get("type"), part.get("index"))
        if not same or part.get("index") is None:
            self.details.append(part)
            return
        for name, value in part.items():
            texts = name in _DETAIL_TEXTS and isinstance(value, str) and isinstance(last.get(name), str)
            last[name] = last[name] + value if texts else value

    def _add_call(self, part: Mapping[str, Json]) -> None:
        function = read_object(part.get("function"), "function")
        index = part.get("index") if isinstance(part.get("index"), int) else None
        call_id, name = read_text(part.get("id"), "id"), read_text(function.get("name"), "name")
        arguments = function.get("arguments")
        # Some servers send the arguments as an object.
        arguments = json.dumps(arguments) if isinstance(arguments, dict) else read_text(arguments, "arguments")
        latest_first = reversed(self.calls)
        call = next((call for call in latest_first if call.is_continued_by(index, call_id, name, arguments)), None)
        if call is None:
            call = _PartialCall(index)
            self.calls.append(call)
        call.id, call.name = call.id or call_id, call.name or name
        call.arguments += arguments
        extra = {name: value for name, value in part.items() if name not in _CALL_FIELDS and value is not None}
        call.extra |= opaque(extra, "a field of a tool call")


def _is_complete(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True


def chat_usage(reported: Json, *, output_from_total: bool = False) -> Usage:
    """Return the tokens that a server reports; None for each number that is missing or not credible."""
    if not isinstance(reported, Mapping):
        return Usage(None, None)
    prompt, completion = token_count(reported.get("prompt_tokens")), token_count(reported.get("completion_tokens"))
    total = token_count(reported.get("total_tokens"))
    thinking = _detail(reported, "completion_tokens_details", "reasoning_tokens")
    if prompt is not None and completion is not None and total is not None:
        apart = total == prompt + completion + (thinking or 0)
        if total > prompt + completion and (output_from_total or apart):
            # The server reports thinking apart from the completion.
            completion = total - prompt
    cached = _detail(reported, "prompt_tokens_details", "cached_tokens") or 0
    return Usage(prompt, completion, cached if prompt is not None and cached <= prompt else 0)


def _detail(reported: Mapping[str, Json], group: str, name: str) -> int | None:
    details = reported.get(group)
    return token_count(details.get(name)) if isinstance(details, Mapping) else None
