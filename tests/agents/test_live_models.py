"""Base models over the network: the official SDKs, against a server on loopback that has good days and bad ones."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from correspondence import correspond, first_request
from model_servers import PASSING, ModelServer

from aarlab.agents.models.anthropic import Claude
from aarlab.agents.models.base import ModelError, Reply, Request, Serving, TemporaryError, TooLong, Unavailable
from aarlab.agents.models.gate import Gate, Gated
from aarlab.agents.models.openai import ChatModel
from aarlab.agents.models.retry import Patience, Patient
from aarlab.agents.models.simulated.researcher import SimulatedResearcher
from aarlab.memory.messages import (
    Conversation,
    HiddenThinking,
    Message,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Usage,
    user,
)

Live = Claude | ChatModel
KINDS = {"anthropic": (Claude, ""), "openai": (ChatModel, "/v1")}
QUESTION = Request(Conversation.begin("You are brief.").then(user("What now?")), first_request().tools)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys for both providers."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, ModelServer.key)


@pytest.fixture
def opened() -> Iterator[Callable[..., "Asked"]]:
    """Open models of a server, and close everything at the end."""
    asked: list[Asked] = []

    def opened(provider: str, server: ModelServer, **serving: Any) -> Asked:
        kind, path = KINDS[provider]
        asked.append(Asked(kind("some-model", Serving(base_url=server.url + path, **serving))))
        return asked[-1]

    yield opened
    for one in asked:
        one.close()


class Asked:
    """A model in an event loop of its own, asked in turn."""

    def __init__(self, model: Live) -> None:
        self.model = model
        self._runner = asyncio.Runner()

    def __call__(self, request: Request = QUESTION) -> Reply:
        return self._runner.run(self.model.reply(request))

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)

    def patiently(self, patience: Patience, announce: Callable[[str, float], None] | None = None) -> Reply:
        patient = Patient(self.model, "some/model", patience, seed=1, agent="r1", announce=announce)
        return self._runner.run(patient.reply(QUESTION))

    def close(self) -> None:
        self._runner.run(self.model.aclose())
        self._runner.close()


def says(*blocks: Any, stop_reason: str = "tool_use") -> Callable[[Request], Reply]:
    """Return a server's answer to everything."""
    return lambda request: Reply(Message("assistant", blocks), stop_reason, Usage(), "", None)


HELLO = says(Text("Let me see."), ToolUse("t1", "read_file", {"path": "a b\n“c”.py"}))
each_provider = pytest.mark.parametrize("provider", KINDS)


@each_provider
def test_an_answer_arrives_whole_with_its_tokens(provider: str, opened: Callable[..., Asked]) -> None:
    with ModelServer(HELLO) as server:
        reply = opened(provider, server)()
    assert reply.message.blocks == (Text("Let me see."), ToolUse("t1", "read_file", {"path": "a b\n“c”.py"}))
    assert (reply.stop_reason, reply.model, reply.cost_usd) == ("tool_use", "some-model", None)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (server.billed["input"], server.billed["output"])


@each_provider
def test_a_conversation_comes_through_the_wire_as_it_was(provider: str, opened: Callable[..., Asked]) -> None:
    seen: list[Request] = []
    with ModelServer(lambda request: seen.append(request) or HELLO(request)) as server:  # type: ignore[func-returns-value]
        sent = [asked for asked, _ in correspond(SimulatedResearcher(1, "r1"), turns=6)]
        model = opened(provider, server)
        for asked in sent:
            model(asked)
    assert [asked.hash for asked in seen] == [asked.hash for asked in sent]


@each_provider
@pytest.mark.parametrize("fault", [fault for fault in PASSING if fault != "drip"])
def test_what_passes_is_said_to_pass(provider: str, fault: str, opened: Callable[..., Asked]) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server, pytest.raises(TemporaryError) as raised:
        opened(provider, server)()
    assert raised.value.retry_after_s == (0.1 if fault == "429 later" else None)
    assert raised.value.usage.input_tokens == server.billed["input"], "a stream that broke off has been paid for"


