"""The close: finalists are scored on fresh worlds, and the summary agrees with the events."""

import json
from pathlib import Path

from team_runs import FAST_STRUCTURES, TINY, Run, structures

from aarlab.graph.flow.close import finalists
from aarlab.graph.run.build import build_run
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    LAB,
    Borrowed,
    Decision,
    Edge,
    Evaluation,
    Experiment,
    Finding,
    Nomination,
    OpeningPosted,
    ReferenceChosen,
    RoundStarted,
    RunClosed,
)
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios import baselines
from aarlab.scenarios.known_methods import normal_form
from aarlab.tools.evaluator.tape_evaluator import TapeEvaluator

BASELINE = "baseline:"


def scores(run: Run, panel: str) -> dict[str, Evaluation]:
    """Return the last evaluation of each subject on a panel."""
    return {event.subject: event for event in run.of(Evaluation) if event.panel == panel}


@structures()
def test_finalists_are_submitted_methods_then_the_best_others(run: Run) -> None:
    results = {e.id: e for e in run.of(Finding) if e.type == "result" and e.fidelity == "full" and e.author != LAB}
    rescored = list(scores(run, "final"))
    assert len(rescored) == min(
        run.scenario.scoring.finalists, len({normal_form(run.file.text(event.code)) for event in results.values()})
    )
    assert set(rescored) <= results.keys()
    last = {entry.stream: entry.event.finding for entry in run.entries_of(Nomination)}
    submitted = {normal_form(run.file.text(results[finding].code)) for finding in last.values()}
    codes = {normal_form(run.file.text(results[finding].code)) for finding in rescored}
    assert codes <= submitted or submitted <= codes


@structures()
def test_finalists_are_scored_on_all_final_worlds(run: Run) -> None:
    scoring = run.scenario.scoring
    assert all(event.worlds == scoring.final_worlds for event in scores(run, "final").values())


@structures()
def test_every_known_method_is_screened(run: Run) -> None:
    assert {subject.removeprefix(BASELINE) for subject in scores(run, "screening")} == set(baselines.load())


