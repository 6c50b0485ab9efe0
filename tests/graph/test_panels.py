"""What the close adds to the held-out score: the winner on shifted worlds, and on the other tasks."""

from pathlib import Path

import pytest
from team_runs import TINY, Run, run, scenario, structures

from aarlab.memory.events import Evaluation, RunClosed
from aarlab.scenarios import task_registry


def entries(run: Run, panel: str) -> list[Evaluation]:
    """Return the ledger's entries of a panel."""
    return [event for event in run.of(Evaluation) if event.panel == panel]


@structures()
def test_the_winner_and_the_best_baseline_meet_on_the_redrawn_worlds(run: Run) -> None:
    (closed,) = run.of(RunClosed)
    shifted = {entry.subject: entry for entry in entries(run, "shifted")}
    assert shifted.keys() == {closed.best, closed.baseline} - {None}
    if closed.best is None:
        assert run.summary["shifted"] is None
        return
    best = shifted[closed.best]
    assert best.worlds == run.scenario.scoring.shifted_worlds
    assert run.summary["shifted"] == {"pgr": best.pgr, "se": best.se, "worlds": best.worlds}


@structures()
def test_what_a_scenario_leaves_out_is_not_in_the_summary(run: Run) -> None:
    assert entries(run, "transfer") == []
    assert run.summary["transfer"] == {}


@pytest.mark.long
def test_the_winner_is_tried_on_every_other_task(tmp_path: Path) -> None:
    scoring = {**TINY["scoring"], "shifted_worlds": 0, "transfer_worlds": 2}
    waited: list[str] = []
    done = run(scenario(scoring=scoring), tmp_path / "run.db", progress=lambda what, share: waited.append(what))
    (closed,) = done.of(RunClosed)
    tried = {entry.task: entry for entry in entries(done, "transfer")}
    assert tried.keys() == task_registry.BUILT_IN.keys() - {"chat"}
    assert {entry.subject for entry in tried.values()} == {closed.best}
    expected = {task: {"pgr": entry.pgr, "se": entry.se, "worlds": 2} for task, entry in tried.items()}
    assert done.summary["transfer"] == expected
    assert (done.summary["shifted"], entries(done, "shifted")) == (None, [])
    assert all(any(task in what for what in waited) for task in tried)
    done.file.close()
