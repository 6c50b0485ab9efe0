"""Evaluation modes: guarded (fresh worlds), capped (few full experiments), open (one fixed world)."""

import asyncio
from collections.abc import Callable

import pytest
from tool_drivers import VANILLA, TeamDriver

from aarlab.memory.events import Experiment, Fidelity
from aarlab.tools.evaluator import EvaluationResult, Evaluator
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL, EvaluationMode, experiment_tool

FAILING = "def method(world): raise ValueError('out of ideas')"
RAISES_WORLD_SEED = "def method(world): raise ValueError(f'this is world {world.seed}')"
SCORED: list[Fidelity] = ["pilot", "full"]


def experiment(evaluator: Evaluator, code: str, fidelity: Fidelity, name: str = "r1.e1") -> EvaluationResult:
    return asyncio.run(evaluator.run_experiment(code, fidelity, name=name))


# -- capped ---------------------------------------------------------------------------------------------------------


def test_full_experiments_above_the_cap_are_refused(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.session.full_experiment_cap = 2
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    reported = [r1.call_tool("run_experiment", path="method.py", fidelity="full") for _ in range(2)]
    assert [answer["full_experiments_left"] for answer in reported] == [1, 0]
    hours = r1.session.hours
    assert "your 2 full experiments" in r1.refused("run_experiment", path="method.py", fidelity="full")
    assert r1.session.hours == hours
    assert len(r1.events(Experiment)) == 2
    assert r1.call_tool("run_experiment", path="method.py", fidelity="pilot")["pgr"] is not None


def test_only_scored_full_experiments_count_against_the_cap(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.session.full_experiment_cap = 1
    r1.run(VANILLA, "pilot")
    r1.call_tool("write_file", path="method.py", text=FAILING)
    r1.refused("run_experiment", path="method.py", fidelity="full")
    r1.run(VANILLA, "full")
    assert r1.session.full_experiments_left == 0


def test_each_researcher_has_its_own_cap(team: TeamDriver) -> None:
    for name in ("r1", "r2"):
        team[name].session.full_experiment_cap = 1
        team[name].run(VANILLA, "full")


# -- open -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fixed_world(make_evaluator: Callable[..., Evaluator]) -> Evaluator:
    """The evaluator of a run in evaluation mode `open`."""
    return make_evaluator(run_seed=7, fixed_world=True)


def test_open_mode_scores_every_experiment_on_one_world(fixed_world: Evaluator) -> None:
    errors = {
        experiment(fixed_world, RAISES_WORLD_SEED, fidelity, f"r1.e{i}").error for i in (1, 2) for fidelity in SCORED
    }
    assert len(errors) == 1


def test_open_mode_reports_the_exact_score(fixed_world: Evaluator) -> None:
    reported = experiment(fixed_world, VANILLA, "full").measurement
    assert reported is not None
    assert (reported.worlds, reported.se) == (1, None)
    gap = reported.strong_acc - reported.weak_acc
    assert reported.pgr == pytest.approx((reported.transfer_acc - reported.weak_acc) / gap, abs=2e-3)
    assert reported.pgr != round(reported.pgr, 6)


def test_open_mode_pilot_and_full_scores_are_equal(fixed_world: Evaluator) -> None:
    pilot, full = (experiment(fixed_world, VANILLA, fidelity, f"r1.e{i}") for i, fidelity in enumerate(SCORED))
    assert pilot.measurement is not None
    assert full.measurement is not None
    assert pilot.measurement.pgr == full.measurement.pgr


def test_open_mode_does_not_change_panels(fixed_world: Evaluator, evaluator: Evaluator) -> None:
    guarded, opened = (asyncio.run(e.score_on_panel({"m": VANILLA}, "heldout", 2)) for e in (evaluator, fixed_world))
    assert guarded == opened


# -- descriptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["guarded", "capped", "open"])
def test_the_mode_changes_the_description_not_the_schema(mode: EvaluationMode) -> None:
    tool = experiment_tool(mode, full_experiment_cap=3)
    assert (tool.name, tool.spec.schema) == (EXPERIMENT_TOOL.name, EXPERIMENT_TOOL.spec.schema)
    assert ("fresh worlds" in tool.description) == (mode != "open")
    assert ("3 full experiments" in tool.description) == (mode == "capped")
