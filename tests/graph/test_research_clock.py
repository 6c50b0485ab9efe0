"""Research hours: rounds are equal slices for all researchers, within the budget."""

import math

import pytest
from team_runs import Run, structures

from aarlab.memory.events import Experiment, ModelCall, RoundStarted, TaskAssigned, ToolExecution


def slice_end(run: Run, round: int) -> float:
    budget = run.scenario.budget
    return min(round * budget.round_hours, budget.hours)


@structures()
def test_rounds_are_equal_slices_of_the_budget(run: Run) -> None:
    budget = run.scenario.budget
    rounds = [(entry.round, entry.event.end_hours) for entry in run.entries_of(RoundStarted)]
    assert rounds == [(i, slice_end(run, i)) for i in range(1, math.ceil(budget.hours / budget.round_hours) + 1)]


@structures()
def test_no_researcher_exceeds_the_budget_by_more_than_one_step(run: Run) -> None:
    longest = max(run.scenario.costs.model_dump().values())
    for name in run.researchers:
        assert max(e.hours for e in run.entries if e.stream == name) <= run.scenario.budget.hours + longest


@structures()
def test_an_experiment_is_recorded_at_the_hour_of_its_end(run: Run) -> None:
    for name in run.researchers:
        experiments = run.entries_of(Experiment, stream=name)
        charged = [e for e in run.entries_of(ToolExecution, stream=name) if e.event.tool == "run_experiment"]
        ends = [entry.hours for entry in charged if entry.event.cost_hours]
        assert [entry.hours for entry in experiments] == pytest.approx(ends)


@structures()
def test_no_call_starts_after_the_end_of_its_slice(run: Run) -> None:
    for name in run.researchers:
        for entry in run.entries_of(ModelCall, stream=name):
            if entry.event.role == "researcher":
                assert entry.hours - entry.event.cost_hours < slice_end(run, entry.round)


@structures()
def test_overrun_is_deducted_from_the_next_slice(run: Run) -> None:
    for name in run.researchers:
        for entry in run.entries_of(RoundStarted)[1:]:
            before = max(e.hours for e in run.entries if e.stream == name and e.round == entry.round - 1)
            # A slice may begin with a step that the structure executes, or with a task.
            steps = run.entries_of(ModelCall, ToolExecution, TaskAssigned, stream=name)
            starts = [e.hours - e.event.cost_hours for e in steps if e.round == entry.round and e.event.cost_hours]
            # After waiting, a researcher starts at the end of the last slice, otherwise at its own last hour.
            expected = (before, max(before, slice_end(run, entry.round - 1)))
            assert not starts or starts[0] == pytest.approx(expected[0]) or starts[0] == pytest.approx(expected[1])


@structures()
def test_research_hours_never_decrease(run: Run) -> None:
    for name in run.researchers:
        own = [(entry.round, entry.hours) for entry in run.entries if entry.stream == name]
        assert own == sorted(own)


@structures()
def test_recorded_costs_do_not_exceed_the_hours_used(run: Run) -> None:
    for name in run.researchers:
        steps = [entry.event for entry in run.entries_of(ModelCall, ToolExecution, stream=name)]
        spent = math.fsum(step.cost_hours for step in steps if not is_review(step))
        reviewed = run.scenario.costs.review * sum(is_review(step) for step in steps)
        last = max(entry.hours for entry in run.entries if entry.stream == name)
        # Waiting uses the remaining hours of a slice without a cost.
        assert spent + reviewed <= last + 1e-6


def is_review(step: object) -> bool:
    return isinstance(step, ModelCall) and step.role == "reviewer"


@structures()
def test_experiments_cost_hours_by_fidelity(run: Run) -> None:
    costs = run.scenario.costs.model_dump()
    for name in run.researchers:
        charged = [
            e.cost_hours for e in run.of(ToolExecution, stream=name) if e.tool == "run_experiment" and e.cost_hours
        ]
        worlds = {"smoke": 1, "pilot": run.scenario.scoring.pilot_worlds, "full": run.scenario.scoring.full_worlds}
        if run.scenario.structure.evaluation == "open":
            worlds["full"] = 1
        # A method that fails on its first world is not run on the others.
        table = [(costs[e.fidelity], worlds[e.fidelity], e.error) for e in run.of(Experiment, stream=name)]
        assert charged == [cost if error is None else cost / count for cost, count, error in table]
