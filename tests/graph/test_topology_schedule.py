"""A topology that changes between rounds: visibility, recorded setups, checks, replay, errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from team_runs import ON_ONE_CORE, TINY, Run
from team_runs import run as run_once

from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.checks import violations
from aarlab.graph.structure.dials.topology import DIAL
from aarlab.graph.structure.run_events import RunEvents
from aarlab.graph.structure.structure import Structure
from aarlab.graph.structure.topology_schedule import neighbours_in
from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, AgentSetup, Finding, Published, RoundStarted
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

NAMES = ["r1", "r2", "r3", "r4"]


def scheduled(**structure: Any) -> Scenario:
    team, budget = {"researchers": 4}, {"hours": 4.5, "round_hours": 1.5}
    return Scenario.model_validate({**TINY, "team": team, "budget": budget, "structure": structure})


def topology_violations(file: RunReader) -> list[str]:
    return [violation for violation in violations(file) if violation.startswith("topology: ")]


def test_topologies_apply_from_their_first_round() -> None:
    structure = Structure.model_validate({"topology": "ring", "topology_schedule": {3: "complete"}})
    by_round = structure.neighbours_by_round(NAMES, 1)
    first = neighbours_in(by_round, 0)
    assert first is not None
    assert first["r1"] == {"r2", "r4"}
    assert neighbours_in(by_round, 2) is first
    assert neighbours_in(by_round, 3) is None
    assert neighbours_in(by_round, 9) is None


def test_random_topologies_of_a_schedule_differ() -> None:
    structure = Structure.model_validate({"topology": "scale-free", "topology_schedule": {2: "scale-free"}})
    names = [f"r{i + 1}" for i in range(12)]
    by_round = structure.neighbours_by_round(names, 1)
    assert by_round[1] != by_round[2]
    assert by_round == structure.neighbours_by_round(names, 1)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RunWriter]:
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0.1.0", seed=7, scenario={"name": "toy"}) as file:
        yield file


def test_finding_that_has_reached_a_reader_stays_visible(file: RunWriter) -> None:
    ring = {"r1": {"r2"}, "r2": {"r1"}, "r3": set[str]()}
    apart = {name: set[str]() for name in ring}
    board = Board(file, {1: ring, 2: apart, 3: None})

    def post(finding: str, round: int) -> None:
        file.append(TEAM, RoundStarted(1.0), round=round, hours=1.0)
        event = Finding(finding, finding.split(".")[0], "result", "An idea", "", "other", None, None, None, None, None)
        file.append(event.author, event, round=round, hours=0.5)
        file.append(TEAM, Published(finding), round=round, hours=1.0)

    def seen_by(name: str) -> list[str]:
        return [post.finding.id for post in board.posts(visible_to=name)]

    post("r2.f1", 0)
    assert seen_by("r1") == ["r2.f1"]
    assert seen_by("r3") == []
    post("r2.f2", 1)
    assert seen_by("r1") == ["r2.f1"], "from round 2 on r1 and r2 are not connected"
    post("r1.f1", 2)
    assert seen_by("r3") == ["r1.f1"], "a finding of round 2 reaches all in round 3"
    file.append(TEAM, RoundStarted(1.0), round=3, hours=1.0)
    assert seen_by("r3") == ["r2.f1", "r2.f2", "r1.f1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    islands = {"topology": "islands", "parameters": {"islands": 2}}
    configured = scheduled(topology="complete", topology_schedule={2: "ring", 3: islands})
    done = run_once(configured, tmp_path_factory.mktemp("schedule") / "run.db")
    yield done
    done.file.close()


def test_every_change_is_recorded_at_the_start_of_its_round(run: Run) -> None:
    setups = [(entry.round, entry.event.neighbours) for entry in run.entries_of(AgentSetup, stream="r1")]
    assert setups == [(0, None), (2, ["r2", "r4"]), (3, ["r2"])]
    assert topology_violations(run.file) == []


def test_scheduled_run_is_replayed_exactly(run: Run) -> None:
    assert replay_run(run.file.path).digest == run.file.digest()


def test_fork_keeps_or_replaces_the_schedule(run: Run, tmp_path: Path) -> None:
    sandbox = run.summary["sandbox"]
    same = fork_run(run.file.path, tmp_path / "same.db", run.scenario, at=3, sandbox=sandbox, **ON_ONE_CORE)
    assert same["digest"] == run.summary["digest"]
    ring = scheduled(topology="complete", topology_schedule={2: "ring"})
    fork_run(run.file.path, tmp_path / "ring.db", ring, at=3, sandbox=sandbox, **ON_ONE_CORE)
    with RunReader.open(tmp_path / "ring.db") as file:
        setups = [entry.event.neighbours for entry in file.entries(AgentSetup) if entry.stream == "r1"]
        assert setups[-1] == ["r2", "r4"]
        assert topology_violations(file) == []


def test_missed_change_is_reported(run: Run) -> None:
    structure = run.scenario.structure.model_dump()
    events = RunEvents(run.file, {**structure, "topology_schedule": {2: "ring", 3: "complete"}})
    assert [line for line in DIAL.check(events) if "scheduled for round 3" in line]


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ({"topology_schedule": {1: "ring"}}, "rounds from 2 on, not 1"),
        ({"topology_schedule": {9: "ring"}}, "change in round 9, and the run has 3 rounds"),
        ({"topology_schedule": {2: "rng"}}, "unknown topology 'rng'"),
        ({"topology_schedule": {2: {"topology": "islands", "parameters": {"isles": 2}}}}, "round 2: topology islands"),
        ({"topology_schedule": {2: "ring"}, "sharing": "none"}, "sharing none and topology_schedule contradict"),
    ],
)
def test_impossible_schedule_is_refused_with_a_reason(structure: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        scheduled(**structure)
