"""Base models behind the official SDKs, against a server on loopback with and without faults."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from model_clients import KINDS, QUESTION, ModelClient, always_reply, each_provider
from model_servers import TRANSIENT_FAULTS, ModelServer
from stub_environment import converse

from aarlab.agents.models.anthropic import Claude
from aarlab.agents.models.base import (
    ContextTooLong,
    ModelError,
    ModelUnavailable,
    Request,
    TransientError,
)
from aarlab.agents.models.concurrency_limiter import ConcurrencyLimitedModel, ConcurrencyLimiter
from aarlab.agents.models.request_settings import RequestSettings
from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.wire_names import with_safe_names
from aarlab.memory.messages import (
    INVALID_INPUT,
    Conversation,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    user_message,
)

HELLO = always_reply(Text("Let me see."), ToolCall("t1", "read_file", {"path": "a b\n“c”.py"}))


@each_provider
def test_a_reply_arrives_complete_with_its_usage(provider: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        reply = opened(provider, server)()
    assert reply.message.blocks == (Text("Let me see."), ToolCall("t1", "read_file", {"path": "a b\n“c”.py"}))
    assert (reply.stop_reason, reply.model, reply.cost_usd) == ("tool_use", "some-model", None)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (server.billed["input"], server.billed["output"])


@each_provider
def test_a_conversation_reaches_the_server_unchanged(provider: str, opened: Callable[..., ModelClient]) -> None:
    seen: list[Request] = []
    with ModelServer(lambda request: seen.append(request) or HELLO(request)) as server:  # type: ignore[func-returns-value]
        sent = [request for request, _ in converse(SimulatedResearcher(1, "r1"), turns=6)]
        model = opened(provider, server)
        for request in sent:
            model(request)
    assert [_with_ids_as_sent(request) for request in seen] == [_with_ids_as_sent(request) for request in sent]


def _with_ids_as_sent(request: Request) -> str:
    conversation = Conversation.begin(request.conversation.system)
    return replace(request, conversation=conversation.then(*with_safe_names(request.conversation.messages))).hash


@each_provider
@pytest.mark.parametrize("fault", [fault for fault in TRANSIENT_FAULTS if fault != "small chunks"])
def test_transient_errors_are_raised_as_transient(
    provider: str, fault: str, opened: Callable[..., ModelClient]
) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server, pytest.raises(TransientError) as raised:
        opened(provider, server)()
    assert raised.value.retry_after_s == (0.1 if fault == "429 later" else None)
    assert raised.value.usage.input_tokens == server.billed["input"], "the usage of a cut stream is counted"


@each_provider
def test_a_slow_reply_succeeds_unless_it_exceeds_the_timeout(provider: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO, faults=["small chunks"], every=1) as server:
        assert opened(provider, server)().message.text == "Let me see."
    stalling = ModelServer(HELLO, faults=["stall"], every=1)
    with stalling as server, pytest.raises(TransientError, match="no response before the timeout"):
        opened(provider, server, timeout_s=0.5)()


@each_provider
@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("no credit", ModelError, "has no credit .*; add credit"),
        ("no model", ModelError, "the server has no model .* check the name and live.base_urls"),
        ("too long", ContextTooLong, "the conversation is too long"),
    ],
)
def test_permanent_errors_name_the_fix(
    provider: str, fault: str, kind: type[ModelError], message: str, opened: Callable[..., ModelClient]
) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server:
        with pytest.raises(kind, match=message) as raised:
            opened(provider, server)()
        assert not isinstance(raised.value, TransientError)


@each_provider
def test_an_error_does_not_contain_the_refused_key(
    provider: str, opened: Callable[..., ModelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{provider.upper()}_API_KEY"
    monkeypatch.setenv(variable, "sk-wrong-and-secret")
    with ModelServer(HELLO) as server, pytest.raises(ModelError, match=f"check {variable}") as raised:
        opened(provider, server)()
    assert "sk-wrong-and-secret" not in repr(raised.value)
    assert f"[{variable}]" in str(raised.value), "the server's message contains the key"


def test_retry_after_is_followed_up_to_the_maximum_wait(
    opened: Callable[..., ModelClient],
) -> None:
    with ModelServer(HELLO, faults=["429 later", "", "429 later", ""], every=1) as server:
        model = opened("anthropic", server)
        honoured, capped = model.with_retries(RetryPolicy()), model.with_retries(RetryPolicy(max_wait_s=0.02))
    assert [attempt.waited_s for attempt in honoured.failed_attempts] == [0.1]
    assert [attempt.waited_s for attempt in capped.failed_attempts] == [0.02]


def test_waits_grow_are_announced_and_end(opened: Callable[..., ModelClient]) -> None:
    announced: list[tuple[str, float]] = []
    with ModelServer(HELLO, faults=["529"], every=1) as server:
        retry_policy = RetryPolicy(max_total_s=1.0, initial_wait_s=0.05)
        with pytest.raises(ModelUnavailable, match=r"has not answered for .* minutes .* Overloaded") as raised:
            opened("anthropic", server).with_retries(retry_policy, lambda text, share: announced.append((text, share)))
    *before, last = [attempt.waited_s for attempt in raised.value.failed_attempts]
    assert last == 0
    assert len(before) >= 2
    assert all(0.05 * 2**n * 0.5 <= wait <= 0.05 * 2**n for n, wait in enumerate(before))
    assert {text for text, _ in announced} == {"waiting for some/model: 529 overloaded_error: Overloaded"}
    assert [share for _, share in announced] == sorted(share for _, share in announced)


def test_thinking_of_claude_is_kept_and_sent_back_unchanged(opened: Callable[..., ModelClient]) -> None:
    thinking = (Thinking("First this, then that.", "c2lnbmVk"), RedactedThinking("eHh4"))
    with ModelServer(always_reply(*thinking, ToolCall("t1", "read_file", {"path": "a"}))) as server:
        model = opened("anthropic", server, thinking="adaptive", effort="high")
        reply = model()
        assert reply.message.blocks[:2] == thinking
        conversation = QUESTION.conversation.then(reply.message, Message("user", (ToolResult("t1", "{}"),)))
        model(replace(QUESTION, conversation=conversation))
    first, second = server.requests
    assert (first["thinking"], first["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    assert second["messages"][1] == reply.message.to_json()


def test_thinking_of_other_models_is_kept_and_not_sent(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(always_reply(Thinking("Hm."), Text("Well."), stop_reason="end_turn")) as server:
        reply = opened("openai", server)()
        assert reply.message.blocks == (Thinking("Hm."), Text("Well."))
        request = replace(QUESTION, conversation=QUESTION.conversation.then(reply.message, user_message("And?")))
        for provider in KINDS:
            opened(provider, server)(request)
    assert all("Hm." not in json.dumps(body) for body in server.requests)


@each_provider
def test_a_refused_reply_has_no_tool_calls(provider: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO, faults=["refusal"], every=1) as server:
        reply = opened(provider, server)()
    assert reply.stop_reason == "refusal"
    assert reply.message.tool_calls == ()


def test_fifty_turns_send_at_most_a_fifth_of_tokens_uncached(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        model = opened("anthropic", server)
        for request, _ in converse(SimulatedResearcher(1, "r1"), turns=50):
            model(request)
    assert server.billed["calls"] == 50
    assert (server.billed["input"] - server.billed["read"]) * 5 <= server.billed["input"]


def test_tools_can_be_called_in_plain_text(opened: Callable[..., ModelClient]) -> None:
    text = 'I look.\n```tool\n{"name": "read_file", "input": {"path": "a.py"}}\n```\nand\n```tool\n{"name": oops}\n```'
    with ModelServer(always_reply(Text(text), stop_reason="end_turn")) as server:
        model = opened("openai", server, request=RequestSettings(tools="text"))
        reply = model()
        assert [call.name for call in reply.message.tool_calls] == ["read_file", "unreadable"]
        assert reply.message.tool_calls[0].arguments == {"path": "a.py"}
        assert reply.stop_reason == "tool_use"
        results = (ToolResult("text-1", '{"text":"x"}'), ToolResult("text-2", '{"error":"no"}', is_error=True))
        conversation = QUESTION.conversation.then(reply.message, Message("user", results))
        again = model(replace(QUESTION, conversation=conversation))
    assert [call.id for call in again.message.tool_calls] == ["text-3", "text-4"], "ids are unique in a conversation"
    body = server.requests[-1]
    assert "tools" not in body
    assert "- read_file: " in body["messages"][0]["content"]
    assert (
        '```result\n{"name": "read_file", "ok": true, "output": {"text": "x"}}\n```' in body["messages"][-1]["content"]
    )


def test_replies_can_be_constrained_to_tool_calls_by_a_schema(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(always_reply(Text('{"name": "read_file", "input": {"path": "a.py"}}'))) as server:
        model = opened("openai", server, request=RequestSettings(tools="schema"))
        reply = model()
        assert reply.message.blocks == (ToolCall("text-1", "read_file", {"path": "a.py"}),)
        assert reply.stop_reason == "tool_use"
        results = (ToolResult("text-1", '{"text":"x"}'),)
        again = model(
            replace(QUESTION, conversation=QUESTION.conversation.then(reply.message, Message("user", results)))
        )
    assert [call.id for call in again.message.tool_calls] == ["text-2"]
    body = server.requests[-1]
    assert "tools" not in body
    (call, *_, message) = body["response_format"]["json_schema"]["schema"]["anyOf"]
    assert call["properties"]["name"] == {"const": QUESTION.tools[0].name}
    assert message["properties"]["name"] == {"const": "end_turn"}
    assert body["messages"][-2]["content"] == '{"name": "read_file", "input": {"path": "a.py"}}'
    assert body["messages"][-1]["content"].startswith("```result\n")


@pytest.mark.parametrize(
    ("text", "stop_reason", "expected"),
    [
        ('{"name": "end_turn", "input": {"message": "Done."}}', "end_turn", Text("Done.")),
        ("Prose.", "end_turn", Text("Prose.")),
        ('{"name": "read_file", "inp', "max_tokens", Text('{"name": "read_file", "inp')),
        (
            '{"name": "read_file", "inp',
            "end_turn",
            ToolCall("text-1", "unreadable", {INVALID_INPUT: '{"name": "read_file", "inp'}),
        ),
        (
            '{"name": "a", "input": [1]}',
            "end_turn",
            ToolCall("text-1", "a", {INVALID_INPUT: '{"name": "a", "input": [1]}'}),
        ),
    ],
)
def test_a_reply_that_breaks_the_schema_is_understood(
    text: str, stop_reason: str, expected: Text | ToolCall, opened: Callable[..., ModelClient]
) -> None:
    with ModelServer(always_reply(Text(text), stop_reason=stop_reason)) as server:
        reply = opened("openai", server, request=RequestSettings(tools="schema"))()
    assert reply.message.blocks == (expected,)


def test_tool_calls_without_unique_ids_get_new_ones(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(always_reply(ToolCall("call_0", "read_board", {}), ToolCall("", "read_board", {}))) as server:
        model = opened("openai", server)
        first = model()
        results = tuple(ToolResult(call.id, "{}") for call in first.message.tool_calls)
        conversation = QUESTION.conversation.then(first.message, Message("user", results))
        second = model(replace(QUESTION, conversation=conversation))
    ids = [call.id for call in (*first.message.tool_calls, *second.message.tool_calls)]
    assert len(set(ids)) == 4
    assert ids[0] == "call_0"


def test_the_tokens_of_a_request_can_be_counted(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        client = opened("anthropic", server)
        assert isinstance(client.model, Claude)
        counted = client.run(client.model.count_tokens(QUESTION))
        assert counted == client().usage.input_tokens
        server.counts_tokens = False
        with pytest.raises(ModelError):
            client.run(client.model.count_tokens(QUESTION))


@each_provider
@pytest.mark.parametrize("fault", ["invalid input", "malformed input"])
def test_a_tool_input_that_is_not_json_is_passed_on_as_text(
    provider: str, fault: str, opened: Callable[..., ModelClient]
) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server:
        (call,) = opened(provider, server)().message.tool_calls
    assert call.arguments.keys() == {INVALID_INPUT}


def test_concurrency_adapts_to_the_capacity_of_the_server(opened: Callable[..., ModelClient]) -> None:
    limiter = ConcurrencyLimiter()
    with ModelServer(HELLO, faults=["slowly"], every=1, max_concurrent=2) as server:
        client = opened("anthropic", server)
        retry_policy = RetryPolicy(initial_wait_s=0.01)
        team = [
            RetryingModel(
                ConcurrencyLimitedModel(client.model, limiter), "some/model", retry_policy, seed=1, agent=f"r{i}"
            )
            for i in range(8)
        ]

        async def all_together() -> None:
            for _ in range(4):
                await asyncio.gather(*(model.reply(QUESTION) for model in team))

        client.run(all_together())
    assert server.billed["calls"] == 32
    assert limiter.halvings > 0
    assert limiter.limit < 8
