"""Checks of the finalists at the close: retuned, replicated and scored on other tasks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from team_runs import TINY, scenario

from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.agents.models.simulated.simulated_replicator import described_recipe
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.generalisation import failures, side_by_side
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.memory.events import Evaluation, LogEntry, ModelCall, RunClosed
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import baselines
from aarlab.scenarios.known_methods import normal_form, same_method
from aarlab.scenarios.method_variants import components, retuned, without
from aarlab.scenarios.toolkit.operators import catalogue
from aarlab.scenarios.toolkit.pipeline import parse_pipeline
from aarlab.view.single_page import single_page

CHECKED = {
    "team": {"researchers": 1},
    "budget": {"hours": 1.5, "round_hours": 1.5},
    "structure": {"opening": "none"},
    "close": {"retune": 2, "replicate": True},
    "scoring": {**TINY["scoring"], "finalists": 1, "transfer_worlds": 2, "transfer_tasks": ["math"]},
}


class Interrupted(Exception):
    """Raised by a test to interrupt a run."""


def stop_at_retuned_transfer(entry: LogEntry) -> None:
    """Interrupt a run when a retuned method is scored on another task."""
    event = entry.event
    if isinstance(event, Evaluation) and event.panel == "transfer" and event.subject.startswith("retuned:"):
        raise Interrupted


@pytest.fixture(scope="module")
def checked(made_once: Callable[..., Path]) -> Iterator[tuple[RunReader, dict[str, Any]]]:
    """Return a run whose finalist was checked; it was interrupted in the middle of the checks and resumed."""

    def make(folder: Path) -> None:
        with pytest.raises(Interrupted):
            run_scenario(scenario(**CHECKED), folder / "run.db", listeners=[stop_at_retuned_transfer])
        (folder / "summary.json").write_text(json.dumps(resume_run(folder / "run.db")))

    folder = made_once("checked", make)
    with RunReader.open(folder / "run.db") as file:
        yield file, json.loads((folder / "summary.json").read_text())


def evaluations(file: RunReader, panel: str) -> dict[tuple[str, str | None], Evaluation]:
    """Return the evaluations of a panel by subject and task."""
    events = (entry.event for entry in file.entries(Evaluation))
    return {(event.subject, event.task): event for event in events if event.panel == panel}


def test_resumed_checks_replay_to_the_same_digest(checked: tuple[RunReader, dict[str, Any]]) -> None:
    assert replay_run(checked[0].path).digest == checked[1]["digest"]


def test_page_of_a_run_without_a_server_has_the_scores(checked: tuple[RunReader, dict[str, Any]]) -> None:
    file, summary = checked
    page = single_page(file.path, conversations=False)
    table = json.loads(page.partition('id="recorded">')[2].partition("</script>")[0])["measures"]["generalisation"]
    best = summary["best"]
    rows = side_by_side(summary["generalisation"], best["finding"], best["development_pgr"])
    assert [tuple(row) for row in table["rows"]] == [(best["finding"], *row) for row in rows]


def test_settings_are_chosen_on_worlds_that_score_nothing(checked: tuple[RunReader, dict[str, Any]]) -> None:
    file, summary = checked
    best, tuning = summary["best"]["finding"], evaluations(file, "tuning")
    for task, panel in ((None, "heldout"), (None, "shifted"), ("math", "transfer")):
        own = {subject: event for (subject, its_task), event in tuning.items() if its_task == task}
        assert len(own) == 3
        chosen = max(own.values(), key=lambda event: event.pgr or -9.0)
        assert evaluations(file, panel)[f"retuned:{best}", task].code == chosen.code


def test_the_replication_comes_from_the_text_alone(checked: tuple[RunReader, dict[str, Any]]) -> None:
    file, summary = checked
    best = summary["best"]["finding"]
    (asked,) = (entry for entry in file.entries(ModelCall) if entry.event.role == "replicator")
    assert (asked.stream, asked.event.model) == (f"replicator {best}", "simulated/replicator")
    heldout = evaluations(file, "heldout")
    original, replicated = heldout[best, None], heldout[f"replicated:{best}", None]
    assert same_method(file.text(original.code), file.text(replicated.code))
    assert replicated.pgr_by_world == original.pgr_by_world


def test_each_setting_and_replication_costs_a_full_experiment(checked: tuple[RunReader, dict[str, Any]]) -> None:
    file, _ = checked
    (closed,) = (entry.event for entry in file.entries(RunClosed))
    scored = 1 * TINY["scoring"]["final_worlds"] / TINY["scoring"]["full_worlds"]
    assert closed.cost_hours == (scored + 2 * 2 + 1) * TINY["costs"]["full"]


def test_the_table_names_what_is_below_the_baseline(checked: tuple[RunReader, dict[str, Any]]) -> None:
    rows, best = checked[1]["generalisation"], checked[1]["best"]["finding"]
    table = {row[0]: row for row in side_by_side(rows, best, checked[1]["best"]["development_pgr"])}
    assert list(table) == ["development", "held-out", "shifted", "math", "replicated"]
    assert all(row["drop"]["low"] < row["drop"]["mean"] < row["drop"]["high"] for row in rows)
    low = {**rows[0], "pgr": rows[0]["baseline"] - 0.3}
    assert f"{best} (fixed) is below the best published method on held-out" in failures([low])[0]


@pytest.mark.parametrize("name", ["coherence_chain", "confident_only"])
def test_variants_are_pipelines_with_valid_settings(name: str) -> None:
    code, rng = baselines.load()[name].code, np.random.default_rng(3)
    parts = components(code)
    assert normal_form(without(code, range(len(parts)))) == normal_form(baselines.load()["vanilla_soft"].code)
    assert [part.operator for part in components(without(code, {0}))] == [part.operator for part in parts[1:]]
    for _ in range(20):
        steps = parse_pipeline(retuned(code, rng))
        assert steps is not None
        specs = {entry["name"]: entry["settings"] for entry in catalogue()}
        for step in steps:
            for setting, value in step.settings.items():
                allowed = specs[step.operator][setting]
                assert (
                    value in allowed["options"] if "options" in allowed else allowed["low"] <= value <= allowed["high"]
                )


def test_a_text_without_a_method_is_not_replicated() -> None:
    space = SearchSpace(catalogue())
    assert described_recipe("PGR 0.97, verified on all held-out worlds.", space) == ()
    spelled = described_recipe("I bag(members=4) it: harden() > bag(members=8). PGR 0.4.", space)
    assert [step.operator for step in spelled] == ["bag"]
