"""A run happens again from its tape: resumed, replayed, forked, and found out where it is not the same."""

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
from model_servers import ModelServer, SimulatedTeam
from team_runs import ALWAYS, TINY, Dials, Run, complete, run, scenario, structures

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.graph.flow import researcher_setup
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import RunAlreadyFinished, resume_run
from aarlab.graph.run.segments import InvalidFork, NoSuchRound
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import PRESETS
from aarlab.memory.events import AgentSetup, Decision, Evaluation, LogEntry, ModelCall, RoundStarted
from aarlab.memory.file_lock import FileLocked
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence
from aarlab.tools.tool import Tool


class Interrupted(Exception):
    """A run has done as much as a test wants."""


def stop_at(number: int) -> Callable[[LogEntry], None]:
    """Return a listener that ends the run at an event."""

    def listen(entry: LogEntry) -> None:
        if entry.id == number:
            raise Interrupted

    return listen


def interrupted_run(dials: Dials, path: Path, at: int) -> None:
    """Make a run that ends at an event."""
    with pytest.raises((Interrupted, ExceptionGroup)):
        run(scenario(structure=complete(dials)), path, listeners=[stop_at(at)])


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Return the log, stream by stream."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT stream, ordinal, round, hours, kind, data FROM events ORDER BY stream, ordinal"
        return connection.execute(query).fetchall()


# -- resume ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 40, 120, 230])
def test_a_run_that_was_broken_off_goes_on_to_what_it_would_have_come_to(
    run_of: Callable[[Dials], Run], tmp_path: Path, at: int
) -> None:
    interrupted_run(ALWAYS[0], tmp_path / "run.db", at)
    before = rows(tmp_path / "run.db")
    heard: list[int] = []
    summary = resume_run(tmp_path / "run.db", listeners=[lambda entry: heard.append(entry.id)])
    finished = run_of(ALWAYS[0])
    assert summary["digest"] == finished.summary["digest"]
    assert rows(tmp_path / "run.db") == rows(finished.file.path)
    assert set(before) <= set(rows(tmp_path / "run.db")), "nothing is taken back"
    assert heard == list(range(1, len(rows(tmp_path / "run.db")) + 1))
    unlike = {"run_id", "file", "wall_clock_s"}
    assert {k: v for k, v in summary.items() if k not in unlike} == {
        k: v for k, v in finished.summary.items() if k not in unlike
    }


@pytest.mark.long
@pytest.mark.parametrize("dials", ALWAYS[1:], ids=lambda dials: "-".join(dials.values()))
def test_whatever_the_structure_it_can_be_broken_off_anywhere(
    run_of: Callable[[Dials], Run], tmp_path: Path, dials: Dials
) -> None:
    digest = run_of(dials).summary["digest"]
    for at in random.Random(5).sample(range(1, len(run_of(dials).entries)), 2):
        interrupted_run(dials, tmp_path / f"{at}.db", at)
        assert resume_run(tmp_path / f"{at}.db")["digest"] == digest


