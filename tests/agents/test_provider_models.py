"""Base models over the network: the official SDKs, against a server on loopback that has good days and bad ones."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from model_servers import TRANSIENT_FAULTS, ModelServer
from stub_environment import converse, first_request

from aarlab.agents.models.anthropic import Claude
from aarlab.agents.models.base import (
    ContextTooLong,
    ModelError,
    ModelSettings,
    ModelUnavailable,
    Reply,
    Request,
    TransientError,
)
from aarlab.agents.models.concurrency_limiter import ConcurrencyLimitedModel, ConcurrencyLimiter
from aarlab.agents.models.openai import ChatCompletionsModel
from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.memory.messages import (
    Conversation,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    user_message,
)

Live = Claude | ChatCompletionsModel
KINDS = {"anthropic": (Claude, ""), "openai": (ChatCompletionsModel, "/v1")}
QUESTION = Request(Conversation.begin("You are brief.").then(user_message("What now?")), first_request().tools)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys for both providers."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, ModelServer.key)


@pytest.fixture
def opened() -> Iterator[Callable[..., "ModelClient"]]:
    """Open models of a server, and close everything at the end."""
    asked: list[ModelClient] = []

    def opened(provider: str, server: ModelServer, **settings: Any) -> ModelClient:
        kind, path = KINDS[provider]
        asked.append(ModelClient(kind("some-model", ModelSettings(base_url=server.url + path, **settings))))
        return asked[-1]

    yield opened
    for one in asked:
        one.close()


class ModelClient:
    """A model in an event loop of its own, asked in turn."""

    def __init__(self, model: Live) -> None:
        self.model = model
        self._runner = asyncio.Runner()

    def __call__(self, request: Request = QUESTION) -> Reply:
        return self._runner.run(self.model.reply(request))

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)

    def with_retries(self, retry_policy: RetryPolicy, on_wait: Callable[[str, float], None] | None = None) -> Reply:
        patient = RetryingModel(self.model, "some/model", retry_policy, seed=1, agent="r1", on_wait=on_wait)
        return self._runner.run(patient.reply(QUESTION))

    def close(self) -> None:
        self._runner.run(self.model.aclose())
        self._runner.close()


def always_reply(*blocks: Any, stop_reason: str = "tool_use") -> Callable[[Request], Reply]:
    """Return a server's answer to everything."""
    return lambda request: Reply(Message("assistant", blocks), stop_reason, Usage(), "", None)


HELLO = always_reply(Text("Let me see."), ToolCall("t1", "read_file", {"path": "a b\n“c”.py"}))
each_provider = pytest.mark.parametrize("provider", KINDS)


@each_provider
def test_an_answer_arrives_whole_with_its_tokens(provider: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        reply = opened(provider, server)()
    assert reply.message.blocks == (Text("Let me see."), ToolCall("t1", "read_file", {"path": "a b\n“c”.py"}))
    assert (reply.stop_reason, reply.model, reply.cost_usd) == ("tool_use", "some-model", None)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (server.billed["input"], server.billed["output"])


@each_provider
def test_a_conversation_comes_through_the_wire_as_it_was(provider: str, opened: Callable[..., ModelClient]) -> None:
    seen: list[Request] = []
    with ModelServer(lambda request: seen.append(request) or HELLO(request)) as server:  # type: ignore[func-returns-value]
        sent = [asked for asked, _ in converse(SimulatedResearcher(1, "r1"), turns=6)]
        model = opened(provider, server)
        for asked in sent:
            model(asked)
    assert [asked.hash for asked in seen] == [asked.hash for asked in sent]


@each_provider
@pytest.mark.parametrize("fault", [fault for fault in TRANSIENT_FAULTS if fault != "small chunks"])
def test_what_passes_is_said_to_pass(provider: str, fault: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server, pytest.raises(TransientError) as raised:
        opened(provider, server)()
    assert raised.value.retry_after_s == (0.1 if fault == "429 later" else None)
    assert raised.value.usage.input_tokens == server.billed["input"], "a stream that broke off has been paid for"


@each_provider
def test_a_slow_answer_is_an_answer_but_not_one_that_takes_for_ever(
    provider: str, opened: Callable[..., ModelClient]
) -> None:
    with ModelServer(HELLO, faults=["small chunks"], every=1) as server:
        assert opened(provider, server)().message.text == "Let me see."
    stalling = ModelServer(HELLO, faults=["stall"], every=1)
    with stalling as server, pytest.raises(TransientError, match="no response before the timeout"):
        opened(provider, server, timeout_s=0.5)()


@each_provider
@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        ("no credit", ModelError, "has no credit .*; add some"),
        ("no model", ModelError, "the server has no model .* check the name and live.base_urls"),
        ("too long", ContextTooLong, "the conversation is too long"),
    ],
)
def test_what_does_not_pass_says_what_to_do(
    provider: str, fault: str, kind: type[ModelError], told: str, opened: Callable[..., ModelClient]
) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server:
        with pytest.raises(kind, match=told) as raised:
            opened(provider, server)()
        assert not isinstance(raised.value, TransientError)


