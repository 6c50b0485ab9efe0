"""Whole teams whose base models are asked over the network, on good days and on bad ones."""

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
    """Return a tiny scenario whose researchers think on the server."""
    model, path = SERVED[provider]
    team = {"researchers": 2, "model": model, **changes.pop("team", {})}
    return scenario(team=team, live={"base_urls": {provider: server.url + path}, **(live or {})}, **changes)


@dataclass(frozen=True)
class BadDay:
    """The same team here and behind a server that fails at every tenth call."""

    here: Run
    there: Run
    server: ModelServer


@pytest.fixture(scope="module")
def bad_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], BadDay]]:
    """Make a provider's bad day, or return the one that has been made already."""
    folder = tmp_path_factory.mktemp("days")
    here = run(scenario(team={"researchers": 9}, budget=TWO_ROUNDS), folder / "here.db")
    days: dict[str, BadDay] = {}

    def bad_day(provider: str) -> BadDay:
        if provider not in days:
            with ModelServer(SimulatedTeam(SEED), faults=TRANSIENT_FAULTS) as server:
                team = served(server, provider, team={"researchers": 9}, budget=TWO_ROUNDS)
                days[provider] = BadDay(here, run(team, folder / f"{provider}.db"), server)
        return days[provider]

    yield bad_day
    for file in [here.file, *(day.there.file for day in days.values())]:
        file.close()


each_provider = pytest.mark.parametrize("provider", ["anthropic", pytest.param("openai", marks=pytest.mark.long)])


def effects(run: Run) -> dict[str, list[str]]:
    """Return everything that happened, stream by stream, except who was asked, how often, and what it cost."""
    streams: dict[str, list[str]] = {}
    for entry in run.entries:
        if not isinstance(entry.event, AgentSetup | ModelCall | FailedModelCall):
            streams.setdefault(entry.stream, []).append(f"{entry.round} {entry.hours} {entry.event}")
    return streams


def recorded_usage(run: Run) -> Counter[str]:
    """Return the tokens and calls that the run file says were paid for."""
    booked: Counter[str] = Counter(calls=len(run.of(ModelCall)))
    for call in run.of(ModelCall, FailedModelCall):
        booked.update(input=call.input_tokens, output=call.output_tokens)
        booked.update(read=call.cache_read_tokens, written=call.cache_written_tokens)
    return booked


@each_provider
def test_on_a_day_when_every_tenth_call_fails_all_is_done_that_would_have_been_done_and_nothing_twice(
    bad_day: Callable[[str], BadDay], provider: str
) -> None:
    day = bad_day(provider)
    assert sum(day.server.applied_faults.values()) == len(day.server.requests) // 10 > 5
    assert effects(day.there) == effects(day.here)
    assert day.there.summary["status"] == "done"


@each_provider
def test_the_books_balance_with_the_servers_to_the_token(bad_day: Callable[[str], BadDay], provider: str) -> None:
    day = bad_day(provider)
    assert +recorded_usage(day.there) == +day.server.billed


@each_provider
def test_each_failure_is_on_record_with_what_was_waited(bad_day: Callable[[str], BadDay], provider: str) -> None:
    day = bad_day(provider)
    failed = day.there.of(FailedModelCall)
    assert len(failed) == sum(day.server.applied_faults.values()) - day.server.applied_faults["drip"]
    assert {call.waited_s for call in failed if "too fast" in call.fault} >= {0.1}, "the server's wish is honoured"
    assert all(0 < call.waited_s < 5 for call in failed)


def test_what_is_sent_grows_and_never_changes(bad_day: Callable[[str], BadDay]) -> None:
    talks: dict[str, list[str]] = {}
    for request in bad_day("anthropic").server.requests:
        head = str([request["tools"], _unmarked(request["system"])])
        said = [str({**message, "content": _unmarked(message["content"])}) for message in request["messages"]]
        before = talks.setdefault(head, [])
        assert said[: len(before)] == before
        talks[head] = said
        assert sum("cache_control" in block for block in _blocks(request)) == min(3, 1 + len(said))
    assert len(talks) == 9


def _unmarked(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]


