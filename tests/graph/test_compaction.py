"""Conversations that become too long: what is left out, what stays, and that all of it is on record."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_servers import ModelServer, SummarisingTeam
from team_runs import Run, questions, run, scenario

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
    """Let a tiny team think on the server."""
    model, tail = SERVED[provider]
    where = {"base_urls": {provider: server.url + tail}, **live}
    return run(scenario(team={"researchers": 2, "model": model}, live=where, budget=LONG), path)


def check(done: Run, server: ModelServer) -> None:
    """What holds of every run in which something was left out."""
    for name in done.researchers:
        asked = list(questions(done, name))
        assert [request.hash for request, _, _ in asked] == [event.request for _, event, _ in asked]
        used: list[str] = []
        for request, _, answer in asked:
            for said, heard in pairwise(request.conversation.messages):
                assert [use.id for use in said.tool_calls] == [result.tool_call_id for result in heard.tool_results]
            used += [use.id for use in answer.tool_calls]
        assert len(used) == len(set(used))
    billed = {"input": 0, "output": 0}
    for call in done.of(ModelCall):
        billed["input"] += call.input_tokens
        billed["output"] += call.output_tokens
    assert billed == {name: server.billed[name] for name in billed}, "what sums up is paid for, too"


@pytest.mark.parametrize("provider", SERVED)
def test_a_conversation_that_the_provider_refuses_is_summed_up_and_goes_on(provider: str, tmp_path: Path) -> None:
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
        assert f"its first {event.dropped} messages" in summary
    assert [event.role for event in done.of(ModelCall, Prompted)].count("summariser") == 2 * len(compactions)
    done.file.close()


def test_a_number_of_tokens_can_be_set_at_which_a_conversation_is_summed_up(tmp_path: Path) -> None:
    with ModelServer(SummarisingTeam()) as server:
        done = run_on_server(server, tmp_path / "run.db", compact_at=10_500)
    compactions = done.of(Compaction)
    assert compactions
    assert all(event.rejected_request is None and event.tokens >= 10_500 for event in compactions)
    check(done, server)
    done.file.close()


def test_a_model_that_writes_nothing_down_is_told_so(tmp_path: Path) -> None:
    team = SummarisingTeam()
    with ModelServer(lambda request: _silent(team, request), window=10_500) as server:
        done = run_on_server(server, tmp_path / "run.db")
    event = done.of(Compaction)[0]
    assert event.text == ""
    assert "(You wrote nothing down.)" in done.file.message(event.summary).text
    done.file.close()


def test_what_does_not_fit_with_everything_left_out_ends_the_researchers_work(tmp_path: Path) -> None:
    with ModelServer(SummarisingTeam(), window=100) as server:
        done = run_on_server(server, tmp_path / "run.db")
    assert {limit.field for limit in done.of(LimitReached)} == {"context length"}
    assert not done.of(Compaction)
    done.file.close()


def test_simulated_researchers_forget_nothing(tmp_path: Path) -> None:
    team = {"researchers": 2, "model": "simulated/random"}
    done = run(scenario(team=team, live={"compact_at": 4000}), tmp_path / "run.db")
    assert not done.of(Compaction)
    done.file.close()


def _silent(answer: Callable[[Request], Reply], request: Request) -> Reply:
    reply = answer(request)
    spoken = request.conversation.messages[-1].text != summary_request()
    return reply if spoken else replace(reply, message=Message("assistant", (ToolCall("no", "read_board", {}),)))


words = st.text("ab", max_size=200)
turns = st.lists(st.tuples(words, st.integers(0, 3), words), max_size=12)


@given(words, turns)
def test_what_is_kept_is_whole_turns_the_last_one_among_them(opening: str, turns: list[tuple[str, int, str]]) -> None:
    messages = [user_message(opening)]
    for number, (said, uses, heard) in enumerate(turns):
        tool_calls = tuple(ToolCall(f"{number}-{use}", "look", {}) for use in range(uses))
        messages.append(Message("assistant", (Text(said), *tool_calls)))
        results = tuple(ToolResult(tool_call.id, canonical_json(heard)) for tool_call in tool_calls)
        messages.append(Message("user", results) if results else user_message(heard))
    dropped = n_droppable(messages)
    kept = messages[dropped:]
    if len(turns) < 2:
        assert dropped == 0
        return
    assert kept[0].speaker == "assistant"
    assert kept[-2:] == messages[-2:]
    for said, heard in pairwise(kept):
        assert [use.id for use in said.tool_calls] == [result.tool_call_id for result in heard.tool_results]
    sizes = [len(canonical_json(message.to_json())) for message in messages]
    assert sum(sizes[dropped + 2 :]) <= sum(sizes) / 4, "with a turn less it would not be enough"
    assert sum(sizes[dropped:]) >= sum(sizes) / 4 or dropped == 3, "unless it is all but the first"
