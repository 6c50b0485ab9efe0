"""The structure that was asked for is the structure that was there: read from what happened, not from the prompts."""

import re

from team_runs import Run, structures

from aarlab.graph.structure.checks import violations
from aarlab.graph.structure.dials.directions import DIRECTIONS
from aarlab.memory.events import (
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
    ToolExecution,
    WorkAssigned,
)

REVIEWER = "reviewer"
FINDING = re.compile(r"\br\d+\.f\d+\b")

# -- workflow -------------------------------------------------------------------------------------------------------


@structures(workflow="autonomous")
def test_a_free_researcher_takes_every_step_itself(run: Run) -> None:
    decisions = [event for event in run.of(Decision) if event.decision == "next_step"]
    assert decisions
    assert {event.taken_by for event in decisions} == {"agent"}


@structures(workflow="staged")
def test_a_bound_researcher_never_chooses_its_next_step(run: Run) -> None:
    for decision in ("next_step", "fidelity", "share"):
        takers = {event.taken_by for event in run.of(Decision) if event.decision == decision}
        assert takers
        assert takers <= {"structure", "reviewer"}
    assert all(
        event.tool_call_id.startswith("run-") for event in run.of(ToolExecution) if event.tool == "run_experiment"
    )


@structures(workflow="staged")
def test_in_a_fixed_workflow_every_full_run_follows_a_smoke_test_of_the_same_code(run: Run) -> None:
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
def test_each_researcher_has_a_direction_of_its_own(run: Run) -> None:
    given = [event.direction for event in run.of(AgentSetup)]
    assert given == list(DIRECTIONS)[: len(run.researchers)]
    assert {event.taken_by for event in run.of(Decision) if event.decision == "direction"} == {"structure"}


@structures(directions="none")
def test_without_directions_all_are_told_the_same_but_for_their_names(run: Run) -> None:
    briefs = run.of(AgentSetup)
    assert {event.direction for event in briefs} == {None}
    told = [run.file.text(event.system) for event in briefs]
    assert len({text.replace(name, "...") for name, text in zip(run.researchers, told, strict=True)}) == 1
    assert {event.taken_by for event in run.of(Decision) if event.decision == "direction"} == {"agent"}


# -- sharing --------------------------------------------------------------------------------------------------------


@structures(sharing="none")
def test_where_nothing_is_shared_nobody_hears_of_anothers_finding(run: Run) -> None:
    assert run.of(Published, Borrowed) == []
    for name in run.researchers:
        heard = [run.findings_named_in(event.message) for event in run.of(Prompted, stream=name)]
        assert {finding.split(".")[0] for finding in set().union(*heard)} <= {name}


@structures(sharing="none")
def test_where_nothing_is_shared_no_finding_comes_from_anothers(run: Run) -> None:
    edges = [event for event in run.of(Edge) if event.source != REVIEWER]
    assert all(event.source.split(".")[0] == event.target.split(".")[0] for event in edges)


@structures()
def test_every_shared_finding_is_published_once_in_the_round_it_was_posted_in(run: Run) -> None:
    posted = {entry.event.id: entry.round for entry in run.placed(Finding)}
    published = [(entry.event.finding, entry.round) for entry in run.placed(Published)]
    assert posted
    assert len(published) == len(set(published))
    assert set(published) <= set(posted.items())
    structure = run.scenario.structure
    if structure.sharing != "none" and structure.oversight != "gate":
        assert set(published) == set(posted.items())


@structures(sharing="synced")
def test_others_findings_are_heard_of_in_the_next_round_and_not_before(run: Run) -> None:
    posted = {entry.event.id: entry.round for entry in run.placed(Finding)}
    for name in run.researchers:
        for entry in run.placed(Prompted, stream=name):
            others = {f for f in run.findings_named_in(entry.event.message) if not f.startswith(f"{name}.")}
            assert all(posted[finding] < entry.round for finding in others)


@structures(sharing="synced")
def test_a_round_opens_with_what_the_others_posted_in_the_last(run: Run) -> None:
    for name in run.researchers:
        opening = next(e for e in run.placed(Prompted, stream=name) if e.round == 2)
        (brief,) = run.of(AgentSetup, stream=name)
        authors = set(run.researchers if brief.neighbours is None else brief.neighbours) - {name}
        new_findings = {e.event.finding for e in run.placed(Published) if e.round == 1}
        told, *_ = run.words(opening.event.message).split("### From the overseer")
        assert set(FINDING.findall(told)) == {f for f in new_findings if f.split(".")[0] in authors}


# -- review ---------------------------------------------------------------------------------------------------------


