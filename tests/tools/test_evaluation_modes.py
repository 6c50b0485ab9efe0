"""Modes of evaluation: fresh worlds by default, few of them under a cap, one fixed world in the open."""

import asyncio
from collections.abc import Callable

import pytest
from lab_hands import VANILLA, Lab

from aarlab.memory.events import Experiment, Fidelity
from aarlab.tools.evaluator import Evaluator, Trial
from aarlab.tools.experiment import EXPERIMENT_TOOL, EvaluationMode, experiment_tool

FAILING = "def method(world): raise ValueError('out of ideas')"
TELLTALE = "def method(world): raise ValueError(f'this is world {world.seed}')"
SCORED: list[Fidelity] = ["pilot", "full"]


def experiment(evaluator: Evaluator, code: str, fidelity: Fidelity, name: str = "r1.e1") -> Trial:
    return asyncio.run(evaluator.experiment(code, fidelity, name=name))


# -- capped ---------------------------------------------------------------------------------------------------------


def test_a_researcher_under_a_cap_may_have_so_many_full_experiments_scored_and_no_more(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.bench.cap = 2
    r1.use("write_file", path="method.py", text=VANILLA)
    told = [r1.use("run_experiment", path="method.py", fidelity="full") for _ in range(2)]
    assert [answer["full_experiments_left"] for answer in told] == [1, 0]
    hours = r1.bench.hours
    assert "2 full experiments" in r1.refused("run_experiment", path="method.py", fidelity="full")
    assert r1.bench.hours == hours
    assert len(r1.events(Experiment)) == 2
    assert r1.use("run_experiment", path="method.py", fidelity="pilot")["pgr"] is not None


def test_only_full_experiments_that_were_scored_count_against_the_cap(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.bench.cap = 1
    r1.run(VANILLA, "pilot")
    r1.use("write_file", path="method.py", text=FAILING)
    r1.refused("run_experiment", path="method.py", fidelity="full")
    r1.run(VANILLA, "full")
    assert r1.bench.full_experiments_left == 0


def test_a_cap_is_each_researchers_own(lab: Lab) -> None:
    for name in ("r1", "r2"):
        lab[name].bench.cap = 1
        lab[name].run(VANILLA, "full")


# -- open -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def open_book(make_evaluator: Callable[..., Evaluator]) -> Evaluator:
    """The evaluator of a run in which the book is open."""
    return make_evaluator(run_seed=7, open_book=True)


def test_in_the_open_every_experiment_is_scored_on_one_and_the_same_world(open_book: Evaluator) -> None:
    errors = {experiment(open_book, TELLTALE, fidelity, f"r1.e{i}").error for i in (1, 2) for fidelity in SCORED}
    assert len(errors) == 1


def test_in_the_open_the_score_is_exact(open_book: Evaluator) -> None:
    told = experiment(open_book, VANILLA, "full").measurement
    assert told is not None
    assert (told.worlds, told.se) == (1, None)
    gap = told.strong_acc - told.weak_acc
    assert told.pgr == pytest.approx((told.transfer_acc - told.weak_acc) / gap, abs=2e-3)
    assert told.pgr != round(told.pgr, 6)


def test_in_the_open_a_pilot_tells_what_a_full_experiment_tells(open_book: Evaluator) -> None:
    pilot, full = (experiment(open_book, VANILLA, fidelity, f"r1.e{i}") for i, fidelity in enumerate(SCORED))
    assert pilot.measurement is not None
    assert full.measurement is not None
    assert pilot.measurement.pgr == full.measurement.pgr


def test_panels_are_the_same_in_the_open(open_book: Evaluator, evaluator: Evaluator) -> None:
    closed, opened = (asyncio.run(e.panel({"m": VANILLA}, "heldout", 2)) for e in (evaluator, open_book))
    assert closed == opened


# -- what researchers are told --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["guarded", "capped", "open"])
def test_a_mode_changes_what_the_tool_says_and_not_what_it_takes(mode: EvaluationMode) -> None:
    tool = experiment_tool(mode, cap=3)
    assert (tool.name, tool.spec.schema) == (EXPERIMENT_TOOL.name, EXPERIMENT_TOOL.spec.schema)
    assert ("fresh worlds" in tool.description) == (mode != "open")
    assert ("3 full experiments" in tool.description) == (mode == "capped")