@each_provider
def test_a_refused_key_is_not_repeated(
    provider: str, opened: Callable[..., ModelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{provider.upper()}_API_KEY"
    monkeypatch.setenv(variable, "sk-wrong-and-secret")
    with ModelServer(HELLO) as server, pytest.raises(ModelError, match=f"check {variable}") as raised:
        opened(provider, server)()
    assert "sk-wrong-and-secret" not in repr(raised.value)
    assert f"[{variable}]" in str(raised.value), "the server has repeated it"


def test_the_next_attempt_comes_when_the_server_wants_it_but_not_later_than_we_do(
    opened: Callable[..., ModelClient],
) -> None:
    with ModelServer(HELLO, faults=["429 later", "", "429 later", ""], every=1) as server:
        model = opened("anthropic", server)
        honoured, capped = model.with_retries(RetryPolicy()), model.with_retries(RetryPolicy(max_wait_s=0.02))
    assert [attempt.waited_s for attempt in honoured.failed_attempts] == [0.1]
    assert [attempt.waited_s for attempt in capped.failed_attempts] == [0.02]


def test_waiting_grows_is_announced_and_ends(opened: Callable[..., ModelClient]) -> None:
    said: list[tuple[str, float]] = []
    with ModelServer(HELLO, faults=["529"], every=1) as server:
        retry_policy = RetryPolicy(max_total_s=1.0, initial_wait_s=0.05)
        with pytest.raises(ModelUnavailable, match=r"has not answered for .* minutes .* Overloaded") as raised:
            opened("anthropic", server).with_retries(retry_policy, lambda label, share: said.append((label, share)))
    *before, last = [attempt.waited_s for attempt in raised.value.failed_attempts]
    assert last == 0
    assert len(before) >= 2
    assert all(0.05 * 2**n * 0.5 <= wait <= 0.05 * 2**n for n, wait in enumerate(before))
    assert {label for label, _ in said} == {"waiting for some/model: 529 overloaded_error: Overloaded"}
    assert [share for _, share in said] == sorted(share for _, share in said)


def test_thinking_is_kept_and_goes_back_to_claude_as_it_came(opened: Callable[..., ModelClient]) -> None:
    thought = (Thinking("First this, then that.", "c2lnbmVk"), RedactedThinking("eHh4"))
    with ModelServer(always_reply(*thought, ToolCall("t1", "read_file", {"path": "a"}))) as server:
        model = opened("anthropic", server, thinking="adaptive", effort="high")
        reply = model()
        assert reply.message.blocks[:2] == thought
        said = QUESTION.conversation.then(reply.message, Message("user", (ToolResult("t1", "{}"),)))
        model(replace(QUESTION, conversation=said))
    first, second = server.requests
    assert (first["thinking"], first["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    assert second["messages"][1] == reply.message.to_json()


def test_thinking_of_others_is_kept_and_goes_to_nobody(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(always_reply(Thinking("Hm."), Text("Well."), stop_reason="end_turn")) as server:
        reply = opened("openai", server)()
        assert reply.message.blocks == (Thinking("Hm."), Text("Well."))
        said = replace(QUESTION, conversation=QUESTION.conversation.then(reply.message, user_message("And?")))
        for provider in KINDS:
            opened(provider, server)(said)
    assert all("Hm." not in json.dumps(body) for body in server.requests)


@each_provider
def test_what_was_refused_is_not_done(provider: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO, faults=["refusal"], every=1) as server:
        reply = opened(provider, server)()
    assert reply.stop_reason == "refusal"
    assert reply.message.tool_calls == ()


def test_fifty_turns_send_at_most_a_fifth_of_their_tokens_uncached(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        model = opened("anthropic", server)
        for asked, _ in converse(SimulatedResearcher(1, "r1"), turns=50):
            model(asked)
    assert server.billed["calls"] == 50
    assert (server.billed["input"] - server.billed["read"]) * 5 <= server.billed["input"]


def test_tools_can_be_used_in_plain_text(opened: Callable[..., ModelClient]) -> None:
    words = 'I look.\n```tool\n{"name": "read_file", "input": {"path": "a.py"}}\n```\nand\n```tool\n{"name": oops}\n```'
    with ModelServer(always_reply(Text(words), stop_reason="end_turn")) as server:
        model = opened("openai", server, text_tools=True)
        reply = model()
        assert [use.name for use in reply.message.tool_calls] == ["read_file", "unreadable"]
        assert reply.message.tool_calls[0].arguments == {"path": "a.py"}
        assert reply.stop_reason == "tool_use"
        results = (ToolResult("text-1", '{"text":"x"}'), ToolResult("text-2", '{"error":"no"}', is_error=True))
        said = QUESTION.conversation.then(reply.message, Message("user", results))
        again = model(replace(QUESTION, conversation=said))
    assert [use.id for use in again.message.tool_calls] == ["text-3", "text-4"], "ids are unique in a conversation"
    body = server.requests[-1]
    assert "tools" not in body
    assert "- read_file: " in body["messages"][0]["content"]
    assert (
        '```result\n{"name": "read_file", "ok": true, "output": {"text": "x"}}\n```' in body["messages"][-1]["content"]
    )


def test_tool_uses_without_ids_of_their_own_get_some(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(always_reply(ToolCall("call_0", "read_board", {}), ToolCall("", "read_board", {}))) as server:
        model = opened("openai", server)
        first = model()
        results = tuple(ToolResult(use.id, "{}") for use in first.message.tool_calls)
        said = QUESTION.conversation.then(first.message, Message("user", results))
        second = model(replace(QUESTION, conversation=said))
    ids = [use.id for use in (*first.message.tool_calls, *second.message.tool_calls)]
    assert len(set(ids)) == 4
    assert ids[0] == "call_0"


def test_the_tokens_of_a_request_are_counted_before_it_is_sent(opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        asked = opened("anthropic", server)
        assert isinstance(asked.model, Claude)
        counted = asked.run(asked.model.count_tokens(QUESTION))
        assert counted == asked().usage.input_tokens
        server.counts_tokens = False
        with pytest.raises(ModelError):
            asked.run(asked.model.count_tokens(QUESTION))


def test_a_server_that_can_do_little_at_a_time_is_not_asked_more_for_long(opened: Callable[..., ModelClient]) -> None:
    limiter = ConcurrencyLimiter()
    with ModelServer(HELLO, faults=["slowly"], every=1, max_concurrent=2) as server:
        asked = opened("anthropic", server)
        retry_policy = RetryPolicy(initial_wait_s=0.01)
        team = [
            RetryingModel(
                ConcurrencyLimitedModel(asked.model, limiter), "some/model", retry_policy, seed=1, agent=f"r{i}"
            )
            for i in range(8)
        ]

        async def all_together() -> None:
            for _ in range(4):
                await asyncio.gather(*(one.reply(QUESTION) for one in team))

        asked.run(all_together())
    assert server.billed["calls"] == 32
    assert limiter.halvings > 0
    assert limiter.limit < 8
