"""Resume, replay and fork re-execute the recording and report the first difference."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import kill_and_resume
import pytest
from altered_run import alter
from model_servers import ModelServer, SimulatedTeam
from team_runs import FAST_STRUCTURES, ON_ONE_CORE, TINY, Dials, Run, complete, run, scenario, structures

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.graph.flow import researcher_setup
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.run.segments import InvalidFork, NoSuchRound
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import AgentSetup, Decision, Evaluation, LogEntry, ModelCall, RoundStarted
from aarlab.memory.file_lock import FileLocked
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import RunAlreadyFinished
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence
from aarlab.tools.tool import Tool


class Interrupted(Exception):
    """Raised by a test to interrupt a run."""


def stop_at(number: int) -> Callable[[LogEntry], None]:
    """Return a listener that interrupts the run at an event."""

    def listen(entry: LogEntry) -> None:
        if entry.id == number:
            raise Interrupted

    return listen


def interrupted_run(dials: Dials, path: Path, at: int) -> None:
    """Execute a run that is interrupted at an event."""
    with pytest.raises((Interrupted, ExceptionGroup)):
        run(scenario(structure=complete(dials)), path, listeners=[stop_at(at)])


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Return the events by stream."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT stream, ordinal, round, hours, kind, data FROM events ORDER BY stream, ordinal"
        return connection.execute(query).fetchall()


# -- resume ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 120, 230])
def test_resumed_run_equals_an_uninterrupted_run(run_of: Callable[[Dials], Run], tmp_path: Path, at: int) -> None:
    interrupted_run(FAST_STRUCTURES[0], tmp_path / "run.db", at)
    before = rows(tmp_path / "run.db")
    received: list[int] = []
    summary = resume_run(tmp_path / "run.db", listeners=[lambda entry: received.append(entry.id)])
    finished = run_of(FAST_STRUCTURES[0])
    assert summary["digest"] == finished.summary["digest"]
    assert rows(tmp_path / "run.db") == rows(finished.file.path)
    assert set(before) <= set(rows(tmp_path / "run.db")), "no recorded event is removed"
    assert received == list(range(1, len(rows(tmp_path / "run.db")) + 1))
    ignored = {"run_id", "file", "wall_clock_s"}
    assert {k: v for k, v in summary.items() if k not in ignored} == {
        k: v for k, v in finished.summary.items() if k not in ignored
    }


@pytest.mark.long
@pytest.mark.parametrize("dials", FAST_STRUCTURES[1:], ids=lambda dials: "-".join(dials.values()))
def test_resume_works_at_any_event_of_every_structure(
    run_of: Callable[[Dials], Run], tmp_path: Path, dials: Dials
) -> None:
    digest = run_of(dials).summary["digest"]
    at = random.Random(digest).randrange(1, len(run_of(dials).entries))
    interrupted_run(dials, tmp_path / "run.db", at)
    assert resume_run(tmp_path / "run.db")["digest"] == digest


# test_run_status.py kills a run with embedded models.
@pytest.mark.long
def test_repeatedly_killed_run_has_the_same_log(
    run_of: Callable[[Dials], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    mode = run_of(FAST_STRUCTURES[0]).summary["sandbox"]
    with ModelServer(SimulatedTeam(TINY["seed"])) as server:
        scenario_data = kill_and_resume.served_by(server, {**TINY, "structure": dict(FAST_STRUCTURES[0])})
        whole = run(Scenario.model_validate(scenario_data), tmp_path / "whole.db", sandbox=mode)
        whole.file.close()
        finished = kill_and_resume.read_log(whole.file.path)
        at = kill_and_resume.instants(len(finished.log), 2, random.Random(11))
        killed = kill_and_resume.run_with_kills(scenario_data, tmp_path / "run.db", mode, at=at)
    assert killed.kills == 2
    assert killed.log == finished.log
    assert killed.kinds == finished.kinds
    assert list(tmp_path.glob("*.lock")) == []


def test_finished_run_cannot_be_resumed(run_of: Callable[[Dials], Run]) -> None:
    with pytest.raises(RunAlreadyFinished, match="already finished"):
        resume_run(run_of(FAST_STRUCTURES[0]).file.path)


def test_run_in_progress_cannot_be_resumed(tmp_path: Path) -> None:
    interrupted_run(FAST_STRUCTURES[0], tmp_path / "run.db", 20)
    with ReplayingLog.resume(tmp_path / "run.db"), pytest.raises(FileLocked, match=r"in use by process \d+ on "):
        resume_run(tmp_path / "run.db")
    assert resume_run(tmp_path / "run.db")["status"] == "done"


# -- replay ---------------------------------------------------------------------------------------------------------


@structures()
def test_replay_reproduces_the_run_and_leaves_the_file(run: Run) -> None:
    before = run.file.path.read_bytes()
    replayed = replay_run(run.file.path)
    assert (replayed.digest, replayed.finished) == (run.summary["digest"], True)
    assert (replayed.events, replayed.calls) == (len(run.entries), len(run.of(ModelCall)))
    assert run.file.path.read_bytes() == before


class DelayedModel:
    """A base model with random delays."""

    def __init__(self, model: Model, draw: random.Random) -> None:
        self.model, self.draw = model, draw

    async def reply(self, request: Request) -> Reply:
        await asyncio.sleep(self.draw.choice([0.0, 0.001, 0.005, 0.01]))
        return await self.model.reply(request)


def delayed(info: registry.ModelInfo) -> registry.ModelInfo:
    """Return a base model with delayed replies."""

    def open_delayed(seed: int, agent: str, temperament: str) -> Model:
        return DelayedModel(info.open(seed, agent, temperament), random.Random(agent))

    return replace(info, open=open_delayed)


@pytest.mark.long
@pytest.mark.parametrize("dials", FAST_STRUCTURES, ids=lambda dials: "-".join(dials.values()))
def test_reply_order_does_not_change_the_digest(
    run_of: Callable[[Dials], Run], dials: Dials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    immediate = run_of(dials)
    monkeypatch.setattr(registry, "MODELS", {name: delayed(info) for name, info in registry.MODELS.items()})
    slow = run(immediate.scenario, tmp_path / "slow.db")
    assert [e.stream for e in slow.entries] != [e.stream for e in immediate.entries], "the order of arrival differs"
    assert slow.summary["digest"] == immediate.summary["digest"]
    assert replay_run(slow.file.path).digest == slow.summary["digest"]
    slow.file.close()


def test_replay_and_fork_need_no_recorded_models_or_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("gone: {models: {away: {input: 1, output: 5}}}")
    with monkeypatch.context() as patch:
        model = replace(registry.MODELS["simulated/researcher"], name="gone/away")
        patch.setattr(registry, "MODELS", {**registry.MODELS, model.name: model})
        team = scenario(
            team={"researchers": 2, "model": model.name},
            live={"prices": str(prices)},
            budget={**TINY["budget"], "usd": 9},
        )
        done = run(team, tmp_path / "run.db")
        broken = tmp_path / "broken.db"
        with pytest.raises((Interrupted, ExceptionGroup)):
            run(team, broken, listeners=[stop_at(40)])
    prices.unlink()
    assert replay_run(done.file.path).digest == done.summary["digest"]
    assert replay_run(broken).calls
    with pytest.raises(ValueError, match="no base model is called 'gone/away'"):
        resume_run(broken)
    other = scenario(team={"researchers": 2})
    assert fork_run(done.file.path, tmp_path / "fork.db", other, at=2)["status"] == "done"
    done.file.close()


def test_interrupted_run_replays_up_to_the_interruption(tmp_path: Path) -> None:
    interrupted_run(FAST_STRUCTURES[4], tmp_path / "run.db", 90)
    replayed = replay_run(tmp_path / "run.db")
    assert not replayed.finished
    assert replayed.events == len(rows(tmp_path / "run.db"))


def test_remeasured_scores_equal_recorded_scores(run_of: Callable[[Dials], Run]) -> None:
    done = run_of(FAST_STRUCTURES[0])
    replayed = replay_run(done.file.path, "live")
    assert replayed.differences == ()
    assert replayed.n_remeasured >= len(done.of(Evaluation))


@contextmanager
def altered(run: Run, folder: Path, statement: str, *values: object) -> Iterator[Path]:
    """Yield a copy of a run file with a changed row."""
    path = folder / "altered.db"
    shutil.copy(run.file.path, path)
    alter(path, statement, values=values)
    yield path


def test_live_replay_finds_an_altered_score(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    better = "UPDATE events SET data = json_set(data, '$.se', 0.001) WHERE kind = 'evaluations' AND stream = 'team'"
    with altered(run_of(FAST_STRUCTURES[0]), tmp_path, better) as path:
        replay_run(path)  # the altered log is consistent
        differences = replay_run(path, "live").differences
    assert {difference.field for difference in differences} == {"measurement"}


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (
            "UPDATE events SET data = json_set(data, '$.choice', 'x') WHERE stream = 'r2' AND kind = 'decisions'",
            "decisions",
        ),
        ("UPDATE events SET hours = hours + 0.1 WHERE stream = 'r1' AND ordinal = 5", None),
        ("DELETE FROM events WHERE stream = 'team' AND kind = 'run_results'", None),
        ("DELETE FROM events WHERE stream = 'r2' AND ordinal > 20", None),
    ],
)
def test_altered_log_does_not_replay(
    run_of: Callable[[Dials], Run], tmp_path: Path, statement: str, kind: str | None
) -> None:
    with altered(run_of(FAST_STRUCTURES[0]), tmp_path, statement) as path, pytest.raises(Divergence) as caught:
        replay_run(path)
    assert kind is None or (caught.value.recorded and caught.value.recorded.event.kind == kind)


def test_changed_system_prompt_diverges_at_the_setup(
    run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_of(FAST_STRUCTURES[0]).file.path
    original = researcher_setup.system_prompt
    monkeypatch.setattr(
        researcher_setup, "system_prompt", lambda **values: original(**values).replace("board", "bored", 1)
    )
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    divergence = caught.value
    assert (divergence.stream, divergence.round, divergence.ordinal) == ("r1", 0, 0)
    assert any("bored" in content for content in divergence.contents.values())


def test_changed_round_message_diverges_in_its_round(
    run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_of(FAST_STRUCTURES[0]).file.path
    from aarlab.graph.flow import round_messages

    original = round_messages.round_message

    def changed(**values: Any) -> str:
        return original(**values) + ("." if values["round"] == 2 else "")

    monkeypatch.setattr(round_messages, "round_message", changed)
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    assert (caught.value.stream, caught.value.round) == ("r1", 2)
    assert isinstance(caught.value.actual, LogEntry)
    assert caught.value.actual.event.kind == "prompts"


def test_changed_tool_description_diverges_at_the_setup(
    run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_of(FAST_STRUCTURES[0]).file.path
    from aarlab.graph.run import build

    original = build.tools_for

    def tools_for(scenario: Scenario) -> dict[str, Tool]:
        tools = dict(original(scenario))
        return {**tools, "submit": replace(tools["submit"], description=tools["submit"].description + "!")}

    monkeypatch.setattr(build, "tools_for", tools_for)
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    assert (caught.value.stream, caught.value.ordinal) == ("r1", 0)
    assert isinstance(caught.value.actual, LogEntry)
    assert isinstance(caught.value.recorded and caught.value.recorded.event, AgentSetup)


@pytest.mark.parametrize(
    ("field", "value"),
    [("$.structure.sharing", "keyword"), ("$.structure.workflow", "staged"), ("$.costs.think", 0.06)],
)
def test_changed_dial_or_step_cost_diverges(
    run_of: Callable[[Dials], Run], tmp_path: Path, field: str, value: object
) -> None:
    statement = "UPDATE runs SET scenario = json_set(scenario, ?, ?)"
    with altered(run_of(FAST_STRUCTURES[0]), tmp_path, statement, field, value) as path, pytest.raises(Divergence):
        replay_run(path)


def test_changed_agent_order_diverges(run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    path = run_of(FAST_STRUCTURES[0]).file.path
    from aarlab.graph.scenario import TeamConfig

    monkeypatch.setattr(TeamConfig, "names", property(lambda team: [f"r{i}" for i in range(team.researchers, 0, -1)]))
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    assert caught.value.round == 0


@pytest.mark.parametrize("execute", [replay_run, resume_run])
def test_tape_of_another_scenario_diverges(
    run_of: Callable[[Dials], Run], tmp_path: Path, execute: Callable[[Path], object]
) -> None:
    other = run_of(FAST_STRUCTURES[1]).scenario.model_dump_json()
    statement = "UPDATE runs SET scenario = ?, summary = NULL"
    with altered(run_of(FAST_STRUCTURES[0]), tmp_path, statement, other) as path:
        before = path.read_bytes()
        with pytest.raises(Divergence):
            execute(path)
        assert path.read_bytes() == before


# -- fork -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dials",
    [FAST_STRUCTURES[0], pytest.param(FAST_STRUCTURES[4], marks=pytest.mark.long)],
    ids=["autonomous", "staged"],
)
@pytest.mark.parametrize("at", [1, 2])
def test_fork_without_changes_has_the_parents_digest(
    run_of: Callable[[Dials], Run], tmp_path: Path, dials: Dials, at: int
) -> None:
    parent = run_of(dials)
    forked = fork_run(
        parent.file.path, tmp_path / "fork.db", parent.scenario, at=at, sandbox=parent.summary["sandbox"], **ON_ONE_CORE
    )
    assert forked["digest"] == parent.summary["digest"]
    with RunReader.open(tmp_path / "fork.db") as file:
        (segment,) = file.info().fork_history
        assert (segment["run_id"], segment["until_round"]) == (parent.file.path.stem, at - 1)


def test_fork_shares_the_past_and_then_differs(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    parent = run_of(FAST_STRUCTURES[0])
    staged = scenario(structure={**FAST_STRUCTURES[0], "workflow": "staged", "review": "gate"})
    forked = Run(
        staged,
        fork_run(
            parent.file.path, tmp_path / "fork.db", staged, at=2, sandbox=parent.summary["sandbox"], **ON_ONE_CORE
        ),
        RunReader.open(tmp_path / "fork.db"),
    )
    fork_history = [row for row in rows(parent.file.path) if row[2] < 2]
    assert [row for row in rows(tmp_path / "fork.db") if row[2] < 2] == fork_history
    later = {call.request for call in forked.entries_of(ModelCall) if call.round >= 2 for call in [call.event]}
    assert not later & {entry.event.request for entry in parent.entries_of(ModelCall)}
    steps = [entry.event for entry in forked.entries_of(Decision) if entry.round >= 2 and entry.stream in ("r1", "r2")]
    assert {step.taken_by for step in steps if step.decision == "next_step"} == {"structure"}
    assert {entry.round for entry in forked.entries_of(AgentSetup, stream="r1")} == {0, 2}
    assert forked.summary["structure_violations"] == []
    replayed = replay_run(tmp_path / "fork.db")
    assert replayed.digest == forked.summary["digest"]
    forked.file.close()


def test_forks_can_be_resumed_and_forked(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    parent = run_of(FAST_STRUCTURES[0])
    other = scenario(structure={**FAST_STRUCTURES[0], "sharing": "none"})
    mode = parent.summary["sandbox"]
    finished = fork_run(parent.file.path, tmp_path / "whole.db", other, at=2, sandbox=mode, **ON_ONE_CORE)
    events = len(rows(tmp_path / "whole.db"))
    with pytest.raises((Interrupted, ExceptionGroup)):
        fork_run(
            parent.file.path, tmp_path / "part.db", other, at=2, sandbox=mode, listeners=[stop_at(events * 3 // 4)]
        )
    assert resume_run(tmp_path / "part.db")["digest"] == finished["digest"]
    back = fork_run(tmp_path / "whole.db", tmp_path / "back.db", parent.scenario, at=2, sandbox=mode, **ON_ONE_CORE)
    assert back["digest"] == parent.summary["digest"]


def test_invalid_fork_is_rejected_before_writing(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    parent = run_of(FAST_STRUCTURES[0])
    rounds = len(parent.of(RoundStarted))
    with pytest.raises(NoSuchRound, match=f"has begun rounds 1 to {rounds}"):
        fork_run(parent.file.path, tmp_path / "fork.db", parent.scenario, at=rounds + 1)
    with pytest.raises(InvalidFork, match=r"cannot change team\.researchers"):
        fork_run(parent.file.path, tmp_path / "fork.db", scenario(team={"researchers": 3}), at=2)
    assert list(tmp_path.iterdir()) == []
