"""The opening: the lab posts known methods before round 1, equally in every run, as prior knowledge of the team."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from altered_run import alter
from team_runs import FAST_STRUCTURES, ON_ONE_CORE, Dials, Run, run, scenario, structures

from aarlab.graph.run import execute
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.run.segments import InvalidFork
from aarlab.graph.structure.checks import violations
from aarlab.memory.events import (
    LAB,
    Evaluation,
    Finding,
    LogEntry,
    OpeningPosted,
    Panel,
    Prompted,
    Published,
    RunClosed,
    ToolExecution,
)
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import baselines
from aarlab.tools.evaluator.run_evaluator import Evaluator

METHODS = {"none": 0, "published": len(baselines.PUBLISHED), "library": len(baselines.load())}


def posts(run: Run) -> list[Any]:
    """Return the findings of the lab, in order."""
    return [entry.event for entry in run.entries_of(Finding, stream=LAB)]


@structures()
def test_the_lab_posts_the_methods_of_the_opening_best_first(run: Run) -> None:
    opening, findings = run.scenario.structure.opening, posts(run)
    expected = baselines.opening_methods(opening)
    assert len(findings) == METHODS[opening] == len(expected)
    assert {run.file.text(finding.code) for finding in findings} == {method.code for method in expected.values()}
    scores = [finding.pgr for finding in findings if finding.pgr is not None]
    assert scores == sorted(scores, reverse=True)
    assert {entry.round for entry in run.entries_of(Finding, stream=LAB)} <= {0}
    assert {entry.hours for entry in run.entries_of(Finding, stream=LAB)} <= {0.0}


@structures()
def test_every_researcher_gets_the_opening_in_round_one(run: Run) -> None:
    ids = [finding.id for finding in posts(run)]
    for name in run.researchers:
        first = run.of(Prompted, stream=name)[0]
        text = run.message_text(first.message)
        positions = [text.find(f'"{key}"') for key in ids]
        assert positions == sorted(positions)
        assert -1 not in positions
        assert run.researchers
    assert {event.finding for event in run.of(Published, stream=LAB)} == set(ids)


@structures()
def test_the_opening_costs_a_full_run_for_each_method(run: Run) -> None:
    count = METHODS[run.scenario.structure.opening]
    assert run.summary["opening_hours"] == round(count * run.scenario.costs.full, 2)
    assert len(run.of(OpeningPosted)) == (count > 0)


@structures()
def test_posts_show_the_scores_on_the_screening_panel(run: Run) -> None:
    scores = {event.code: event for event in run.of(Evaluation, stream=LAB)}
    for finding in posts(run):
        score = scores[finding.code]
        assert (score.panel, score.worlds) == ("screening", run.scenario.scoring.screening_worlds)
        assert (finding.pgr, finding.se) == (round(score.pgr, 2), round(score.se, 2))


@structures()
def test_a_post_of_the_lab_is_no_finalist_and_no_leader(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    for finding in (closed.best, closed.leader_at_quarter, closed.leader_at_half):
        assert finding is None or not finding.startswith(f"{LAB}.")
    assert not any(event.subject.startswith(f"{LAB}.") for event in run.of(Evaluation))


def test_the_opening_is_equal_in_every_arm_and_seed(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    other = run(scenario(seed=8, structure="staged"), tmp_path / "run.db")
    arms = [run_of(dials) for dials in FAST_STRUCTURES if dials["opening"] == "published"]
    rows = [[(post.title, post.code, post.pgr, post.se) for post in posts(done)] for done in (other, *arms)]
    other.file.close()
    assert len(rows[0]) == len(baselines.PUBLISHED)
    assert all(row == rows[0] for row in rows)


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ("DELETE FROM events WHERE kind = 'findings' AND data LIKE '%lab.f2%'", "the lab did not post"),
        ("UPDATE events SET data = json_set(data, '$.pgr', 0.99) WHERE stream = 'lab' AND kind = 'findings'", "score"),
        ("UPDATE events SET data = json_set(data, '$.code', 'x') WHERE stream = 'lab' AND kind = 'findings'", "no"),
        ("DELETE FROM events WHERE stream = 'lab' AND kind = 'publications'", "not visible on the board"),
        ("DELETE FROM events WHERE kind = 'prompts' AND stream = 'r1' AND round = 1 AND ordinal < 4", "does not list"),
    ],
    ids=["missing", "another score", "another method", "invisible", "not listed"],
)
def test_check_finds_a_missing_or_altered_post(
    run_of: Callable[[Dials], Run], tmp_path: Path, change: str, violation: str
) -> None:
    done = run_of(FAST_STRUCTURES[0])
    assert done.summary["structure_violations"] == []
    path = Path(shutil.copy(done.file.path, tmp_path))
    alter(path, change)
    with RunReader.open(path) as file:
        found = [text for text in violations(file) if text.startswith("opening: ")]
    assert any(violation in text for text in found), found


# -- resume and fork --------------------------------------------------------------------------------------------------


class CountingEvaluator(Evaluator):
    """Counts the methods that it scores on each panel."""

    scored: ClassVar[list[tuple[str, int]]] = []

    async def score_on_panel(self, methods: Mapping[str, str], panel: Panel, worlds: int, **options: Any) -> Any:
        self.scored.append((panel, len(methods)))
        return await super().score_on_panel(methods, panel, worlds, **options)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Panel and number of methods of each call of an evaluator."""
    monkeypatch.setattr(execute, "Evaluator", CountingEvaluator)
    CountingEvaluator.scored.clear()
    return CountingEvaluator.scored