@each_provider
def test_a_slow_answer_is_an_answer_but_not_one_that_takes_for_ever(
    provider: str, opened: Callable[..., Asked]
) -> None:
    with ModelServer(HELLO, faults=["drip"], every=1) as server:
        assert opened(provider, server)().message.text == "Let me see."
    stalling = ModelServer(HELLO, faults=["stall"], every=1)
    with stalling as server, pytest.raises(TemporaryError, match="no answer in time"):
        opened(provider, server, timeout_s=0.5)()


@each_provider
@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        ("no credit", ModelError, "has no credit .*; add some"),
        ("no model", ModelError, "there is no model .* look at its name and live.base_urls"),
        ("too long", TooLong, "the conversation has become too long"),
    ],
)
def test_what_does_not_pass_says_what_to_do(
    provider: str, fault: str, kind: type[ModelError], told: str, opened: Callable[..., Asked]
) -> None:
    with ModelServer(HELLO, faults=[fault], every=1) as server:
        with pytest.raises(kind, match=told) as raised:
            opened(provider, server)()
        assert not isinstance(raised.value, TemporaryError)


@each_provider
def test_a_refused_key_is_not_repeated(
    provider: str, opened: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{provider.upper()}_API_KEY"
    monkeypatch.setenv(variable, "sk-wrong-and-secret")
    with ModelServer(HELLO) as server, pytest.raises(ModelError, match=f"look at {variable}") as raised:
        opened(provider, server)()
    assert "sk-wrong-and-secret" not in repr(raised.value)
    assert f"[{variable}]" in str(raised.value), "the server has repeated it"


def test_the_next_attempt_comes_when_the_server_wants_it_but_not_later_than_we_do(opened: Callable[..., Asked]) -> None:
    with ModelServer(HELLO, faults=["429 later", "", "429 later", ""], every=1) as server:
        model = opened("anthropic", server)
        honoured, capped = model.patiently(Patience()), model.patiently(Patience(most_s=0.02))
    assert [attempt.waited_s for attempt in honoured.failed] == [0.1]
    assert [attempt.waited_s for attempt in capped.failed] == [0.02]


def test_waiting_grows_is_announced_and_ends(opened: Callable[..., Asked]) -> None:
    said: list[tuple[str, float]] = []
    with ModelServer(HELLO, faults=["529"], every=1) as server:
        patience = Patience(total_s=1.0, first_s=0.05)
        with pytest.raises(Unavailable, match=r"has not answered for .* minutes .* Overloaded") as raised:
            opened("anthropic", server).patiently(patience, lambda label, share: said.append((label, share)))
    *before, last = [attempt.waited_s for attempt in raised.value.failed]
    assert last == 0
    assert len(before) >= 2
    assert all(0.05 * 2**n * 0.5 <= wait <= 0.05 * 2**n for n, wait in enumerate(before))
    assert {label for label, _ in said} == {"waiting for some/model: 529 overloaded_error: Overloaded"}
    assert [share for _, share in said] == sorted(share for _, share in said)


def test_thinking_is_kept_and_goes_back_to_claude_as_it_came(opened: Callable[..., Asked]) -> None:
    thought = (Thinking("First this, then that.", "c2lnbmVk"), HiddenThinking("eHh4"))
    with ModelServer(says(*thought, ToolUse("t1", "read_file", {"path": "a"}))) as server:
        model = opened("anthropic", server, thinking="adaptive", effort="high")
        reply = model()
        assert reply.message.blocks[:2] == thought
        said = QUESTION.conversation.then(reply.message, Message("user", (ToolResult("t1", "{}"),)))
        model(replace(QUESTION, conversation=said))
    first, second = server.requests
    assert (first["thinking"], first["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    assert second["messages"][1] == reply.message.to_json()


def test_thinking_of_others_is_kept_and_goes_to_nobody(opened: Callable[..., Asked]) -> None:
    with ModelServer(says(Thinking("Hm."), Text("Well."), stop_reason="end_turn")) as server:
        reply = opened("openai", server)()
        assert reply.message.blocks == (Thinking("Hm."), Text("Well."))
        said = replace(QUESTION, conversation=QUESTION.conversation.then(reply.message, user("And?")))
        for provider in KINDS:
            opened(provider, server)(said)
    assert all("Hm." not in json.dumps(body) for body in server.requests)


@each_provider
def test_what_was_refused_is_not_done(provider: str, opened: Callable[..., Asked]) -> None:
    with ModelServer(HELLO, faults=["refusal"], every=1) as server:
        reply = opened(provider, server)()
    assert reply.stop_reason == "refusal"
    assert reply.message.tool_uses == ()


def test_fifty_turns_send_at_most_a_fifth_of_their_tokens_uncached(opened: Callable[..., Asked]) -> None:
    with ModelServer(HELLO) as server:
        model = opened("anthropic", server)
        for asked, _ in correspond(SimulatedResearcher(1, "r1"), turns=50):
            model(asked)
    assert server.billed["calls"] == 50
    assert (server.billed["input"] - server.billed["read"]) * 5 <= server.billed["input"]


def test_tools_can_be_used_in_plain_text(opened: Callable[..., Asked]) -> None:
    words = 'I look.\n```tool\n{"name": "read_file", "input": {"path": "a.py"}}\n```\nand\n```tool\n{"name": oops}\n```'
    with ModelServer(says(Text(words), stop_reason="end_turn")) as server:
        model = opened("openai", server, text_tools=True)
        reply = model()
        assert [use.name for use in reply.message.tool_uses] == ["read_file", "unreadable"]
        assert reply.message.tool_uses[0].arguments == {"path": "a.py"}
        assert reply.stop_reason == "tool_use"
        results = (ToolResult("text-1", '{"text":"x"}'), ToolResult("text-2", '{"error":"no"}', is_error=True))
        said = QUESTION.conversation.then(reply.message, Message("user", results))
        again = model(replace(QUESTION, conversation=said))
    assert [use.id for use in again.message.tool_uses] == ["text-3", "text-4"], "ids are unique in a conversation"
    body = server.requests[-1]
    assert "tools" not in body
    assert "- read_file: " in body["messages"][0]["content"]
    assert (
        '```result\n{"name": "read_file", "ok": true, "output": {"text": "x"}}\n```' in body["messages"][-1]["content"]
    )


def test_tool_uses_without_ids_of_their_own_get_some(opened: Callable[..., Asked]) -> None:
    with ModelServer(says(ToolUse("call_0", "read_board", {}), ToolUse("", "read_board", {}))) as server:
        model = opened("openai", server)
        first = model()
        results = tuple(ToolResult(use.id, "{}") for use in first.message.tool_uses)
        said = QUESTION.conversation.then(first.message, Message("user", results))
        second = model(replace(QUESTION, conversation=said))
    ids = [use.id for use in (*first.message.tool_uses, *second.message.tool_uses)]
    assert len(set(ids)) == 4
    assert ids[0] == "call_0"


def test_the_tokens_of_a_request_are_counted_before_it_is_sent(opened: Callable[..., Asked]) -> None:
    with ModelServer(HELLO) as server:
        asked = opened("anthropic", server)
        assert isinstance(asked.model, Claude)
        counted = asked.run(asked.model.count_tokens(QUESTION))
        assert counted == asked().usage.input_tokens
        server.counts = False
        with pytest.raises(ModelError):
            asked.run(asked.model.count_tokens(QUESTION))


def test_a_server_that_can_do_little_at_a_time_is_not_asked_more_for_long(opened: Callable[..., Asked]) -> None:
    gate = Gate()
    with ModelServer(HELLO, faults=["slowly"], every=1, crowd=2) as server:
        asked = opened("anthropic", server)
        patience = Patience(first_s=0.01)
        team = [Patient(Gated(asked.model, gate), "some/model", patience, seed=1, agent=f"r{i}") for i in range(8)]

        async def all_together() -> None:
            for _ in range(4):
                await asyncio.gather(*(one.reply(QUESTION) for one in team))

        asked.run(all_together())
    assert server.billed["calls"] == 32
    assert gate.cuts > 0
    assert gate.limit < 8