def _blocks(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [*request["system"], *(block for message in request["messages"] for block in message["content"])]


def each_tool_was_used_once(done: Run) -> None:
    """Check that whatever was wished for was done, and that once."""
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
@pytest.mark.parametrize("provider", SERVED)
def test_nine_researchers_come_through_everything_that_can_go_wrong(provider: str, tmp_path: Path) -> None:
    with ModelServer(SimulatedTeam(SEED), faults=(*TRANSIENT_FAULTS, *CORRUPTING_FAULTS), every=10) as server:
        team = served(server, provider, team={"researchers": 9}, budget={"hours": 3, "round_hours": 1.5})
        done = run(team, tmp_path / "run.db")
    assert set(server.applied_faults) == {*TRANSIENT_FAULTS, *CORRUPTING_FAULTS}
    assert done.summary["status"] == "done"
    each_tool_was_used_once(done)
    assert len(done.of(FailedModelCall)) == sum(
        server.applied_faults[fault] for fault in TRANSIENT_FAULTS if fault != "drip"
    )
    assert +recorded_usage(done) == +server.billed
    done.file.close()


def test_spoilt_answers_are_told_to_the_model_and_the_work_goes_on(tmp_path: Path) -> None:
    with ModelServer(SimulatedTeam(SEED), faults=CORRUPTING_FAULTS, every=4) as server:
        done = run(served(server, "anthropic", budget={"hours": 1.8, "round_hours": 0.3}), tmp_path / "run.db")
    assert set(server.applied_faults) == set(CORRUPTING_FAULTS)
    assert {call.stop_reason for call in done.of(ModelCall)} >= {"tool_use", "refusal", "max_tokens"}
    errors = [call.summary for call in done.of(ToolExecution) if not call.ok]
    assert any(summary.startswith("there is no tool 'no_such_tool' here") for summary in errors)
    assert any("was not a JSON object" in summary for summary in errors)
    assert any("Your answer was cut off" in done.words(event.message) for event in done.of(Prompted))
    each_tool_was_used_once(done)
    assert +recorded_usage(done) == +server.billed
    done.file.close()


def test_dollars_end_a_run_cleanly_before_they_are_spent(tmp_path: Path) -> None:
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
    assert done.of(Evaluation, stream="team"), "what there is has been scored"
    done.file.close()


def test_in_a_mixed_team_each_thinks_with_what_it_was_given_until_its_own_limit(tmp_path: Path) -> None:
    mixed = {"researchers": 2, "model": "simulated/random", "models": {"r2": SERVED["openai"][0]}}
    with ModelServer(SimulatedTeam(SEED)) as server:
        limits = {"hours": 3, "round_hours": 1.5, "calls_per_agent": 6}
        done = run(served(server, "openai", team=mixed, budget=limits), tmp_path / "run.db")
    assert [brief.model for brief in done.of(AgentSetup)] == ["simulated/random", "openai/my-own"]
    assert {call.model for call in done.of(ModelCall, stream="r2")} == {"my-own"}
    assert [len(done.of(ModelCall, stream=name)) for name in done.researchers] == [6, 6]
    assert [limit.field for limit in done.of(LimitReached)] == ["budget.calls_per_agent"] * 2
    assert done.summary["status"] == "stopped"
    assert done.summary["cost_usd"] is None, "the price of one's own server is not known"
    done.file.close()


def test_a_provider_that_stays_away_stops_the_run_which_goes_on_when_it_is_back(tmp_path: Path) -> None:
    said: list[str] = []
    impatient = {"max_retry_minutes": 0.02}
    with ModelServer(SimulatedTeam(SEED), every=1) as server:
        team = served(server, "anthropic", live=impatient)

        def fail_after_twelve(entry: LogEntry) -> None:
            server.faults = ["529"] if len(server.requests) >= 12 else []

        with pytest.raises(ModelUnavailable, match=r"has not answered for 0\.02 minutes \(529 .*; try again later"):
            run(
                team,
                tmp_path / "run.db",
                progress=lambda label, share: said.append(label),
                listeners=[fail_after_twelve],
            )
        assert "waiting for anthropic/claude-opus-5-5: 529 overloaded_error: Overloaded" in said
        with RunReader.open(tmp_path / "run.db") as file:
            assert file.info().status == "stopped"
            assert (file.info().summary, list(file.entries(LimitReached))) == (None, [])
            before = [entry.id for entry in file.entries(ModelCall)]
        server.faults = []
        done = Run(team, resume_run(tmp_path / "run.db"), RunReader.open(tmp_path / "run.db"))
        here = run(served(server, "anthropic", live=impatient), tmp_path / "here.db")
    assert [entry.id for entry in done.placed(ModelCall)][: len(before)] == before, "what was paid for stays"
    assert effects(done) == effects(here)
    assert done.of(FailedModelCall)
    for each in (done, here):
        each.file.close()


def test_what_does_not_pass_ends_a_run_at_once_and_says_what_to_do(tmp_path: Path) -> None:
    with ModelServer(SimulatedTeam(SEED), faults=["no credit"], every=1) as server:
        with pytest.raises(ModelError, match=r"the account has no credit .* add some, then run again"):
            run(served(server, "anthropic"), tmp_path / "run.db")
        assert len(server.requests) <= 2
    with RunReader.open(tmp_path / "run.db") as file:
        assert file.info().status == "failed"