@structures()
def test_best_finalist_wins(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    team = {subject: event.pgr for subject, event in scores(run, "final").items() if event.pgr is not None}
    # Without a full experiment there is no winner.
    assert (closed.best is None) == (not team)
    assert closed.best is None or team[closed.best] == max(team.values())


@structures()
def test_references_are_the_best_published_and_library_methods(run: Run) -> None:
    published, library = run.of(ReferenceChosen)
    worlds, full = run.scenario.scoring.screening_worlds, run.scenario.costs.full
    screening = [event for event in run.of(Evaluation) if event.panel == "screening"]
    screened = {event.subject: event.pgr for event in screening if event.worlds == worlds}
    four = {f"{BASELINE}{name}": screened[f"{BASELINE}{name}"] for name in baselines.PUBLISHED}
    assert screened[published.method] == max(four.values())
    assert (published.methods, published.cost_hours) == (4, 4 * full)
    assert (library.methods, library.cost_hours) == (len(baselines.load()), len(baselines.load()) * full)
    assert screened[library.method] >= screened[published.method]


@structures()
def test_no_method_is_scored_twice_on_the_same_worlds(run: Run) -> None:
    scored = [(event.subject, event.panel, event.worlds, event.task) for event in run.of(Evaluation)]
    assert len(scored) == len(set(scored))


@structures()
def test_heldout_panel_scores_winner_references_and_past_leaders(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    heldout, references = scores(run, "heldout"), {event.method for event in run.of(ReferenceChosen)}
    assert heldout.keys() == {closed.best, closed.leader_at_quarter, closed.leader_at_half, *references} - {None}
    assert {event.worlds for event in heldout.values()} == {run.scenario.scoring.heldout_worlds}


@structures()
def test_past_leaders_had_the_best_development_score(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    for share, leader in ((0.25, closed.leader_at_quarter), (0.5, closed.leader_at_half)):
        until = share * run.scenario.budget.hours
        by_then = {
            entry.event.id: entry.event.pgr
            for entry in run.entries_of(Finding)
            if entry.stream != LAB
            and entry.event.type == "result"
            and entry.event.fidelity == "full"
            and entry.hours <= until
        }
        assert (leader is None) == (not by_then)
        assert leader is None or by_then[leader] == max(by_then.values())


@structures()
def test_no_final_or_heldout_score_exists_before_the_close(run: Run) -> None:
    last = max(entry.round for entry in run.entries_of(RoundStarted))
    for entry in run.entries_of(Evaluation):
        if entry.stream == LAB:
            assert (entry.event.panel, entry.round) == ("screening", 0)
            continue
        assert (entry.event.panel == "development") == (entry.round <= last)
        assert (entry.event.panel == "development") == (entry.stream in run.researchers)


@structures()
def test_final_scoring_costs_hours_like_full_experiments(run: Run) -> None:
    scoring, (closed,) = run.scenario.scoring, run.of(RunClosed)
    runs = len(scores(run, "final")) * scoring.final_worlds / scoring.full_worlds
    assert closed.cost_hours == runs * run.scenario.costs.full


# -- the summary ----------------------------------------------------------------------------------------------------


@structures(FAST_STRUCTURES)
def test_summary_is_the_same_if_events_do_not_fit_into_memory(run: Run) -> None:
    with run.file.hold_events(max_held=0):
        summary = summarise(run.file)
    recorded = {name: run.summary[name] for name in summary if name != "file"}
    assert {**json.loads(json.dumps(summary)), "file": ""} == {**recorded, "file": ""}


@structures()
def test_summary_counts_equal_event_counts(run: Run) -> None:
    summary = run.summary
    for key, kind in (
        ("borrows", Borrowed), ("experiments", Experiment), ("evaluations", Evaluation),
        ("rounds", RoundStarted),
    ):  # fmt: skip
        assert summary[key] == len(run.of(kind)), key
    assert summary["findings"] == len([entry for entry in run.entries_of(Finding) if entry.stream != LAB])
    assert summary["critiques"] == sum(edge.relation == "critiques" for edge in run.of(Edge))
    deciders = [event.taken_by for event in run.of(Decision)]
    assert summary["realised_autonomy"] == round(deciders.count("agent") / len(deciders), 4)


@structures()
def test_summary_hours_include_the_opening_and_the_close(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    own = [max(entry.hours for entry in run.entries if entry.stream == name) for name in run.researchers]
    opening = sum(event.cost_hours for event in run.of(OpeningPosted))
    assert run.summary["opening_hours"] == round(opening, 2)
    assert run.summary["hours"] == round(sum(own) + opening + closed.cost_hours, 2)


@structures()
def test_summary_scores_are_the_recorded_scores(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    final, heldout = scores(run, "final"), scores(run, "heldout")
    summary, best = run.summary, closed.best
    for chosen in run.of(ReferenceChosen):
        reference = summary["references"][chosen.reference]
        assert f"{BASELINE}{reference['name']}" == chosen.method
        assert reference["pgr"] == heldout[chosen.method].pgr
        assert reference["shifted_pgr"] == scores(run, "shifted")[chosen.method].pgr
        assert (reference["methods"], reference["hours"]) == (chosen.methods, chosen.cost_hours)
    if best is None:
        assert (summary["best"], summary["heldout"]) == (None, None)
        return
    assert summary["best"]["finding"] == best
    assert (summary["best"]["pgr"], summary["best"]["se"]) == (final[best].pgr, final[best].se)
    assert summary["heldout"] == {"pgr": heldout[best].pgr, "se": heldout[best].se, "worlds": heldout[best].worlds}
    leading_posts = {
        point: finding and heldout[finding].pgr
        for point, finding in (("quarter", closed.leader_at_quarter), ("half", closed.leader_at_half))
    }
    assert summary["heldout_pgr_by_budget"] == {**leading_posts, "whole": heldout[best].pgr}


@structures()
def test_summary_is_stored_in_the_run_file(run: Run) -> None:
    info = run.file.info()
    assert info.status == "done"
    assert info.summary == run.summary
    assert run.summary["digest"] == run.file.digest()


def test_a_copy_under_other_names_takes_no_finalist_place(tmp_path: Path) -> None:
    scenario = Scenario.model_validate(TINY)
    codes = (
        "def method(inputs):\n    labels = inputs.weak_labels\n    return labels\n",
        "def method(data):\n    # mine\n    return data.weak_labels\n",
        "def method(inputs):\n    return 1 - inputs.weak_labels\n",
    )
    new = {"run_id": "run", "version": "0", "seed": 7, "scenario": scenario.model_dump(mode="json")}
    with RunWriter.create(tmp_path / "run.db", **new) as file:  # type: ignore[arg-type]
        run = build_run(scenario, file, TapeEvaluator(file, None))
        for number, code in enumerate(codes, 1):
            key, name = file.store_text(code), f"r{number % 2 + 1}"
            file.append(name, Experiment(f"e{number}", "m.py", key, "full", None, 0.5, 0.1, []), round=1, hours=number)
            finding = Finding(
                f"f{number}", name, "result", "t", "", "other", f"e{number}", key, "full", 0.5 - number / 10, 0.1
            )
            file.append(name, finding, round=1, hours=number)
        assert [post.finding.id for post in finalists(run)] == ["f1", "f3"]
