"""Groups with a lead each: a lead sees the findings that reach its group, and assigns tasks to its researchers."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from team_runs import Run, scenario
from team_runs import run as run_once

from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.structure.checks import violations
from aarlab.graph.structure.dials.coordination import DIAL
from aarlab.graph.structure.run_events import RunEvents
from aarlab.graph.structure.structure import Structure
from aarlab.memory.events import LAB, AgentSetup, LogEntry, Prompted, TaskAssigned

STRUCTURE = {"preset": "centralised", "topology": "islands", "leads": "per_group"}
PARAMETERS = {"islands": 2, "bridges": 1}
GROUPS = {"lead1": ["r1", "r2"], "lead2": ["r3", "r4"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    structure = {**STRUCTURE, "topology_parameters": PARAMETERS}
    budget = {"hours": 4.5, "round_hours": 1.5}
    configured = scenario(team={"researchers": 4}, budget=budget, structure=structure)
    done = run_once(configured, tmp_path_factory.mktemp("groups") / "run.db")
    yield done
    done.file.close()


def board_of(run: Run, prompted: Prompted) -> dict[str, Any]:
    """Return the board in the message to a lead."""
    (block,) = re.findall(r"```json\n(.*)\n```", run.file.message(prompted.message).text, re.DOTALL)
    board: dict[str, Any] = json.loads(block)
    return board


def test_each_lead_assigns_to_its_group_what_reaches_it(run: Run) -> None:
    neighbours = {entry.stream: entry.event.neighbours for entry in run.entries_of(AgentSetup)}
    assert set(run.file.streams()) >= set(GROUPS)
    crossed = set()
    for lead, group in GROUPS.items():
        reached = {LAB, *group, *(author for name in group for author in neighbours[name])}
        for prompted in run.of(Prompted, stream=lead):
            board = board_of(run, prompted)
            assert [entry["researcher"] for entry in board["researchers"]] == group
            authors = {finding["author"] for finding in board["findings"]}
            assert authors <= reached
            crossed |= authors - {LAB, *group}
    assert crossed, "a finding passed the bridge"
    assert {entry.stream for entry in run.entries_of(TaskAssigned)} == {"r1", "r2", "r3", "r4"}


class WithoutBridges(RunEvents):
    """The events of a run in which no researcher has neighbours."""

    def entries_of(self, kind: type[Any]) -> Iterator[LogEntry[Any]]:
        for entry in super().entries_of(kind):
            yield entry._replace(event=replace(entry.event, neighbours=[])) if kind is AgentSetup else entry


def test_tasks_that_no_lead_of_the_group_can_give_are_reported(run: Run) -> None:
    assert violations(run.file) == []
    structure = run.scenario.structure.model_dump()
    other_groups = RunEvents(run.file, {**structure, "topology_parameters": {"islands": 4}})
    assert [line for line in DIAL.check(other_groups) if "lead3 was not called" in line]
    assert [
        line for line in DIAL.check(WithoutBridges(run.file, structure)) if "which does not reach its group" in line
    ]


def test_run_with_group_leads_is_replayed_and_forked(run: Run, tmp_path: Path) -> None:
    assert replay_run(run.file.path).digest == run.file.digest()
    sandbox = run.summary["sandbox"]
    same = fork_run(run.file.path, tmp_path / "same.db", run.scenario, at=2, sandbox=sandbox)
    assert same["digest"] == run.summary["digest"]


def test_prompts_name_the_group_and_not_one_lead_of_all(run: Run) -> None:
    texts = [run.file.text(setup.system) for setup in run.of(AgentSetup)]
    assert all("The lead of your group reads the findings of the group" in text for text in texts)
    assert not any("of all researchers" in text or "Findings reach only" in text for text in texts)


@pytest.mark.parametrize(("names", "groups"), [(["r1"], {"lead1": ["r1"]}), (["r1", "r2", "r3", "r4"], GROUPS)])
def test_groups_are_the_islands_in_team_order(names: list[str], groups: dict[str, list[str]]) -> None:
    structure = Structure.model_validate({**STRUCTURE, "topology_parameters": {"islands": 2}})
    assert structure.groups_by_lead(names) == groups


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ({"leads": "per_group", "topology": "islands"}, "no effect if coordination is peers; set coordination to lead"),
        ({"leads": "per_group", "coordination": "hybrid"}, "leads per_group and topology complete contradict"),
        ({"coordination": "lead", "topology": "islands"}, "sharing none and topology islands contradict"),
    ],
)
def test_group_leads_without_groups_are_refused(structure: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Structure.model_validate(structure)
