"""The structure that was asked for is the structure that was there: read from what happened, not from the prompts."""

from team_runs import Run, structures

from aarlab.graph.dials.directions import DIRECTIONS
from aarlab.memory.events import (
    Borrowed,
    Brief,
    Decision,
    Edge,
    Experiment,
    Finding,
    ModelCall,
    Published,
    Ruling,
    Told,
    ToolCall,
)

REVIEWER = "reviewer"

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
    assert all(event.tool_use_id.startswith("lab-") for event in run.of(ToolCall) if event.tool == "run_experiment")


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
    given = [event.direction for event in run.of(Brief)]
    assert given == list(DIRECTIONS[: len(run.researchers)])
    assert {event.taken_by for event in run.of(Decision) if event.decision == "direction"} == {"structure"}


@structures(directions="none")
def test_without_directions_all_are_told_the_same_but_for_their_names(run: Run) -> None:
    briefs = run.of(Brief)
    assert {event.direction for event in briefs} == {None}
    told = [run.file.text(event.system) for event in briefs]
    assert len({text.replace(name, "...") for name, text in zip(run.researchers, told, strict=True)}) == 1
    assert {event.taken_by for event in run.of(Decision) if event.decision == "direction"} == {"agent"}


# -- sharing --------------------------------------------------------------------------------------------------------


@structures(sharing="none")
def test_where_nothing_is_shared_nobody_hears_of_anothers_finding(run: Run) -> None:
    assert run.of(Published, Borrowed) == []
    for name in run.researchers:
        heard = [run.findings_named_in(event.message) for event in run.of(Told, stream=name)]
        assert {finding.split(".")[0] for finding in set().union(*heard)} <= {name}


@structures(sharing="none")
def test_where_nothing_is_shared_no_finding_comes_from_anothers(run: Run) -> None:
    edges = [event for event in run.of(Edge) if event.source != REVIEWER]
    assert all(event.source.split(".")[0] == event.target.split(".")[0] for event in edges)


@structures(sharing="synced")
def test_every_finding_is_published_once_in_the_round_it_was_posted_in(run: Run) -> None:
    posted = {entry.event.id: entry.round for entry in run.placed(Finding)}
    published = [(entry.event.finding, entry.round) for entry in run.placed(Published)]
    assert posted
    assert sorted(published) == sorted(posted.items())


@structures(sharing="synced")
def test_others_findings_are_heard_of_in_the_next_round_and_not_before(run: Run) -> None:
    posted = {entry.event.id: entry.round for entry in run.placed(Finding)}
    for name in run.researchers:
        for entry in run.placed(Told, stream=name):
            others = {f for f in run.findings_named_in(entry.event.message) if not f.startswith(f"{name}.")}
            assert all(posted[finding] < entry.round for finding in others)


@structures(sharing="synced")
def test_a_round_opens_with_what_the_others_posted_in_the_last(run: Run) -> None:
    for name in run.researchers:
        opening = next(e for e in run.placed(Told, stream=name) if e.round == 2)
        news = {e.event.id for e in run.placed(Finding) if e.round == 1 and e.event.author != name}
        assert run.findings_named_in(opening.event.message) == news


# -- review ---------------------------------------------------------------------------------------------------------


@structures(review="none")
def test_without_review_there_is_no_reviewer(run: Run) -> None:
    assert run.of(Ruling) == []
    assert all(entry.stream != REVIEWER for entry in run.entries)
    assert {event.role for event in run.of(ModelCall)} == {"researcher"}


@structures(review="advisory")
def test_an_advisory_reviewer_reads_every_finding_and_rules_on_nothing(run: Run) -> None:
    read = [run.findings_named_in(event.message) for event in run.of(Told, stream=REVIEWER)]
    assert {event.id for event in run.of(Finding)} <= set().union(*read)
    assert run.of(Ruling) == []


@structures(review="gate")
def test_nothing_runs_in_full_that_the_reviewer_has_not_approved(run: Run) -> None:
    for name in run.researchers:
        approved = set()
        for event in run.of(Ruling, Experiment, stream=name):
            if isinstance(event, Ruling):
                approved = {event.code} if event.approved else set()
            elif event.fidelity == "full":
                assert event.code in approved
                approved = set()


@structures(review="gate")
def test_a_full_run_behind_a_gate_is_the_reviewers_decision(run: Run) -> None:
    assert run.of(Ruling)
    takers = {e.taken_by for e in run.of(Decision) if e.decision == "fidelity" and "full" in e.choice}
    assert takers <= {"reviewer", "structure"}


# -- what models are shown ------------------------------------------------------------------------------------------


@structures(workflow="autonomous")
def test_tools_that_the_structure_withholds_are_never_offered(run: Run) -> None:
    withheld = run.scenario.structure.blueprint().withheld
    for event in run.of(Brief):
        offered = run.file.text(event.tools)
        assert not any(f'"name":"{tool}"' in offered for tool in withheld)
    used = {event.tool for event in run.of(ToolCall) if event.ok}
    assert used.isdisjoint(withheld)
