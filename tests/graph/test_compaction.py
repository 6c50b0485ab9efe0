"""Compaction: dropped and kept messages, and their record."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_servers import ModelServer, SummarisingTeam
from team_runs import Run, model_requests, run, scenario

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.researcher import summary_request
from aarlab.graph.calls.compaction import n_droppable
from aarlab.memory.events import Compaction, LimitReached, ModelCall, Prompted
from aarlab.memory.messages import Message, Text, ToolCall, ToolResult, canonical_json, user_message

SERVED = {"anthropic": ("anthropic/claude-opus-5-5", ""), "openai": ("openai/my-own", "/v1")}
LONG = {"hours": 3, "round_hours": 1.5}


@pytest.fixture(autouse=True, scope="module")
def keys() -> Iterator[None]:
    """Keys for both providers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
            patch.setenv(name, ModelServer.key)
        yield


def run_on_server(server: ModelServer, path: Path, provider: str = "anthropic", **live: Any) -> Run:
    """Run a tiny team with models on the server."""
    model, tail = SERVED[provider]
    settings = {"base_urls": {provider: server.url + tail}, **live}
    return run(scenario(team={"researchers": 2, "model": model}, live=settings, budget=LONG), path)


def check(done: Run, server: ModelServer) -> None:
    """Check the requests, tool calls and token counts of a run with compactions."""
    for name in done.researchers:
        asked = list(model_requests(done, name))
        assert [request.hash for request, _, _ in asked] == [event.request for _, event, _ in asked]
        used: list[str] = []
        for request, _, answer in asked:
            for message, following in pairwise(request.conversation.messages):
                assert [call.id for call in message.tool_calls] == [r.tool_call_id for r in following.tool_results]
            used += [use.id for use in answer.tool_calls]
        assert len(used) == len(set(used))
    billed = {"input": 0, "output": 0}
    for call in done.of(ModelCall):
        billed["input"] += call.input_tokens
        billed["output"] += call.output_tokens
    assert billed == {name: server.billed[name] for name in billed}, "summary calls are paid for, too"


@pytest.mark.parametrize("provider", ["anthropic", pytest.param("openai", marks=pytest.mark.long)])
def test_rejected_conversation_is_compacted_and_continues(provider: str, tmp_path: Path) -> None:
    with ModelServer(SummarisingTeam(), window=10_500) as server:
        done = run_on_server(server, tmp_path / "run.db", provider)
    compactions = done.of(Compaction)
    assert compactions
    assert done.summary["status"] == "done"
    assert all(event.rejected_request is not None for event in compactions)
    check(done, server)
    for event in compactions:
        summary = done.file.message(event.summary).text
        assert event.text.startswith("Summary ")
        assert event.text in summary
        assert f"Its first {event.dropped} messages" in summary
    assert [event.role for event in done.of(ModelCall, Prompted)].count("summariser") == 2 * len(compactions)
    done.file.close()


def test_conversation_is_compacted_at_the_configured_size(tmp_path: Path) -> None:
    with ModelServer(SummarisingTeam()) as server:
        done = run_on_server(server, tmp_path / "run.db", compact_at=10_500)
    compactions = done.of(Compaction)
    assert compactions
    assert all(event.rejected_request is None and event.tokens >= 10_500 for event in compactions)
    check(done, server)
    done.file.close()


def test_empty_summary_is_reported_to_the_model(tmp_path: Path) -> None:
    team = SummarisingTeam()
    with ModelServer(lambda request: _without_summary(team, request), window=10_500) as server:
        done = run_on_server(server, tmp_path / "run.db")
    event = done.of(Compaction)[0]
    assert event.text == ""
    assert "(You wrote no summary.)" in done.file.message(event.summary).text
    done.file.close()


def test_researcher_stops_if_compaction_is_not_enough(tmp_path: Path) -> None:
    with ModelServer(SummarisingTeam(), window=100) as server:
        done = run_on_server(server, tmp_path / "run.db")
    assert {limit.field for limit in done.of(LimitReached)} == {"context length"}
    assert not done.of(Compaction)
    done.file.close()


def test_simulated_researchers_are_never_compacted(tmp_path: Path) -> None:
    team = {"researchers": 2, "model": "simulated/random"}
    done = run(scenario(team=team, live={"compact_at": 4000}), tmp_path / "run.db")
    assert not done.of(Compaction)
    done.file.close()


def _without_summary(respond: Callable[[Request], Reply], request: Request) -> Reply:
    reply = respond(request)
    is_work = request.conversation.messages[-1].text != summary_request()
    return reply if is_work else replace(reply, message=Message("assistant", (ToolCall("no", "read_board", {}),)))


words = st.text("ab", max_size=200)
turns = st.lists(st.tuples(words, st.integers(0, 3), words), max_size=12)


@given(words, turns)
def test_compaction_keeps_whole_turns_including_the_last(first: str, turns: list[tuple[str, int, str]]) -> None:
    messages = [user_message(first)]
    for number, (text, n_calls, answer) in enumerate(turns):
        tool_calls = tuple(ToolCall(f"{number}-{index}", "look", {}) for index in range(n_calls))
        messages.append(Message("assistant", (Text(text), *tool_calls)))
        results = tuple(ToolResult(tool_call.id, canonical_json(answer)) for tool_call in tool_calls)
        messages.append(Message("user", results) if results else user_message(answer))
    dropped = n_droppable(messages)
    kept = messages[dropped:]
    if len(turns) < 2:
        assert dropped == 0
        return
    assert kept[0].speaker == "assistant"
    assert kept[-2:] == messages[-2:]
    for message, following in pairwise(kept):
        assert [call.id for call in message.tool_calls] == [r.tool_call_id for r in following.tool_results]
    sizes = [len(canonical_json(message.to_json())) for message in messages]
    assert sum(sizes[dropped + 2 :]) <= sum(sizes) / 4, "one turn less is below a quarter"
    assert sum(sizes[dropped:]) >= sum(sizes) / 4 or dropped == 3, "a quarter, or all turns except the first"
