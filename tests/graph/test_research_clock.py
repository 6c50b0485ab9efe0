"""Research time: rounds are slices of it, the same for everybody, and nobody gets more than the budget."""

import math

import pytest
from team_runs import Run, structures

from aarlab.memory.events import Experiment, ModelCall, RoundStarted, ToolExecution


def slice_end(run: Run, round: int) -> float:
    budget = run.scenario.budget
    return min(round * budget.round_hours, budget.hours)


@structures()
def test_rounds_cut_the_budget_into_equal_slices(run: Run) -> None:
    budget = run.scenario.budget
    rounds = [(entry.round, entry.event.end_hours) for entry in run.placed(RoundStarted)]
    assert rounds == [(i, slice_end(run, i)) for i in range(1, math.ceil(budget.hours / budget.round_hours) + 1)]


@structures()
def test_nobody_works_longer_than_the_budget_by_more_than_one_step(run: Run) -> None:
    longest = max(run.scenario.costs.model_dump().values())
    for name in run.researchers:
        assert max(e.hours for e in run.entries if e.stream == name) <= run.scenario.budget.hours + longest


@structures()
def test_no_thought_begins_after_the_end_of_its_slice(run: Run) -> None:
    for name in run.researchers:
        for entry in run.placed(ModelCall, stream=name):
            if entry.event.role == "researcher":
                assert entry.hours - entry.event.cost_hours < slice_end(run, entry.round)


@structures()
def test_what_runs_over_is_taken_off_the_next_slice(run: Run) -> None:
    for name in run.researchers:
        for entry in run.placed(RoundStarted)[1:]:
            before = max(e.hours for e in run.entries if e.stream == name and e.round == entry.round - 1)
            # A slice may begin with what the lab does for a researcher.
            steps = run.placed(ModelCall, ToolExecution, stream=name)
            began = [e.hours - e.event.cost_hours for e in steps if e.round == entry.round and e.event.cost_hours]
            # Whoever rested begins at the end of the last slice, everybody else where it left off.
            left_off = (before, max(before, slice_end(run, entry.round - 1)))
            assert not began or began[0] == pytest.approx(left_off[0]) or began[0] == pytest.approx(left_off[1])


@structures()
def test_time_never_runs_backwards_for_anybody(run: Run) -> None:
    for name in run.researchers:
        own = [(entry.round, entry.hours) for entry in run.entries if entry.stream == name]
        assert own == sorted(own)


@structures()
def test_every_hour_is_accounted_for_by_a_thought_a_tool_or_a_review(run: Run) -> None:
    for name in run.researchers:
        steps = [entry.event for entry in run.placed(ModelCall, ToolExecution, stream=name)]
        spent = math.fsum(step.cost_hours for step in steps if not reviewing(step))
        reviewed = run.scenario.costs.review * sum(reviewing(step) for step in steps)
        last = max(entry.hours for entry in run.entries if entry.stream == name)
        # Whoever rests lets the hours of the slice pass.
        assert spent + reviewed <= last + 1e-6


def reviewing(step: object) -> bool:
    return isinstance(step, ModelCall) and step.role == "reviewer"


@structures()
def test_an_experiment_costs_what_the_table_says_for_its_fidelity(run: Run) -> None:
    costs = run.scenario.costs.model_dump()
    for name in run.researchers:
        charged = [
            e.cost_hours for e in run.of(ToolExecution, stream=name) if e.tool == "run_experiment" and e.cost_hours
        ]
        worlds = {"smoke": 1, "pilot": 1, "full": run.scenario.scoring.full_worlds}
        if run.scenario.structure.evaluation == "open":
            worlds["full"] = 1
        # A method that fails on the first world is run on no other.
        table = [(costs[e.fidelity], worlds[e.fidelity], e.error) for e in run.of(Experiment, stream=name)]
        assert charged == [cost if error is None else cost / count for cost, count, error in table]
