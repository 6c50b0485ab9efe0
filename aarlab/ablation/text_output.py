"""Screen and JSON output of `aarlab ablate`: the plan before it starts, and the primary measure by arm."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aarlab.ablation.ablation_plan import AblationPlan, PlannedArm, PlannedRun, seeds_of
from aarlab.ablation.advance_checks import evidence_note, missing_requirements, settings_without_effect
from aarlab.ablation.execution import AblationState
from aarlab.ablation.execution_options import Part, Shard
from aarlab.ablation.forecast import Work, range_text, time_text, whole_runs
from aarlab.cli.formatting import counted
from aarlab.config.type_descriptions import value_text
from aarlab.graph.run.measure_registry import REFERENCES, common_score_name, find_measure, measure_label, value_at


def plan_json(state: AblationState, *, jobs: int | None) -> dict[str, Any]:
    """Return the plan and the number of finished runs, as `--dry-run --json` prints them."""
    plan = state.plan
    return {
        "status": "planned",
        "ablation": plan.ablation.model_dump(mode="json"),
        "folder": str(state.folder.root),
        "arms": [{"name": arm.name, "sets": dict(arm.settings), "hours": _hours(arm)} for arm in plan.arms],
        "runs": {
            "planned": len(plan.runs) + len(plan.sensitivity_runs), "in_this_shard": len(state.runs),
            "done": len(state.done),
        },
        "parts": [
            {"part": name, "runs": len(runs), "done": sum(run.stem in state.done for run in runs),
             "seconds": state.forecast.seconds(_waiting(runs, state), jobs or 1),
             "cost_usd": state.forecast.cost(_waiting(runs, state))}
            for name, runs in _parts(state).items()
        ],
        "jobs": jobs,
        "seconds": state.forecast.seconds(whole_runs(state.waiting), jobs or 1),
        "cost_usd": state.forecast.cost(whole_runs(state.waiting)),
        "detectable_difference": planned_detectable_difference(plan),
        "missing": [{"model": fault.where, "problem": fault.problem} for fault in missing_requirements(state.waiting)],
        "without_effect": settings_without_effect(plan),
        "evidence_note": evidence_note(plan),
    }  # fmt: skip


def plan_text(state: AblationState, *, jobs: int | None) -> RenderableType:
    """Return the arms with their settings, the number of runs, and their estimated time and cost.

    Args:
        state: The ablation.
        jobs: Number of parallel runs; None: the number of cores of a cluster.
    """
    plan = state.plan
    head = Text.assemble((f"{plan.ablation.name}: ", "bold"), plan.ablation.question or "no question")
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", style="cyan")
    table.add_column("sets")
    for arm in plan.arms:
        sets = ", ".join(f"{path}: {_value(value)}" for path, value in arm.settings.items())
        table.add_row(arm.name, sets or Text("nothing (the scenario itself)", style="dim"))
    grid = Table.grid(padding=(0, 2))
    for label, line in _plan_lines(state, jobs).items():
        grid.add_row(Text(label, style="dim"), line)
    notes = [f"{fault.where}: {fault.problem}" for fault in missing_requirements(state.waiting)]
    notes += [*settings_without_effect(plan), *filter(None, [evidence_note(plan)])]
    return Group(head, table, grid, *_parts_table(state, jobs), *(Text(f"! {note}", style="yellow") for note in notes))


def _parts_table(state: AblationState, jobs: int | None) -> list[RenderableType]:
    """Return the number of runs, the time and the cost of each task and of the sensitivity settings."""
    parts = _parts(state)
    if len(parts) == 1:
        return []
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("part", style="cyan")
    for column in ("runs", "done", "time left", "cost left"):
        table.add_column(column, justify="right")
    for name, runs in parts.items():
        waiting = _waiting(runs, state)
        seconds, cost = state.forecast.seconds(waiting, jobs or 1), state.forecast.cost(waiting)
        time = "unknown" if seconds is None else time_text(seconds) if waiting else "none"
        usd = "unknown" if cost is None else range_text(cost)
        table.add_row(name, str(len(runs)), str(len(runs) - len(waiting)), time, usd)
    return [table]


def _parts(state: AblationState) -> dict[str, list[PlannedRun]]:
    """Return the runs of this process by task, and those of the sensitivity settings."""
    parts: dict[str, list[PlannedRun]] = {}
    for run in state.runs:
        parts.setdefault("sensitivity" if run.setting else f"task {run.task}" if run.task else "runs", []).append(run)
    return parts


def _waiting(runs: Sequence[PlannedRun], state: AblationState) -> Work:
    return whole_runs(run for run in runs if run.stem not in state.done)


def _plan_lines(state: AblationState, jobs: int | None) -> dict[str, str]:
    """Return the lines below the arms by label."""
    plan, ablation = state.plan, state.plan.ablation
    seeds = seeds_of(ablation)
    factors = [counted(len(plan.arms), "arm")]
    factors += [counted(len(plan.tasks), "task")] if ablation.tasks else []
    factors += [counted(len(seeds), "seed")]
    runs = f"{' x '.join(factors)} = {counted(len(plan.runs), 'run')}"
    total = len(plan.runs) + len(plan.sensitivity_runs)
    if len(state.runs) < total:
        runs += f", {len(state.runs)} of all {total} in this part or shard"
    hours = sorted({_hours(arm) for arm in plan.arms})
    sensitivity = {"sensitivity": _sensitivity_text(plan)} if plan.settings else {}
    from_ = f" (seeds {seeds[0]} to {seeds[-1]})" if ablation.seeds_from != 1 else ""
    return {
        "runs": f"{runs}, {len(state.done)} done{from_}",
        **sensitivity,
        "compute": f"{hours[0]:g} research hours of the team in each run"
        if len(hours) == 1
        else f"{hours[0]:g} to {hours[-1]:g} research hours: the arms do not have equal compute",
        "measures": "; ".join(_measure_label(plan, measure) for measure in ablation.measures),
        "comparisons": _comparisons(plan),
        "detectable difference": detectable_text(plan),
        "time": _time(state, jobs),
        "cost": cost_text(state),
        "folder": str(state.folder.root),
    }


def _sensitivity_text(plan: AblationPlan) -> str:
    """Return the number of settings and of their runs."""
    runs, more = plan.settings[0].runs, len(plan.sensitivity_runs)
    factors = [
        counted(len({run.arm for run in runs}), "arm"),
        *([counted(len({run.task for run in runs}), "task")] if runs[0].task else []),
        counted(len({run.seed for run in runs}), "seed"),
    ]
    return f"{counted(len(plan.settings), 'setting')} x {' x '.join(factors)}: {counted(more, 'more run')}"


def planned_detectable_difference(plan: AblationPlan) -> float | None:
    """Return the detectable difference at 80 % power, two-sided 5 %, for the typical SD of the primary measure.

    None for a single seed, or if no typical SD is known.
    """
    from aarlab.statistics import detectable_difference

    measure, seeds = find_measure(plan.ablation.measures[0]), len(seeds_of(plan.ablation))
    if seeds < 2 or measure is None or measure.typical_sd is None:
        return None
    # With several tasks the SD of a mean over tasks is smaller by an unknown factor: a seed acts on all tasks.
    return detectable_difference(seeds, measure.typical_sd * 2**0.5, paired=False)


def detectable_text(plan: AblationPlan) -> str:
    """Return the detectable difference as text."""
    detectable = planned_detectable_difference(plan)
    if detectable is None:
        return "unknown before there are runs (then: aarlab power DIR)"
    return f"{detectable:.2f} at 80 % power (other numbers of seeds: aarlab power)"


def _comparisons(plan: AblationPlan) -> str:
    pairs = plan.ablation.comparisons or []
    first = plan.arms[0].name
    if pairs == [[arm.name, first] for arm in plan.arms[1:]]:
        return f"every arm with {first}"
    return "; ".join(f"{arm} with {other}" for arm, other in pairs) or "none"


def _time(state: AblationState, jobs: int | None) -> str:
    seconds = state.forecast.seconds(whole_runs(state.waiting), jobs or 1)
    if not state.waiting:
        return "none: all runs are done"
    if seconds is None:
        return "unknown before the first run is done"
    basis = "on a single core" if jobs is None else f"with --jobs {jobs}"
    return f"about {time_text(seconds)} {basis}, from finished runs"


def cost_text(state: AblationState) -> str:
    """Return the estimated cost of the waiting runs and the limits of the ablation as text."""
    ablation, cost = state.plan.ablation, state.forecast.cost(whole_runs(state.waiting))
    limits = [f"${ablation.budget_usd:g}"] if ablation.budget_usd is not None else []
    limits += [f"{ablation.budget_tokens:,} tokens"] if ablation.budget_tokens is not None else []
    at_most = f"; at most {' and '.join(limits)} for all runs together" if limits else ""
    if cost is None:
        names = dict.fromkeys(
            name
            for arm in state.plan.arms
            for name in arm.scenario.models_used
            if arm.scenario.live.price(name) is None
        )
        return f"unknown before a run of each arm is done; no price is known: {', '.join(names)}{at_most}"
    if cost == (0.0, 0.0):
        return f"$0.00{at_most}"
    basis = "from finished runs" if cost[0] == cost[1] else "if earlier messages are read from the provider's cache"
    return f"about {range_text(cost)}, {basis}{at_most}"


def table_json(state: AblationState) -> list[dict[str, Any]]:
    """Return the primary measure by arm and task: number of runs, mean and standard error over runs."""
    primary, rows = state.plan.ablation.measures[0], []
    for task in state.plan.tasks:
        rows += [
            {"name": arm.name, "task": task or None, "n": len(values), "measure": primary, "mean": _mean(values),
             "se": _se(values)}
            for arm, values in _by_arm(state, primary, task)
        ]  # fmt: skip
    return rows


def _measure_label(plan: AblationPlan, measure: str) -> str:
    """Return the label of a measure with the name of the tasks' score."""
    scenarios = (scenario for arm in plan.arms for scenario in arm.scenarios.values())
    return measure_label(measure, common_score_name(scenario.task.score_name for scenario in scenarios))


