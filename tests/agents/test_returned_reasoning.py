"""Reasoning, and opaque fields of tool calls: kept, and returned to the servers that want them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from model_clients import HELLO, QUESTION, ModelClient, each_provider, question_after
from model_servers import ModelServer, RawServer, event_stream

from aarlab.agents.models.request_settings import RequestSettings, server_settings
from aarlab.memory.messages import Message, Thinking, ToolCall, ToolResult, block_from_json

SIGNED = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
DETAILS = [
    {"type": "reasoning.text", "text": "First ", "index": 0, "format": "anthropic-claude-v1"},
    {"type": "reasoning.text", "text": "this.", "index": 0},
    {"type": "reasoning.text", "signature": "c2ln", "index": 0},
    {"type": "reasoning.encrypted", "data": "eHh4", "index": 1},
]
MERGED = [
    {"type": "reasoning.text", "text": "First this.", "index": 0, "format": "anthropic-claude-v1", "signature": "c2ln"},
    {"type": "reasoning.encrypted", "data": "eHh4", "index": 1},
]


def stream_of(*deltas: dict[str, Any]) -> Any:
    """Return a stream of these deltas, ended by a tool call."""
    call = {"index": 0, "id": "x1", "type": "function", "function": {"name": "read_board", "arguments": "{}"}, **SIGNED}
    choices = [{"delta": delta, "finish_reason": None} for delta in (*deltas, {"tool_calls": [call]})]
    return event_stream([{"choices": [choice]} for choice in (*choices, {"delta": {}, "finish_reason": "tool_calls"})])


def second_request(client: ModelClient, raw: RawServer) -> dict[str, Any]:
    """Return the assistant's message as it is sent back after a first reply."""
    first = client().message
    stored = Message(first.speaker, tuple(block_from_json(block.to_json()) for block in first.blocks))
    assert stored == first, "the run file keeps it"
    results = Message("user", tuple(ToolResult(call.id, "{}") for call in first.tool_calls))
    client(replace(QUESTION, conversation=QUESTION.conversation.then(first, results)))
    sent: dict[str, Any] = raw.requests[-1]["messages"][2]
    return sent


@pytest.mark.parametrize("received", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("wanted", ["reasoning_content", "reasoning"])
def test_reasoning_is_returned_under_the_wanted_name(
    received: str, wanted: Any, opened: Callable[..., ModelClient]
) -> None:
    with RawServer(lambda body: stream_of({received: "First "}, {received: "this."})) as raw:
        sent = second_request(opened("openai", raw, request=RequestSettings(reasoning=wanted)), raw)
    assert sent[wanted] == "First this."
    assert sent["tool_calls"][0]["extra_content"] == SIGNED["extra_content"]


def test_reasoning_details_are_joined_and_returned(opened: Callable[..., ModelClient]) -> None:
    with RawServer(lambda body: stream_of(*({"reasoning_details": [detail]} for detail in DETAILS))) as raw:
        sent = second_request(opened("openai", raw, request=RequestSettings(reasoning="reasoning_details")), raw)
    assert sent["reasoning_details"] == MERGED


def test_other_servers_get_neither_reasoning_nor_foreign_fields(opened: Callable[..., ModelClient]) -> None:
    with RawServer(lambda body: stream_of({"reasoning_content": "Hm."}, {"reasoning_details": DETAILS[:1]})) as raw:
        sent = second_request(opened("openai", raw, request=RequestSettings(tool_call_extras=False)), raw)
    assert sent.keys() == {"role", "content", "tool_calls"}
    assert sent["tool_calls"][0].keys() == {"id", "type", "function"}


@each_provider
def test_strict_servers_accept_a_conversation_of_another_server(
    provider: str, opened: Callable[..., ModelClient]
) -> None:
    call = ToolCall("x1", "read_board", {}, SIGNED)
    request = question_after(call)
    thought = Message("assistant", (Thinking("Hm.", "", {"reasoning_details": MERGED}), call))
    request = replace(request, conversation=QUESTION.conversation.then(thought, request.conversation.messages[-1]))
    with ModelServer(HELLO) as server:
        opened(provider, server, request=RequestSettings(tool_call_extras=False))(request)


def test_kimi_gets_reasoning_with_each_tool_call(opened: Callable[..., ModelClient]) -> None:
    """Kimi: "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"."""
    settings = server_settings("https://api.moonshot.ai/v1", RequestSettings())
    with RawServer(lambda body: stream_of({})) as raw:
        opened("openai", raw, request=settings)(question_after(ToolCall("functions.read_board:0", "read_board", {})))
    sent = raw.requests[0]["messages"][2]
    assert sent["reasoning_content"]
    assert sent["tool_calls"][0]["id"] == "functions.read_board:0"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, {"token_limit": "max_completion_tokens", "reasoning": "omit"}),
        ("http://localhost:8000/v1", {"token_limit": "max_tokens", "stream_usage": True, "tool_call_ids": "safe"}),
        ("https://api.mistral.ai/v1", {"stream_usage": False, "tool_call_ids": "short"}),
        ("https://openrouter.ai/api/v1", {"reasoning": "reasoning_details"}),
        ("https://my.openai.azure.com/openai/v1/", {"token_limit": "max_completion_tokens"}),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", {"output_from_total": True}),
        ("https://evil-openrouter.ai/v1", {"reasoning": "omit"}),
    ],
)
def test_defaults_follow_the_address_of_the_server(url: str | None, expected: dict[str, Any]) -> None:
    settings = server_settings(url, RequestSettings())
    assert {name: getattr(settings, name) for name in expected} == expected
    own = RequestSettings(token_limit="none", headers={"x-title": "aarlab"}, body={"temperature": 0.6})
    assert server_settings(url, own).token_limit == "none"


def test_request_settings_determine_the_request(opened: Callable[..., ModelClient]) -> None:
    own = RequestSettings(
        token_limit="none",
        system_role="user",
        headers={"x-title": "aarlab"},
        body={"temperature": 0.6},
        stream_usage=False,
    )
    with RawServer(lambda body: stream_of({})) as raw:
        opened("openai", raw, request=own)()
    (body,) = raw.requests
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["messages"][0]["content"] == "You are brief.\n\nWhat now?"
    assert body["temperature"] == 0.6
    assert not body.keys() & {"max_tokens", "max_completion_tokens", "stream_options"}
    assert raw.headers[0]["x-title"] == "aarlab"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"headers": {"Authorization": "Bearer x"}}, "would store a secret in the run file"),
        ({"headers": {"x": "a\nb"}}, "characters that no header can have"),
        ({"body": {"model": "other"}}, "which other settings determine"),
    ],
)
def test_settings_with_secrets_or_own_fields_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RequestSettings(**fields)
