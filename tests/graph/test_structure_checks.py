"""Runs have the configured structure according to their events, not their prompts."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from team_runs import FAST_STRUCTURES, Dials, Run, run, scenario, structures

from aarlab.agents.models import registry
from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.registry import ModelInfo
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.task_assignment import ASSIGN, board_of
from aarlab.graph.structure.checks import violations
from aarlab.graph.structure.dials import authority, coordination
from aarlab.graph.structure.dials.directions import DIRECTIONS
from aarlab.graph.structure.run_events import RunEvents
from aarlab.memory.board import Board
from aarlab.memory.events import (
    LAB,
    AgentSetup,
    Borrowed,
    Decision,
    Edge,
    Experiment,
    Finding,
    ModelCall,
    OversightDecision,
    PlanItem,
    Prompted,
    Published,
    ReviewDecision,
    TaskAssigned,
    ToolExecution,
    WorkAssigned,
)
from aarlab.memory.messages import Json

REVIEWER = "reviewer"
FINDING = re.compile(r"\br\d+\.f\d+\b")

# -- workflow -------------------------------------------------------------------------------------------------------


@structures(workflow="autonomous")
def test_autonomous_researchers_choose_every_step(run: Run) -> None:
    decisions = [event for event in run.of(Decision) if event.decision == "next_step"]
    assert decisions
    assert {event.taken_by for event in decisions} == {"agent"}


@structures(workflow="staged")
def test_staged_researchers_choose_no_step(run: Run) -> None:
    for decision in ("next_step", "fidelity", "share"):
        deciders = {event.taken_by for event in run.of(Decision) if event.decision == decision}
        assert deciders
        assert deciders <= {"structure", "reviewer"}
    assert all(
        event.tool_call_id.startswith("run-") for event in run.of(ToolExecution) if event.tool == "run_experiment"
    )


@structures(workflow="staged")
def test_staged_full_run_follows_a_smoke_test_of_its_code(run: Run) -> None:
    for name in run.researchers:
        smoked = None
        for experiment in run.of(Experiment, stream=name):
            if experiment.fidelity == "smoke":
                smoked = experiment
            else:
                assert experiment.fidelity == "full"
                assert smoked is not None
                assert (smoked.code, smoked.error) == (experiment.code, None)


# -- directions -----------------------------------------------------------------------------------------------------


@structures(directions="distinct")
def test_each_researcher_has_its_own_direction(run: Run) -> None:
    directions = [event.direction for event in run.of(AgentSetup)]
    assert directions == list(DIRECTIONS)[: len(run.researchers)]
    assert {event.taken_by for event in run.of(Decision) if event.decision == "direction"} == {"structure"}


@structures(directions="none", authority="flat", coordination="peers")
def test_without_directions_prompts_differ_only_by_name(run: Run) -> None:
    setups = run.of(AgentSetup)
    assert {event.direction for event in setups} == {None}
    prompts = [run.file.text(event.system) for event in setups]
    assert len({text.replace(name, "...") for name, text in zip(run.researchers, prompts, strict=True)}) == 1
    assert {event.taken_by for event in run.of(Decision) if event.decision == "direction"} == {"agent"}


# -- sharing --------------------------------------------------------------------------------------------------------


@structures(sharing="none", coordination="peers")
def test_without_sharing_prompts_name_only_own_findings(run: Run) -> None:
    assert [entry for entry in run.entries_of(Published, Borrowed) if entry.stream != LAB] == []
    for name in run.researchers:
        named = [run.findings_named_in(event.message) for event in run.of(Prompted, stream=name)]
        assert {finding.split(".")[0] for finding in set().union(*named)} <= {name}


@structures(sharing="none", coordination="peers")
def test_without_sharing_edges_stay_within_an_author(run: Run) -> None:
    edges = [event for event in run.of(Edge) if event.source != REVIEWER]
    assert all(event.target.split(".")[0] in (event.source.split(".")[0], LAB) for event in edges)


@structures()
def test_finding_is_published_once_in_the_round_of_its_post(run: Run) -> None:
    posted = {entry.event.id: entry.round for entry in run.entries_of(Finding)}
    published = [(entry.event.finding, entry.round) for entry in run.entries_of(Published)]
    assert posted
    assert len(published) == len(set(published))
    assert set(published) <= set(posted.items())
    structure = run.scenario.structure
    if structure.sharing != "none" and structure.oversight != "gate":
        assert set(published) == set(posted.items())
    else:
        assert {finding for finding, round in published if round == 0} == {e.id for e in run.of(Finding, stream=LAB)}


@structures(sharing="synced")
def test_findings_are_visible_from_the_next_round(run: Run) -> None:
    posted = {entry.event.id: entry.round for entry in run.entries_of(Finding)}
    for name in run.researchers:
        for entry in run.entries_of(Prompted, stream=name):
            others = {f for f in run.findings_named_in(entry.event.message) if not f.startswith(f"{name}.")}
            assert all(posted[finding] < entry.round for finding in others)


@structures(sharing="synced")
def test_round_message_lists_findings_of_the_last_round(run: Run) -> None:
    for name in run.researchers:
        round_message = next(e for e in run.entries_of(Prompted, stream=name) if e.round == 2)
        (setup,) = run.of(AgentSetup, stream=name)
        authors = set(run.researchers if setup.neighbours is None else setup.neighbours) - {name}
        new_findings = {e.event.finding for e in run.entries_of(Published) if e.round == 1}
        text, *_ = run.message_text(round_message.event.message).split("### From the overseer")
        assigned = {finding for task in run.of(TaskAssigned, stream=name) for finding in task.findings}
        expected = {f for f in new_findings if f.split(".")[0] in authors}
        assert set(FINDING.findall(text)) - assigned == expected - assigned


# -- review ---------------------------------------------------------------------------------------------------------


@structures(review="none")
def test_without_review_there_is_no_reviewer(run: Run) -> None:
    assert run.of(ReviewDecision) == []
    assert all(entry.stream != REVIEWER for entry in run.entries)
    assert "reviewer" not in {event.role for event in run.of(ModelCall)}


@structures(review="advisory")
def test_advisory_reviewer_reads_all_and_decides_nothing(run: Run) -> None:
    read = [run.findings_named_in(event.message) for event in run.of(Prompted, stream=REVIEWER)]
    assert {entry.event.id for entry in run.entries_of(Finding) if entry.stream != LAB} <= set().union(*read)
    assert run.of(ReviewDecision) == []


@structures(review="gate")
def test_full_runs_need_the_reviewers_approval(run: Run) -> None:
    for name in run.researchers:
        approved = set()
        for event in run.of(ReviewDecision, Experiment, stream=name):
            if isinstance(event, ReviewDecision):
                approved = {event.code} if event.approved else set()
            elif event.fidelity == "full":
                assert event.code in approved
                approved = set()


@structures(review="gate")
def test_gated_full_run_is_decided_by_the_reviewer(run: Run) -> None:
    deciders = {e.taken_by for e in run.of(Decision) if e.decision == "fidelity" and "full" in e.choice}
    assert deciders <= {"reviewer", "structure"}


# -- coordination ---------------------------------------------------------------------------------------------------


@structures(coordination="peers")
def test_without_a_lead_no_task_is_assigned(run: Run) -> None:
    assert run.of(TaskAssigned) == []
    assert "lead" not in {decision.taken_by for decision in run.of(Decision)}


@structures(coordination="lead")
def test_under_a_lead_prompts_name_own_and_assigned_findings(run: Run) -> None:
    for name in run.researchers:
        assigned: set[str] = set()
        for entry in run.entries_of(TaskAssigned, Prompted, stream=name):
            if isinstance(entry.event, TaskAssigned):
                assigned |= set(entry.event.findings)
            else:
                named = run.findings_named_in(entry.event.message)
                assert all(finding.startswith(f"{name}.") or finding in assigned for finding in named)


def check_tasks(run: Run) -> None:
    tasks = run.of(TaskAssigned)
    assert len(tasks) == len(run.researchers) * run.scenario.rounds
    assert [d.choice for d in run.of(Decision) if d.taken_by == "lead"] == [task.text for task in tasks]
    assert run.summary["hours_by_kind"]["assign"] == pytest.approx(sum(task.cost_hours for task in tasks))
    assert run.summary["autonomy_by_kind"]["idea"] < 1


@structures(coordination="lead")
def test_a_leads_tasks_are_its_decisions_and_cost_hours(run: Run) -> None:
    check_tasks(run)


@structures(coordination="hybrid")
def test_tasks_in_a_hybrid_team_are_the_leads_decisions(run: Run) -> None:
    check_tasks(run)


class VerboseLead:
    """Names all listed findings, and one that does not exist, in the text of its tasks."""

    async def reply(self, request: Request) -> Reply:
        """Assign the same text to both researchers."""
        board = board_of(request)
        text = "Compare: " + ", ".join([entry["finding"] for entry in board["findings"]] + ["r9.f9"]) + "."
        tasks: list[Json] = [{"researcher": entry["researcher"], "text": text} for entry in board["researchers"]]
        return action_reply(Action("Tasks.", ((ASSIGN, {"tasks": tasks}),)), 1, "verbose")


def test_findings_in_the_text_of_a_task_reach_its_researcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = ModelInfo("test/verbose", "names all findings", "nothing", lambda seed, agent, temperament: VerboseLead())
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
    team = {"researchers": 2, "models": {"lead": info.name}}
    led = run(scenario(team=team, structure={"coordination": "lead"}), tmp_path / "run.db")
    board = Board(led.file, {1: {"r1": frozenset(), "r2": frozenset()}})
    for name, other in (("r1", "r2"), ("r2", "r1")):
        first, second = led.of(TaskAssigned, stream=name)
        assert "r9.f9" in first.text
        assert {finding.split(".")[0] for finding in second.findings} == {"lab", "r1", "r2"}
        assert set(second.findings) <= {post.finding.id for post in board.posts(visible_to=name)}
        assert any(post.finding.author == other for post in board.posts(visible_to=name))


@structures(coordination="specialists")
def test_specialists_have_different_tools_and_run_handed_off_methods(run: Run) -> None:
    tools = {}
    for name in run.researchers:
        (setup,) = run.of(AgentSetup, stream=name)
        tools[name] = {tool["name"] for tool in json.loads(run.file.text(setup.tools))}
    assert "run_experiment" in tools["r1"] - tools["r2"]
    assert {"write_file", "hand_off"} <= tools["r2"] - tools["r1"]
    # Two rounds are too few for a handoff to be run, so without an opening there is nothing to run.
    assert run.of(Experiment) or run.scenario.structure.opening == "none"
    posted = {finding.code for finding in run.of(Finding) if finding.is_handoff or finding.author == LAB}
    assert {experiment.code for experiment in run.of(Experiment)} <= posted


def test_a_team_of_peers_fails_the_check_of_specialists(run_of: Callable[[Dials], Run]) -> None:
    run = run_of(FAST_STRUCTURES[0])
    events = RunEvents(run.file, {**run.scenario.structure.model_dump(), "coordination": "specialists"})
    found = list(coordination.DIAL.check(events))
    assert any("which is not part of its specialty" in text for text in found)
    assert any("ran a method that was not handed off" in text for text in found)


# -- tools ----------------------------------------------------------------------------------------------------------


@structures(workflow="autonomous")
def test_withheld_tools_are_never_offered(run: Run) -> None:
    withheld_tools = run.scenario.structure.resolved().withheld_tools
    for event in run.of(AgentSetup):
        offered = run.file.text(event.tools)
        assert not any(f'"name":"{tool}"' in offered for tool in withheld_tools)
    used = {event.tool for event in run.of(ToolExecution) if event.ok}
    assert used.isdisjoint(withheld_tools)


# -- assignments, topology, oversight -------------------------------------------------------------------------------


@structures(selection="self")
def test_self_selection_assigns_only_pool_ideas(run: Run) -> None:
    if run.scenario.structure.directions != "pool":
        assert run.of(WorkAssigned, PlanItem) == []
    assert all(event.parent is None for event in run.of(WorkAssigned))


@structures(directions="pool")
def test_pool_is_written_first_and_assigned_in_turn(run: Run) -> None:
    plans = run.entries_of(PlanItem)
    assert len(plans) == 4 * len(run.researchers)
    assert {entry.round for entry in plans} == {0}
    for index, name in enumerate(run.researchers):
        assigned = [event.idea for event in run.of(WorkAssigned, stream=name) if event.idea is not None]
        assert assigned[:4] == [f"p{index + 1 + len(run.researchers) * i}" for i in range(len(assigned[:4]))]


@structures(selection="evolutionary")
def test_evolution_assigns_visible_parents(run: Run) -> None:
    for name in run.researchers:
        (setup,) = run.of(AgentSetup, stream=name)
        neighbours = set(run.researchers if setup.neighbours is None else setup.neighbours)
        reach = {name} if run.scenario.structure.sharing == "none" else neighbours | {name}
        reach |= {LAB}  # everybody sees the opening
        parents = [event.parent for event in run.of(WorkAssigned, stream=name) if event.parent is not None]
        assert {parent.split(".")[0] for parent in parents} <= reach
    deciders = {event.taken_by for event in run.of(Decision) if event.decision in ("idea", "parent")}
    assert deciders <= {"structure"}


@structures()
def test_new_assignment_follows_a_finding_on_the_last(run: Run) -> None:
    for name in run.researchers:
        assigned = posted = 0
        for event in run.of(WorkAssigned, Finding, stream=name):
            if isinstance(event, WorkAssigned):
                assert posted >= assigned
                assigned += 1
            elif event.experiment is not None:
                posted += 1


@structures(oversight="gate")
def test_published_findings_are_those_released(run: Run) -> None:
    released = [finding for event in run.of(OversightDecision) for finding in event.findings]
    published = {entry.event.finding for entry in run.entries_of(Published) if entry.stream != LAB}
    assert published <= set(released)
    assert {d.taken_by for d in run.of(Decision) if d.choice.endswith(("released", "withheld"))} <= {"person"}


@structures()
def test_prompts_name_only_visible_findings(run: Run) -> None:
    for name in run.researchers:
        (setup,) = run.of(AgentSetup, stream=name)
        if setup.neighbours is not None:
            messages = [event.message for event in run.of(Prompted, stream=name)]
            assigned = {finding for task in run.of(TaskAssigned, stream=name) for finding in task.findings}
            named = {finding for message in messages for finding in run.findings_named_in(message)} - assigned
            assert {finding.split(".")[0] for finding in named} <= {name, *setup.neighbours}


@structures(authority="senior")
def test_all_prompts_name_the_same_senior(run: Run) -> None:
    (senior,) = {event.senior for event in run.of(AgentSetup)}
    assert senior in run.researchers
    for name in run.researchers:
        (setup,) = run.of(AgentSetup, stream=name)
        named = "You are the senior" if name == senior else f"{senior} is the senior"
        assert named in run.file.text(setup.system)


def test_a_flat_team_fails_the_check_of_a_senior_and_reverse(run_of: Callable[[Dials], Run]) -> None:
    for dials, other in ((FAST_STRUCTURES[0], "senior"), (FAST_STRUCTURES[2], "flat")):
        run = run_of(dials)
        events = RunEvents(run.file, {**run.scenario.structure.model_dump(), "authority": other})
        assert len(list(authority.DIAL.check(events))) == (1 if other == "senior" else 2)


@structures()
def test_close_check_finds_no_violation(run: Run) -> None:
    assert violations(run.file) == []