def first_run(run_of: Callable[[Dials], Run]) -> Run:
    """Return a run with an opening, which other tests share, and forget what it has scored."""
    parent = run_of(FAST_STRUCTURES[0])
    CountingEvaluator.scored.clear()
    return parent


def test_a_fork_keeps_the_opening_and_does_not_score_it_again(
    run_of: Callable[[Dials], Run], tmp_path: Path, scored: list[tuple[str, int]]
) -> None:
    parent = first_run(run_of)
    other = scenario(structure={**FAST_STRUCTURES[0], "sharing": "none", "workflow": "staged"})
    summary = fork_run(
        parent.file.path, tmp_path / "fork.db", other, at=1, sandbox=parent.summary["sandbox"], **ON_ONE_CORE
    )
    with RunReader.open(tmp_path / "fork.db") as file:
        forked = [entry.event for entry in file.entries(stream=LAB)]
    assert forked == [entry.event for entry in parent.entries if entry.stream == LAB]
    assert summary["structure_violations"] == []
    assert summary["opening_hours"] == parent.summary["opening_hours"]
    # At the close, only the methods that the lab had not posted.
    assert [count for panel, count in scored if panel == "screening"] == [METHODS["library"] - METHODS["published"]]


def test_a_fork_cannot_change_the_opening(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    parent = first_run(run_of)
    library = scenario(structure={**FAST_STRUCTURES[0], "opening": "library"})
    with pytest.raises(InvalidFork, match=r"a fork cannot change structure\.opening"):
        fork_run(parent.file.path, tmp_path / "fork.db", library, at=2)


@pytest.mark.parametrize("at", [1, 6, 13])
def test_a_run_killed_in_the_opening_resumes_to_the_same_log(
    run_of: Callable[[Dials], Run], tmp_path: Path, at: int, scored: list[tuple[str, int]]
) -> None:
    parent = first_run(run_of)

    def stop(entry: LogEntry) -> None:
        if entry.id == at:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        run_scenario(parent.scenario, tmp_path / "run.db", sandbox=parent.summary["sandbox"], listeners=[stop])
    assert scored == [("screening", len(baselines.PUBLISHED))]
    scored.clear()
    assert resume_run(tmp_path / "run.db")["digest"] == parent.summary["digest"]


def test_random_search_pays_the_opening_and_does_not_read_it(tmp_path: Path) -> None:
    done = run(scenario(team={"researchers": 2, "model": "simulated/random"}), tmp_path / "run.db")
    assert done.summary["opening_hours"] == len(baselines.PUBLISHED) * done.scenario.costs.full
    assert {event.tool for event in done.of(ToolExecution)}.isdisjoint({"read_findings", "read_board", "borrow"})
    done.file.close()
