"""Measures of coordination by arm and task, some of them relative to a single agent (Kim et al. 2025, section 4.1)."""

from collections.abc import Mapping, Sequence

from aarlab.graph.run.measure_registry import value_at
from aarlab.report.arm_runs import ArmRuns, mean_of_known, pooled_share
from aarlab.report.parts import Cell, Table

_MEANS = ("model_calls", "message_density", "redundancy", "vendi_score", "convergence_hours", "merged_share")
"""Measures whose mean over runs is shown."""
COLUMNS: Mapping[str, str] = {
    "turns": "turns",
    "message_density": "messages per turn",
    "overhead_percent": "overhead, %",
    "efficiency": "efficiency",
    "failed_experiment_share": "failed experiments",
    "error_amplification": "error amplification",
    "redundancy": "redundancy",
    "vendi_score": "Vendi score",
    "convergence_hours": "hours to convergence",
    "merged_share": "merged",
}
"""Label of each column for readers, by its name in the CSV file."""

_Values = Mapping[str, float | None]


def single_agent(arm: ArmRuns, arms: Sequence[ArmRuns]) -> ArmRuns | None:
    """Return the arm of one researcher in the same environment, with which an arm is compared; None without one.

    The environment is the configuration without team, structure and budget. Of several arms, the first one whose
    budget is that of the whole team counts, else the first.
    """
    alone = [
        other
        for other in arms
        if not other.control
        and other.scenario.get("team", {}).get("researchers") == 1
        and _environment(other) == _environment(arm)
    ]
    return next((other for other in alone if other.budget_hours == arm.budget_hours), next(iter(alone), None))


def _environment(arm: ArmRuns) -> dict[str, object]:
    return {name: value for name, value in arm.scenario.items() if name not in ("team", "structure", "budget")}


def coordination_table(arms: Sequence[ArmRuns]) -> Table:
    """Return the measures of each arm over all tasks, then by task if there are several; they are means over runs.

    `overhead_percent`, `efficiency` and `error_amplification` are relative to the arm `single`, and None without one.
    Over tasks each task has the same weight.
    """
    singles = {arm.name: single_agent(arm, arms) for arm in arms}
    against = {name: None if single is None else single.name for name, single in singles.items()}
    found = {
        arm.name: {task: _on_task(arm, singles[arm.name], task) for task in arm.tasks if arm.on(task).done}
        for arm in arms
    }
    overall = [(name, "all", against[name], *_cells(list(d.values()))) for name, d in found.items() if d]
    tasks = dict.fromkeys(task for by_task in found.values() for task in by_task)
    several = tasks if len(tasks) > 1 else ()
    rows = [
        (name, task, against[name], *_cells([by_task[task]]))
        for task in several
        for name, by_task in found.items()
        if task in by_task
    ]
    # Records of older versions and of other programs have none of these measures.
    known = [row for row in (*overall, *rows) if any(cell is not None for cell in row[3:])]
    return Table("coordination", "Coordination, means per run", ("arm", "task", "single", *COLUMNS), tuple(known))


def _cells(by_task: Sequence[_Values]) -> list[Cell]:
    return [mean_of_known([values[column] for values in by_task]) for column in COLUMNS]


def _on_task(arm: ArmRuns, single: ArmRuns | None, task: str) -> _Values:
    own = _means(arm.on(task))
    turns, score, failed = own.pop("model_calls"), own.pop("score"), own["failed_experiment_share"]
    alone = _means(single.on(task)) if single is not None and single.on(task).done else {}
    relative_turns = _ratio(turns, alone.get("model_calls"))
    return {
        "turns": turns,
        **own,
        "overhead_percent": None if relative_turns is None else 100 * (relative_turns - 1),
        "efficiency": _ratio(score, relative_turns),
        "error_amplification": _ratio(failed, alone.get("failed_experiment_share")),
    }


def _means(arm: ArmRuns) -> dict[str, float | None]:
    """Return means over the runs of an arm; failed experiments as a share of those of all runs."""
    summaries = [record.summary for record in arm.done]
    means = {measure: mean_of_known([value_at(summary, measure) for summary in summaries]) for measure in _MEANS}
    score = mean_of_known([value_at(summary, "heldout.pgr") for summary in summaries])
    return {**means, "failed_experiment_share": pooled_share(summaries, "failed_experiment_share"), "score": score}


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None
