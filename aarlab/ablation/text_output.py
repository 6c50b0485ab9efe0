"""Screen and JSON output of `aarlab ablate`: the plan before it starts, and the primary measure by arm."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aarlab.ablation.ablation_plan import AblationPlan, PlannedArm
from aarlab.ablation.execution import AblationState
from aarlab.ablation.forecast import range_text, time_text, whole_runs
from aarlab.cli.formatting import counted
from aarlab.config.type_descriptions import value_text
from aarlab.graph.run.measure_registry import find_measure, measure_label, value_at


def plan_json(state: AblationState, *, jobs: int | None) -> dict[str, Any]:
    """Return the plan and the number of finished runs, as `--dry-run --json` prints them."""
    plan = state.plan
    return {
        "status": "planned",
        "ablation": plan.ablation.model_dump(mode="json"),
        "folder": str(state.folder.root),
        "arms": [{"name": arm.name, "sets": dict(arm.settings), "hours": _hours(arm)} for arm in plan.arms],
        "runs": {"planned": len(plan.runs), "in_this_shard": len(state.runs), "done": len(state.done)},
        "jobs": jobs,
        "seconds": state.forecast.seconds(whole_runs(state.waiting), jobs or 1),
        "cost_usd": state.forecast.cost(whole_runs(state.waiting)),
        "detectable_difference": planned_detectable_difference(plan),
    }


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
    return Group(head, table, grid)


def _plan_lines(state: AblationState, jobs: int | None) -> dict[str, str]:
    """Return the lines below the arms by label."""
    plan, ablation = state.plan, state.plan.ablation
    seeds = len(plan.runs) // len(plan.arms)
    runs = f"{counted(len(plan.arms), 'arm')} x {counted(seeds, 'seed')} = {counted(len(plan.runs), 'run')}"
    if len(state.runs) < len(plan.runs):
        runs += f", {len(state.runs)} in this shard"
    hours = sorted({_hours(arm) for arm in plan.arms})
    return {
        "runs": f"{runs}, {len(state.done)} done",
        "compute": f"{hours[0]:g} research hours of the team in each run"
        if len(hours) == 1
        else f"{hours[0]:g} to {hours[-1]:g} research hours: the arms do not have equal compute",
        "measures": "; ".join(measure_label(measure) for measure in ablation.measures),
        "comparisons": _comparisons(plan),
        "detectable difference": detectable_text(plan),
        "time": _time(state, jobs),
        "cost": cost_text(state),
        "folder": str(state.folder.root),
    }


def planned_detectable_difference(plan: AblationPlan) -> float | None:
    """Return the detectable difference at 80 % power, two-sided 5 %, for the typical SD of the primary measure.

    None for a single seed, or if no typical SD is known.
    """
    from aarlab.statistics import detectable_difference

    measure, seeds = find_measure(plan.ablation.measures[0]), len(plan.runs) // len(plan.arms)
    if seeds < 2 or measure is None or measure.typical_sd is None:
        return None
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
    """Return the primary measure by arm: number of runs, mean and standard error over runs."""
    primary = state.plan.ablation.measures[0]
    return [
        {"name": arm.name, "n": len(values), "measure": primary, "mean": _mean(values), "se": _se(values)}
        for arm, values in _by_arm(state, primary)
    ]


def table_text(state: AblationState) -> RenderableType:
    """Return the primary measure by arm as a table, followed by the best fixed baseline."""
    primary = state.plan.ablation.measures[0]
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", style="cyan")
    table.add_column("n", justify="right")
    table.add_column(measure_label(primary), justify="right")
    table.add_column("SE", justify="right")
    for arm, values in _by_arm(state, primary):
        table.add_row(arm.name, str(len(values)), _decimal(_mean(values)), _decimal(_se(values)))
    if primary == "heldout.pgr":
        baseline = [value for _, values in _by_arm(state, "baseline.pgr") for value in values]
        table.add_row(Text("best fixed baseline", style="dim"), str(len(baseline)), _decimal(_mean(baseline)), "")
    without = len(state.done) - sum(len(values) for _, values in _by_arm(state, primary))
    if without == 0:
        return table
    note = f"{counted(without, 'finished run')} without this measure, for example because the team posted no result."
    return Group(table, Text(note, style="yellow"))


def _by_arm(state: AblationState, measure: str) -> list[tuple[PlannedArm, list[float]]]:
    values: dict[str, list[float]] = {arm.name: [] for arm in state.plan.arms}
    for run in state.runs:
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


def remaining(state: AblationState) -> int:
    """Return the number of runs of the whole ablation that are not finished in this folder."""
    return sum(not state.folder.finished_path(run).exists() for run in state.plan.runs)