@structures(review="none")
def test_without_review_there_is_no_reviewer(run: Run) -> None:
    assert run.of(ReviewDecision) == []
    assert all(entry.stream != REVIEWER for entry in run.entries)
    assert "reviewer" not in {event.role for event in run.of(ModelCall)}


@structures(review="advisory")
def test_an_advisory_reviewer_reads_every_finding_and_rules_on_nothing(run: Run) -> None:
    read = [run.findings_named_in(event.message) for event in run.of(Prompted, stream=REVIEWER)]
    assert {event.id for event in run.of(Finding)} <= set().union(*read)
    assert run.of(ReviewDecision) == []


@structures(review="gate")
def test_nothing_runs_in_full_that_the_reviewer_has_not_approved(run: Run) -> None:
    for name in run.researchers:
        approved = set()
        for event in run.of(ReviewDecision, Experiment, stream=name):
            if isinstance(event, ReviewDecision):
                approved = {event.code} if event.approved else set()
            elif event.fidelity == "full":
                assert event.code in approved
                approved = set()


@structures(review="gate")
def test_a_full_run_behind_a_gate_is_the_reviewers_decision(run: Run) -> None:
    takers = {e.taken_by for e in run.of(Decision) if e.decision == "fidelity" and "full" in e.choice}
    assert takers <= {"reviewer", "structure"}


# -- what models are shown ------------------------------------------------------------------------------------------


@structures(workflow="autonomous")
def test_tools_that_the_structure_withholds_are_never_offered(run: Run) -> None:
    withheld_tools = run.scenario.structure.resolved().withheld_tools
    for event in run.of(AgentSetup):
        offered = run.file.text(event.tools)
        assert not any(f'"name":"{tool}"' in offered for tool in withheld_tools)
    used = {event.tool for event in run.of(ToolExecution) if event.ok}
    assert used.isdisjoint(withheld_tools)


# -- assignments, topology, oversight -------------------------------------------------------------------------------


@structures(selection="self")
def test_who_chooses_for_itself_is_assigned_nothing_but_ideas_of_a_pool(run: Run) -> None:
    if run.scenario.structure.directions != "pool":
        assert run.of(WorkAssigned, PlanItem) == []
    assert all(event.parent is None for event in run.of(WorkAssigned))


@structures(directions="pool")
def test_a_pool_is_written_before_the_work_and_dealt_in_turn(run: Run) -> None:
    plans = run.placed(PlanItem)
    assert len(plans) == 4 * len(run.researchers)
    assert {entry.round for entry in plans} == {0}
    for place, name in enumerate(run.researchers):
        dealt = [event.idea for event in run.of(WorkAssigned, stream=name) if event.idea is not None]
        assert dealt[:4] == [f"p{place + 1 + len(run.researchers) * i}" for i in range(len(dealt[:4]))]


@structures(selection="evolutionary")
def test_evolution_gives_a_parent_that_reaches_the_researcher_and_the_structure_takes_the_decision(run: Run) -> None:
    for name in run.researchers:
        (brief,) = run.of(AgentSetup, stream=name)
        heard = set(run.researchers if brief.neighbours is None else brief.neighbours)
        reach = {name} if run.scenario.structure.sharing == "none" else heard | {name}
        parents = [event.parent for event in run.of(WorkAssigned, stream=name) if event.parent is not None]
        assert {parent.split(".")[0] for parent in parents} <= reach
    takers = {event.taken_by for event in run.of(Decision) if event.decision in ("idea", "parent")}
    assert takers <= {"structure"}


@structures()
def test_a_new_assignment_follows_a_finding_with_an_experiment_on_the_last(run: Run) -> None:
    for name in run.researchers:
        given = posted = 0
        for event in run.of(WorkAssigned, Finding, stream=name):
            if isinstance(event, WorkAssigned):
                assert posted >= given
                given += 1
            elif event.experiment is not None:
                posted += 1


@structures(oversight="gate")
def test_what_is_shared_is_what_the_overseer_released(run: Run) -> None:
    released = [finding for event in run.of(OversightDecision) for finding in event.findings]
    assert {event.finding for event in run.of(Published)} <= set(released)
    assert {d.taken_by for d in run.of(Decision) if d.choice.endswith(("released", "withheld"))} <= {"person"}


@structures()
def test_nobody_hears_of_what_does_not_reach_it(run: Run) -> None:
    for name in run.researchers:
        (brief,) = run.of(AgentSetup, stream=name)
        if brief.neighbours is not None:
            messages = [event.message for event in run.of(Prompted, stream=name)]
            heard = {finding.split(".")[0] for message in messages for finding in run.findings_named_in(message)}
            assert heard <= {name, *brief.neighbours}


@structures()
def test_the_check_at_the_close_finds_nothing_to_object_to(run: Run) -> None:
    assert violations(run.file) == []