@pytest.mark.long
@pytest.mark.parametrize("where", ["here", "behind a server"])
def test_a_run_killed_again_and_again_comes_to_the_same(
    run_of: Callable[[Dials], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    mode, draw = run_of(ALWAYS[0]).summary["sandbox"], random.Random(11)
    scenario_data: dict[str, Any] = {**TINY, "structure": dict(ALWAYS[0])}
    with ModelServer(SimulatedTeam(TINY["seed"])) as server:
        if where == "here":
            finished = kill_and_resume.read_log(run_of(ALWAYS[0]).file.path)
        else:
            scenario_data = kill_and_resume.served_by(server, scenario_data)
            finished = kill_and_resume.run_with_kills(scenario_data, tmp_path / "whole.db", mode, kills=0, draw=draw)
        killed = kill_and_resume.run_with_kills(scenario_data, tmp_path / "run.db", mode, kills=2, draw=draw)
    assert killed.kills
    assert killed.log == finished.log
    assert killed.kinds == finished.kinds
    assert list(tmp_path.glob("*.lock")) == []


def test_a_run_that_is_over_is_not_gone_on_with(run_of: Callable[[Dials], Run]) -> None:
    with pytest.raises(RunAlreadyFinished, match="already finished"):
        resume_run(run_of(ALWAYS[0]).file.path)


def test_a_run_at_work_is_left_to_who_is_at_work_on_it(tmp_path: Path) -> None:
    interrupted_run(ALWAYS[0], tmp_path / "run.db", 20)
    with ReplayingLog.resume(tmp_path / "run.db"), pytest.raises(FileLocked, match=r"in use by process \d+ on "):
        resume_run(tmp_path / "run.db")
    assert resume_run(tmp_path / "run.db")["status"] == "done"


# -- replay ---------------------------------------------------------------------------------------------------------


@structures()
def test_a_run_replays_to_the_byte_without_a_model_or_a_sandbox(run: Run) -> None:
    before = run.file.path.read_bytes()
    replayed = replay_run(run.file.path)
    assert (replayed.digest, replayed.finished) == (run.summary["digest"], True)
    assert (replayed.events, replayed.calls) == (len(run.entries), len(run.of(ModelCall)))
    assert run.file.path.read_bytes() == before


class DelayedModel:
    """A base model whose answers take a while, each another."""

    def __init__(self, model: Model, draw: random.Random) -> None:
        self.model, self.draw = model, draw

    async def reply(self, request: Request) -> Reply:
        await asyncio.sleep(self.draw.choice([0.0, 0.001, 0.02, 0.05]))
        return await self.model.reply(request)


def delayed(info: registry.ModelInfo) -> registry.ModelInfo:
    """Return a base model as it is when it is far away."""
    return replace(info, open=lambda seed, agent, how: DelayedModel(info.open(seed, agent, how), random.Random(agent)))


@pytest.mark.long
@pytest.mark.parametrize("preset", PRESETS)
def test_whoever_answers_first_and_under_every_preset_the_run_is_the_same_and_replays(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = scenario(structure={"preset": preset})
    prompt = run(team, tmp_path / "prompt.db")
    monkeypatch.setattr(registry, "MODELS", {name: delayed(info) for name, info in registry.MODELS.items()})
    slow = run(team, tmp_path / "slow.db")
    assert [e.stream for e in slow.entries] != [e.stream for e in prompt.entries], "it was another order of arrival"
    assert slow.summary["digest"] == prompt.summary["digest"]
    assert replay_run(slow.file.path).digest == slow.summary["digest"]
    for done in (prompt, slow):
        done.file.close()


def test_base_models_and_prices_that_are_no_longer_there_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("gone: {models: {away: {input: 1, output: 5}}}")
    with monkeypatch.context() as there:
        model = replace(registry.MODELS["simulated/researcher"], name="gone/away")
        there.setattr(registry, "MODELS", {**registry.MODELS, model.name: model})
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


def test_a_run_that_was_broken_off_replays_up_to_there(tmp_path: Path) -> None:
    interrupted_run(ALWAYS[4], tmp_path / "run.db", 90)
    replayed = replay_run(tmp_path / "run.db")
    assert not replayed.finished
    assert replayed.events == len(rows(tmp_path / "run.db"))


def test_experiments_can_be_done_again_and_come_out_the_same(run_of: Callable[[Dials], Run]) -> None:
    done = run_of(ALWAYS[0])
    replayed = replay_run(done.file.path, "live")
    assert replayed.differences == ()
    assert replayed.n_remeasured >= len(done.of(Evaluation))


@contextmanager
def altered(run: Run, folder: Path, statement: str, *values: object) -> Iterator[Path]:
    """Make a copy of a run's file in which something has been changed by hand."""
    path = folder / "altered.db"
    shutil.copy(run.file.path, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER events_reject_updates")
        connection.execute("DROP TRIGGER events_reject_deletes")
        assert connection.execute(statement, values).rowcount > 0
    yield path


def test_a_score_that_was_doctored_is_found_when_it_is_measured_again(
    run_of: Callable[[Dials], Run], tmp_path: Path
) -> None:
    better = "UPDATE events SET data = json_set(data, '$.se', 0.001) WHERE kind = 'evaluations' AND stream = 'team'"
    with altered(run_of(ALWAYS[0]), tmp_path, better) as path:
        replay_run(path)  # consistent in itself, but
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
def test_a_log_that_was_changed_does_not_replay(
    run_of: Callable[[Dials], Run], tmp_path: Path, statement: str, kind: str | None
) -> None:
    with altered(run_of(ALWAYS[0]), tmp_path, statement) as path, pytest.raises(Divergence) as caught:
        replay_run(path)
    assert kind is None or (caught.value.recorded and caught.value.recorded.event.kind == kind)


def test_one_character_of_a_prompt_is_found_where_it_is_told(
    run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_of(ALWAYS[0]).file.path
    written = researcher_setup.system_prompt
    monkeypatch.setattr(researcher_setup, "system_prompt", lambda **said: written(**said).replace("board", "bored", 1))
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    divergence = caught.value
    assert (divergence.stream, divergence.round, divergence.ordinal) == ("r1", 0, 0)
    assert any("bored" in content for content in divergence.contents.values())


def test_one_character_of_a_later_prompt_is_found_where_it_is_told(
    run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_of(ALWAYS[0]).file.path
    from aarlab.graph.flow import team_graph

    written = team_graph.round_message

    def opening(**said: Any) -> str:
        return written(**said) + ("." if said["round"] == 2 else "")

    monkeypatch.setattr(team_graph, "round_message", opening)
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    assert (caught.value.stream, caught.value.round) == ("r1", 2)
    assert isinstance(caught.value.actual, LogEntry)
    assert caught.value.actual.event.kind == "prompts"


def test_one_character_of_a_tools_description_is_found(
    run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_of(ALWAYS[0]).file.path
    from aarlab.graph.run import build

    given = build.tools_for

    def tools_for(scenario: Scenario) -> dict[str, Tool]:
        tools = dict(given(scenario))
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
def test_a_dial_or_a_price_that_stood_otherwise_is_found(
    run_of: Callable[[Dials], Run], tmp_path: Path, field: str, value: object
) -> None:
    statement = "UPDATE runs SET scenario = json_set(scenario, ?, ?)"
    with altered(run_of(ALWAYS[0]), tmp_path, statement, field, value) as path, pytest.raises(Divergence):
        replay_run(path)


def test_two_agents_in_another_order_are_found(run_of: Callable[[Dials], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    path = run_of(ALWAYS[0]).file.path
    from aarlab.graph.scenario import TeamConfig

    monkeypatch.setattr(TeamConfig, "names", property(lambda team: [f"r{i}" for i in range(team.researchers, 0, -1)]))
    with pytest.raises(Divergence) as caught:
        replay_run(path)
    assert caught.value.round == 0


@pytest.mark.parametrize("again", [replay_run, resume_run])
def test_a_tape_of_another_run_is_told_from_its_own(
    run_of: Callable[[Dials], Run], tmp_path: Path, again: Callable[[Path], object]
) -> None:
    whose = run_of(ALWAYS[1]).scenario.model_dump_json()
    statement = "UPDATE runs SET scenario = ?, summary = NULL"
    with altered(run_of(ALWAYS[0]), tmp_path, statement, whose) as path:
        before = path.read_bytes()
        with pytest.raises(Divergence):
            again(path)
        assert path.read_bytes() == before


# -- fork -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dials", [ALWAYS[0], pytest.param(ALWAYS[4], marks=pytest.mark.long)], ids=["free", "bound"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_fork_without_a_change_is_its_parent_to_the_digest(
    run_of: Callable[[Dials], Run], tmp_path: Path, dials: Dials, at: int
) -> None:
    parent = run_of(dials)
    forked = fork_run(parent.file.path, tmp_path / "fork.db", parent.scenario, at=at, sandbox=parent.summary["sandbox"])
    assert forked["digest"] == parent.summary["digest"]
    with RunReader.open(tmp_path / "fork.db") as file:
        (segment,) = file.info().fork_history
        assert (segment["run_id"], segment["until_round"]) == (parent.file.path.stem, at - 1)


def test_a_fork_shares_its_past_and_goes_its_own_way(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    parent = run_of(ALWAYS[0])
    staged = scenario(structure={**ALWAYS[0], "workflow": "staged", "review": "gate"})
    forked = Run(
        staged,
        fork_run(parent.file.path, tmp_path / "fork.db", staged, at=2, sandbox=parent.summary["sandbox"]),
        RunReader.open(tmp_path / "fork.db"),
    )
    fork_history = [row for row in rows(parent.file.path) if row[2] < 2]
    assert [row for row in rows(tmp_path / "fork.db") if row[2] < 2] == fork_history
    later = {call.request for call in forked.placed(ModelCall) if call.round >= 2 for call in [call.event]}
    assert not later & {entry.event.request for entry in parent.placed(ModelCall)}
    steps = [entry.event for entry in forked.placed(Decision) if entry.round >= 2 and entry.stream in ("r1", "r2")]
    assert {step.taken_by for step in steps if step.decision == "next_step"} == {"structure"}
    assert {entry.round for entry in forked.placed(AgentSetup, stream="r1")} == {0, 2}
    assert forked.summary["structure_violations"] == []
    again = replay_run(tmp_path / "fork.db")
    assert again.digest == forked.summary["digest"]
    forked.file.close()


def test_a_fork_that_is_broken_off_goes_on_and_a_fork_can_be_forked(
    run_of: Callable[[Dials], Run], tmp_path: Path
) -> None:
    parent = run_of(ALWAYS[0])
    other = scenario(structure={**ALWAYS[0], "sharing": "none"})
    mode = parent.summary["sandbox"]
    finished = fork_run(parent.file.path, tmp_path / "whole.db", other, at=2, sandbox=mode)
    events = len(rows(tmp_path / "whole.db"))
    with pytest.raises((Interrupted, ExceptionGroup)):
        fork_run(
            parent.file.path, tmp_path / "part.db", other, at=2, sandbox=mode, listeners=[stop_at(events * 3 // 4)]
        )
    assert resume_run(tmp_path / "part.db")["digest"] == finished["digest"]
    back = fork_run(tmp_path / "whole.db", tmp_path / "back.db", parent.scenario, at=2, sandbox=mode)
    assert back["digest"] == parent.summary["digest"]


def test_what_is_no_fork_is_refused_before_anything_is_written(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    parent = run_of(ALWAYS[0])
    rounds = len(parent.of(RoundStarted))
    with pytest.raises(NoSuchRound, match=f"has begun rounds 1 to {rounds}"):
        fork_run(parent.file.path, tmp_path / "fork.db", parent.scenario, at=rounds + 1)
    with pytest.raises(InvalidFork, match=r"cannot change team\.researchers"):
        fork_run(parent.file.path, tmp_path / "fork.db", scenario(team={"researchers": 3}), at=2)
    assert list(tmp_path.iterdir()) == []