def table_text(state: AblationState) -> RenderableType:
    """Return the primary measure by arm as a table, followed by the reference methods."""
    primary = state.plan.ablation.measures[0]
    if len(state.plan.tasks) > 1:
        return _table_by_task(state, primary)
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", style="cyan")
    table.add_column("n", justify="right")
    table.add_column(_measure_label(state.plan, primary), justify="right")
    table.add_column("SE", justify="right")
    task = state.plan.tasks[0]
    for arm, values in _by_arm(state, primary, task):
        table.add_row(arm.name, str(len(values)), _decimal(_mean(values)), _decimal(_se(values)))
    if primary == "heldout.pgr":
        for name, label in REFERENCES.items():
            scores = _reference_scores(state, name, task)
            table.add_row(Text(label, style="dim"), str(len(scores)), _decimal(_mean(scores)), "")
    return Group(table, *_without_measure(state, primary))


def _table_by_task(state: AblationState, measure: str) -> RenderableType:
    """Return the mean of a measure by arm and task with its standard error."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", style="cyan")
    for task in state.plan.tasks:
        table.add_column(task, justify="right")
    by_task = [{arm.name: values for arm, values in _by_arm(state, measure, task)} for task in state.plan.tasks]
    for arm in state.plan.arms:
        cells = [(_decimal(_mean(values[arm.name])), _se(values[arm.name])) for values in by_task]
        table.add_row(arm.name, *(mean if se is None else f"{mean} ± {se:.3f}" for mean, se in cells))
    if measure == "heldout.pgr":
        for name, label in REFERENCES.items():
            means = (_decimal(_mean(_reference_scores(state, name, task))) for task in state.plan.tasks)
            table.add_row(Text(label, style="dim"), *means)
    note = Text(f"{_measure_label(state.plan, measure)}, mean ± standard error over seeds", style="dim")
    return Group(table, note, *_without_measure(state, measure))


def _reference_scores(state: AblationState, reference: str, task: str) -> list[float]:
    """Return the held-out PGR of a reference method in all finished runs on a task."""
    return [value for _, values in _by_arm(state, f"references.{reference}.pgr", task) for value in values]


def _without_measure(state: AblationState, measure: str) -> list[Text]:
    """Return a note on the finished runs of the comparison that lack a measure; empty if there are none."""
    done = sum(run.stem in state.done for run in state.runs if not run.setting)
    known = sum(len(values) for task in state.plan.tasks for _, values in _by_arm(state, measure, task))
    if done == known:
        return []
    note = (
        f"{counted(done - known, 'finished run')} without this measure, for example because the team posted no result."
    )
    return [Text(note, style="yellow")]


def _by_arm(state: AblationState, measure: str, task: str) -> list[tuple[PlannedArm, list[float]]]:
    """Return a measure of the finished runs of the comparison on one task, by arm."""
    values: dict[str, list[float]] = {arm.name: [] for arm in state.plan.arms}
    for run in state.runs:
        if run.setting or run.task != task:
            continue
        info = state.done.get(run.stem)
        value = value_at(info.summary, measure) if info is not None and isinstance(info.summary, Mapping) else None
        if value is not None:
            values[run.arm].append(value)
    return [(arm, values[arm.name]) for arm in state.plan.arms]


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _se(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _hours(arm: PlannedArm) -> float:
    """Return the research hours of an arm's team."""
    return arm.scenario.budget.hours * arm.scenario.team.researchers


def _value(value: Any) -> str:
    return str(value) if isinstance(value, str) else value_text(value)


def remaining(state: AblationState, part: Part = "all") -> int:
    """Return the number of runs of the ablation, or of a part of it, in all shards, that are not finished here."""
    return sum(not state.folder.finished_path(run).exists() for run in state.plan.runs_of(Shard(), part))
