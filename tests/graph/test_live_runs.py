"""Runs with base models behind a server, with and without faults."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from model_servers import CORRUPTING_FAULTS, TRANSIENT_FAULTS, ModelServer, SimulatedTeam
from team_runs import Run, run, scenario

from aarlab.agents.models.base import ModelError, ModelUnavailable
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    AgentSetup,
    Evaluation,
    FailedModelCall,
    LimitReached,
    LogEntry,
    ModelCall,
    Prompted,
    ToolExecution,
)
from aarlab.memory.run_reader import RunReader

SEED = 7
SERVED = {"anthropic": ("anthropic/claude-opus-5-5", ""), "openai": ("openai/my-own", "/v1")}
TWO_ROUNDS = {"hours": 1.5, "round_hours": 0.75}


@pytest.fixture(autouse=True, scope="module")
def keys() -> Iterator[None]:
    """Keys for both providers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
            patch.setenv(name, ModelServer.key)
        yield


def served(server: ModelServer, provider: str, *, live: dict[str, Any] | None = None, **changes: Any) -> Scenario:
    """Return a tiny scenario in which the researchers use a model on the server."""
    model, path = SERVED[provider]
    team = {"researchers": 2, "model": model, **changes.pop("team", {})}
    return scenario(team=team, live={"base_urls": {provider: server.url + path}, **(live or {})}, **changes)


@dataclass(frozen=True)
class FaultyRun:
    """Two runs of a team: with embedded models, and with a server that fails at every tenth call."""

    embedded: Run
    served: Run
    server: ModelServer


@pytest.fixture(scope="module")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], FaultyRun]]:
    """Return a function that returns the faulty run of a provider, which is executed once."""
    folder = tmp_path_factory.mktemp("runs")
    embedded = run(scenario(team={"researchers": 9}, budget=TWO_ROUNDS), folder / "embedded.db")
    runs: dict[str, FaultyRun] = {}

    def faulty_run(provider: str) -> FaultyRun:
        if provider not in runs:
            with ModelServer(SimulatedTeam(SEED), faults=TRANSIENT_FAULTS) as server:
                team = served(server, provider, team={"researchers": 9}, budget=TWO_ROUNDS)
                runs[provider] = FaultyRun(embedded, run(team, folder / f"{provider}.db"), server)
        return runs[provider]

    yield faulty_run
    for file in [embedded.file, *(each.served.file for each in runs.values())]:
        file.close()


each_provider = pytest.mark.parametrize("provider", ["anthropic", pytest.param("openai", marks=pytest.mark.long)])


def effects(run: Run) -> dict[str, list[str]]:
    """Return the events by stream, without setups and model calls, which depend on the provider."""
    streams: dict[str, list[str]] = {}
    for entry in run.entries:
        if not isinstance(entry.event, AgentSetup | ModelCall | FailedModelCall):
            streams.setdefault(entry.stream, []).append(f"{entry.round} {entry.hours} {entry.event}")
    return streams


def recorded_usage(run: Run) -> Counter[str]:
    """Return the paid tokens and calls recorded in the run file."""
    booked: Counter[str] = Counter(calls=len(run.of(ModelCall)))
    for call in run.of(ModelCall, FailedModelCall):
        booked.update(input=call.input_tokens, output=call.output_tokens)
        booked.update(read=call.cache_read_tokens, written=call.cache_written_tokens)
    return booked


@each_provider
def test_failed_calls_change_no_effect_of_a_run(faulty_run: Callable[[str], FaultyRun], provider: str) -> None:
    runs = faulty_run(provider)
    assert sum(runs.server.applied_faults.values()) == len(runs.server.requests) // 10 > 5
    assert effects(runs.served) == effects(runs.embedded)
    assert runs.served.summary["status"] == "done"


@each_provider
def test_recorded_usage_equals_billed_usage(faulty_run: Callable[[str], FaultyRun], provider: str) -> None:
    runs = faulty_run(provider)
    assert +recorded_usage(runs.served) == +runs.server.billed


