"""The shifted and transfer panels of the close."""

from pathlib import Path

import pytest
from team_runs import TINY, Run, run, scenario, structures

from aarlab.memory.events import Evaluation, ReferenceChosen, RunClosed
from aarlab.scenarios import task_registry


def entries(run: Run, panel: str) -> list[Evaluation]:
    """Return the evaluations of a panel."""
    return [event for event in run.of(Evaluation) if event.panel == panel]


@structures()
def test_shifted_panel_scores_winner_and_references(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    shifted = {entry.subject: entry for entry in entries(run, "shifted")}
    assert shifted.keys() == {closed.best, *(event.method for event in run.of(ReferenceChosen))} - {None}
    if closed.best is None:
        assert run.summary["shifted"] is None
        return
    best = shifted[closed.best]
    assert best.worlds == run.scenario.scoring.shifted_worlds
    assert run.summary["shifted"] == {"pgr": best.pgr, "se": best.se, "worlds": best.worlds}


@structures()
def test_disabled_transfer_is_empty_in_the_summary(run: Run) -> None:
    assert entries(run, "transfer") == []
    assert run.summary["transfer"] == {}


@pytest.mark.long
def test_winner_is_scored_on_every_other_task(tmp_path: Path) -> None:
    scoring = {**TINY["scoring"], "shifted_worlds": 0, "transfer_worlds": 2}
    progress: list[str] = []
    done = run(scenario(scoring=scoring), tmp_path / "run.db", progress=lambda what, share: progress.append(what))
    (closed,) = done.of(RunClosed)
    by_task = {entry.task: entry for entry in entries(done, "transfer")}
    assert by_task.keys() == set(task_registry.SUPERVISION_TASKS) - {"chat"}
    assert {entry.subject for entry in by_task.values()} == {closed.best}
    expected = {task: {"pgr": entry.pgr, "se": entry.se, "worlds": 2} for task, entry in by_task.items()}
    assert done.summary["transfer"] == expected
    assert (done.summary["shifted"], entries(done, "shifted")) == (None, [])
    assert all(any(task in what for what in progress) for task in by_task)
    done.file.close()
