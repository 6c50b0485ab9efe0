"""Turnover: new researchers without memory take the places of others between rounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from team_runs import FAST_STRUCTURES, ON_ONE_CORE, Dials, Run, complete, model_requests, scenario
from team_runs import run as run_once

from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.checks import violations
from aarlab.graph.structure.run_events import RunEvents
from aarlab.graph.structure.turnover import Turnover, turnover_violations
from aarlab.memory.board import Board
from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    Experiment,
    FileWritten,
    Finding,
    LogEntry,
    ModelCall,
    Published,
    ResearcherReplaced,
    RoundStarted,
)
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

BUDGET = {"hours": 4.5, "round_hours": 1.5}
TURNOVER = {"every_rounds": 1}


def with_turnover(researchers: int = 4, turnover: dict[str, int] | None = TURNOVER, **structure: Any) -> Scenario:
    return scenario(team={"researchers": researchers, "turnover": turnover}, budget=BUDGET, structure=structure)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    done = run_once(with_turnover(topology="ring"), tmp_path_factory.mktemp("turnover") / "run.db")
    yield done
    done.file.close()


def test_a_new_researcher_has_place_direction_and_hours_only(run: Run) -> None:
    setups = {entry.stream: entry.event for entry in run.entries_of(AgentSetup)}
    replaced = run.entries_of(ResearcherReplaced)
    assert [(entry.round, entry.stream, entry.ordinal) for entry in replaced] == [(2, "r5", 0), (3, "r6", 0)]
    for entry in replaced:
        former = entry.event.former
        assert setups[entry.stream].direction == setups[former].direction
        assert max(e.round for e in run.entries_of(ModelCall, stream=former)) == entry.round - 1
        first, recorded, _ = next(model_requests(run, entry.stream))
        assert first.hash == recorded.request
        assert len(first.conversation.messages) == 1
        assert f"You joined the team in round {entry.round}" in first.conversation.system
        assert "lab.f1" in first.conversation.messages[0].text
    assert violations(run.file) == []


def test_measures_count_a_place_once(run: Run) -> None:
    assert run.file.team_size() == 4
    hours = run.summary["hours_by_kind"]
    assert sum(hours.values()) == pytest.approx(4 * 4.5 + hours["opening"] + hours["close"], abs=0.02)
    assert run.summary["hours"] <= sum(hours.values()) + 0.02


def test_run_with_turnover_is_replayed_and_forked(run: Run, tmp_path: Path) -> None:
    assert replay_run(run.file.path).digest == run.file.digest()
    sandbox = run.summary["sandbox"]
    same = fork_run(run.file.path, tmp_path / "same.db", run.scenario, at=3, sandbox=sandbox, **ON_ONE_CORE)
    assert same["digest"] == run.summary["digest"]
    without = with_turnover(turnover=None, topology="ring")
    fork_run(run.file.path, tmp_path / "without.db", without, at=3, sandbox=sandbox, **ON_ONE_CORE)
    with RunReader.open(tmp_path / "without.db") as file:
        assert file.researchers() == ["r1", "r2", "r3", "r4", "r5"]
        assert violations(file) == []


def test_a_team_of_one_is_replaced_resumed_and_compiled(tmp_path: Path) -> None:
    alone = with_turnover(1, sharing="none")
    done = run_once(alone, tmp_path / "direct.db")
    assert done.file.researchers() == ["r1", "r2", "r3"]
    assert violations(done.file) == []

    def stop(entry: LogEntry) -> None:
        if isinstance(entry.event, ModelCall) and entry.stream == "r2":
            raise KeyboardInterrupt

    sandbox = done.summary["sandbox"]
    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        run_once(alone, tmp_path / "resumed.db", listeners=[stop])
    assert resume_run(tmp_path / "resumed.db", sandbox=sandbox)["digest"] == done.summary["digest"]
    compiled = run_once(alone, tmp_path / "compiled.db", scheduler="langgraph")
    assert compiled.summary["digest"] == done.summary["digest"]
    for file in (done.file, compiled.file):
        file.close()


@pytest.mark.long
@pytest.mark.parametrize("dials", FAST_STRUCTURES, ids=lambda dials: "-".join(dials.values()))
def test_every_structure_takes_turnover(dials: Dials, tmp_path: Path) -> None:
    done = run_once(
        scenario(team={"researchers": 2, "turnover": TURNOVER}, structure=complete(dials)), tmp_path / "r.db"
    )
    assert len(done.of(ResearcherReplaced)) == 1
    assert violations(done.file) == []
    assert replay_run(done.file.path).digest == done.summary["digest"]
    done.file.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RunWriter]:
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0.1.0", seed=7, scenario={"name": "toy"}) as file:
        yield file


def test_a_new_researcher_sees_published_findings_of_its_place(file: RunWriter) -> None:
    path = {"r1": {"r2"}, "r2": {"r1", "r3"}, "r3": {"r2"}}
    board = Board(file, {1: path})
    for round, (author, published) in enumerate([("r1", True), ("r2", True), ("r2", False), ("r3", True)], start=1):
        file.append(TEAM, RoundStarted(1.0), round=round, hours=1.0)
        if round == 4:
            file.append("r4", ResearcherReplaced("r2", "r2"), round=4, hours=3.0)
        finding = Finding(f"{author}.f{round}", author, "result", "", "", "other", None, None, None, None, None)
        file.append(author, finding, round=round, hours=1.0)
        if published:
            file.append(TEAM, Published(finding.id), round=round, hours=1.0)
    assert [post.finding.id for post in board.posts(visible_to="r4")] == ["r1.f1", "r2.f2", "r3.f4"]
    assert [post.finding.id for post in board.posts(visible_to="r3")] == ["r2.f2", "r3.f4"]


class AlteredEvents(RunEvents):
    """The events of a run, with one replacement more and without the files that researchers wrote."""

    def entries_of(self, kind: type[Any]) -> Iterator[LogEntry[Any]]:
        if kind is not FileWritten:
            yield from super().entries_of(kind)
        if kind is ResearcherReplaced:
            yield LogEntry(0, "r7", 0, 1, 0.0, ResearcherReplaced("r2", "r2"), "")


def test_missing_replacements_and_work_after_leaving_are_reported(run: Run) -> None:
    structure = run.scenario.structure.model_dump()
    events, altered = RunEvents(run.file, structure), AlteredEvents(run.file, structure)
    events.scenario = altered.scenario = {"team": {"turnover": {"every_rounds": 2}}}
    assert list(turnover_violations(events)) == ["1 instead of 0 researchers were replaced before round 2"]
    found = list(turnover_violations(altered))
    assert "r2 worked in round 1, but left before round 1" in found
    experiment = next(name for name in (e.id for e in run.of(Experiment)) if name.startswith("r5."))
    assert f"r5 ran a method in {experiment} that it has neither written nor borrowed" in found


def test_the_senior_stays() -> None:
    team, turnover = ["r1", "r2", "r3"], Turnover(every_rounds=2, members=2)
    assert all(turnover.leaving(team, "r2", seed, 3) == ["r1", "r3"] for seed in range(5))
    assert {tuple(turnover.leaving(team, None, seed, 3)) for seed in range(20)} == {
        ("r1", "r2"), ("r1", "r3"), ("r2", "r3"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("turnover", "structure", "words"),
    [
        ({"every_rounds": 3}, {}, "every_rounds is 3, and the run has 3 rounds: set it to 2 or less"),
        ({"every_rounds": 1, "members": 5}, {}, "members is 5, and team.researchers is 4: at most 4 can leave"),
        ({"every_rounds": 1, "members": 4}, {"authority": "senior"}, "and the senior stays: at most 3 can leave"),
        ({"every_rounds": 0}, {}, "greater than or equal to 1"),
        ({"members": 1}, {}, "every_rounds"),
    ],
)
def test_impossible_turnover_is_refused(turnover: dict[str, int], structure: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        with_turnover(turnover=turnover, **structure)