@each_provider
def test_failed_calls_are_recorded_with_their_wait(faulty_run: Callable[[str], FaultyRun], provider: str) -> None:
    runs = faulty_run(provider)
    failed = runs.served.of(FailedModelCall)
    assert len(failed) == sum(runs.server.applied_faults.values()) - runs.server.applied_faults["small chunks"]
    assert {call.waited_s for call in failed if "too fast" in call.fault} >= {0.1}, "the server's retry-after is used"
    assert all(0 < call.waited_s < 5 for call in failed)


def test_requests_extend_earlier_requests_unchanged(faulty_run: Callable[[str], FaultyRun]) -> None:
    conversations: dict[str, list[str]] = {}
    for request in faulty_run("anthropic").server.requests:
        head = str([request["tools"], _unmarked(request["system"])])
        messages = [str({**message, "content": _unmarked(message["content"])}) for message in request["messages"]]
        before = conversations.setdefault(head, [])
        assert messages[: len(before)] == before
        conversations[head] = messages
        assert sum("cache_control" in block for block in _blocks(request)) == min(3, 1 + len(messages))
    assert len(conversations) == 9


def _unmarked(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]


def _blocks(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [*request["system"], *(block for message in request["messages"] for block in message["content"])]


def check_tool_calls(done: Run) -> None:
    """Check that every tool call was executed once and answered."""
    for name in done.researchers:
        tool_calls: list[str] = []
        results: list[str] = []
        for event in done.of(ModelCall, Prompted, stream=name):
            message = done.file.message(event.reply if isinstance(event, ModelCall) else event.message)
            tool_calls += [tool_call.id for tool_call in message.tool_calls]
            results += [result.tool_call_id for result in message.tool_results]
        assert results == tool_calls == [call.tool_call_id for call in done.of(ToolExecution, stream=name)]
        assert len(set(tool_calls)) == len(tool_calls)


@pytest.mark.long
def test_nine_researchers_finish_under_all_faults(tmp_path: Path) -> None:
    with ModelServer(SimulatedTeam(SEED), faults=(*TRANSIENT_FAULTS, *CORRUPTING_FAULTS), every=5) as server:
        team = served(server, "openai", team={"researchers": 9}, budget=TWO_ROUNDS)
        done = run(team, tmp_path / "run.db")
    assert set(server.applied_faults) == {*TRANSIENT_FAULTS, *CORRUPTING_FAULTS}
    assert done.summary["status"] == "done"
    check_tool_calls(done)
    assert len(done.of(FailedModelCall)) == sum(
        server.applied_faults[fault] for fault in TRANSIENT_FAULTS if fault != "small chunks"
    )
    assert +recorded_usage(done) == +server.billed
    done.file.close()


def test_malformed_replies_are_reported_to_the_model(tmp_path: Path) -> None:
    with ModelServer(SimulatedTeam(SEED), faults=CORRUPTING_FAULTS, every=4) as server:
        done = run(served(server, "anthropic", budget={"hours": 1.8, "round_hours": 0.3}), tmp_path / "run.db")
    assert set(server.applied_faults) == set(CORRUPTING_FAULTS)
    assert {call.stop_reason for call in done.of(ModelCall)} >= {"tool_use", "refusal", "max_tokens"}
    errors = [call.summary for call in done.of(ToolExecution) if not call.ok]
    assert any(summary.startswith("unknown tool 'no_such_tool'") for summary in errors)
    assert any("is not a JSON object" in summary for summary in errors)
    assert any("Your reply reached the length limit" in done.message_text(event.message) for event in done.of(Prompted))
    check_tool_calls(done)
    assert +recorded_usage(done) == +server.billed
    done.file.close()


def test_limit_in_dollars_ends_and_scores_the_run(tmp_path: Path) -> None:
    table = tmp_path / "prices.yaml"
    table.write_text(
        "anthropic: {models: {claude-opus-5-5: {input: 2, output: 100, cache_read: 0.2, cache_write: 2.5}}}"
    )
    budget = {"hours": 40, "round_hours": 20, "usd": 0.5}
    with ModelServer(SimulatedTeam(SEED)) as server:
        live = {"max_tokens": 500, "prices": str(table)}
        team = served(server, "anthropic", team={"researchers": 1}, budget=budget, live=live)
        done = run(team, tmp_path / "run.db")
    assert 0.4 <= done.summary["cost_usd"] <= 0.5
    assert done.summary["status"] == done.file.info().status == "stopped"
    assert "budget.usd is $0.5" in done.summary["limits_reached"][0]
    assert done.of(Evaluation, stream="team"), "the run was scored"
    done.file.close()


def test_mixed_team_uses_its_models_within_own_limits(tmp_path: Path) -> None:
    mixed = {"researchers": 2, "model": "simulated/random", "models": {"r2": SERVED["openai"][0]}}
    with ModelServer(SimulatedTeam(SEED)) as server:
        limits = {"hours": 3, "round_hours": 1.5, "calls_per_agent": 6}
        done = run(served(server, "openai", team=mixed, budget=limits), tmp_path / "run.db")
    assert [setup.model for setup in done.of(AgentSetup)] == ["simulated/random", "openai/my-own"]
    assert {call.model for call in done.of(ModelCall, stream="r2")} == {"my-own"}
    assert [len(done.of(ModelCall, stream=name)) for name in done.researchers] == [6, 6]
    assert [limit.field for limit in done.of(LimitReached)] == ["budget.calls_per_agent"] * 2
    assert done.summary["status"] == "stopped"
    assert done.summary["cost_usd"] is None, "the price of a custom server is unknown"
    done.file.close()


def test_unreachable_provider_stops_run_and_resume_continues(tmp_path: Path) -> None:
    progress: list[str] = []
    short_retries = {"max_retry_minutes": 0.02}
    with ModelServer(SimulatedTeam(SEED), every=1) as server:
        team = served(server, "anthropic", live=short_retries)

        def fail_after_twelve(entry: LogEntry) -> None:
            server.faults = ["529"] if len(server.requests) >= 12 else []

        with pytest.raises(ModelUnavailable, match=r"has not answered for 0\.02 minutes \(529 .*; try again later"):
            run(
                team,
                tmp_path / "run.db",
                progress=lambda label, share: progress.append(label),
                listeners=[fail_after_twelve],
            )
        assert "waiting for anthropic/claude-opus-5-5: 529 overloaded_error: Overloaded" in progress
        with RunReader.open(tmp_path / "run.db") as file:
            assert file.info().status == "stopped"
            assert (file.info().summary, list(file.entries(LimitReached))) == (None, [])
            before = [entry.id for entry in file.entries(ModelCall)]
        server.faults = []
        done = Run(team, resume_run(tmp_path / "run.db"), RunReader.open(tmp_path / "run.db"))
        uninterrupted = run(served(server, "anthropic", live=short_retries), tmp_path / "uninterrupted.db")
    assert [entry.id for entry in done.entries_of(ModelCall)][: len(before)] == before, "paid calls are kept"
    assert effects(done) == effects(uninterrupted)
    assert done.of(FailedModelCall)
    for each in (done, uninterrupted):
        each.file.close()


def test_permanent_error_ends_the_run_with_a_fix(tmp_path: Path) -> None:
    with ModelServer(SimulatedTeam(SEED), faults=["no credit"], every=1) as server:
        with pytest.raises(ModelError, match=r"the account has no credit .* add credit"):
            run(served(server, "anthropic"), tmp_path / "run.db")
        assert len(server.requests) <= 2
    with RunReader.open(tmp_path / "run.db") as file:
        assert file.info().status == "failed"
