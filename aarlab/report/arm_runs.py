"""The arms of an ablation with their runs: how their configurations and budgets differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from aarlab.ablation.ablation_plan import CONTROL_MODELS
from aarlab.ablation.arm_configuration import arm_configuration, flattened
from aarlab.ablation.records import Results, RunRecord
from aarlab.graph.calls.budget import LIMIT_FIELDS
from aarlab.graph.run.measure_registry import value_at
from aarlab.graph.run.spending_measures import known_total, used_hours
from aarlab.statistics import Estimate, mean_estimate

SECRET_FIELD = "scoring.secret"
"""Field that a report must not contain: the worlds and their labels can be computed from it."""


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """An arm and its runs."""

    name: str
    records: tuple[RunRecord, ...]
    """All planned runs, task by task, seeds ascending."""
    scenario: Mapping[str, Any]
    """Resolved configuration on the first task; empty if no run file could be read."""
    differing_fields: Mapping[str, Any]
    """Fields by dotted path that differ from the first arm."""
    control: bool = False
    """Whether it is a control and not a structure: random search beside other researchers in the first arm."""

    @property
    def done(self) -> tuple[RunRecord, ...]:
        """The finished runs."""
        return tuple(record for record in self.records if record.status == "done")

    @property
    def models(self) -> tuple[str, ...]:
        """The base models of the arm: the researchers' first, then those of the other roles.

        They are read from the recorded scenario because the models need not be installed here.
        """
        team, structure = self.scenario.get("team", {}), self.scenario.get("structure", {})
        roles = {
            "model": True,
            "reviewer": structure.get("review", "none") != "none",
            "librarian": structure.get("sharing") == "query",
            "overseer": structure.get("oversight", "none") != "none",
        }
        named = [team[role] for role, exists in roles.items() if exists and role in team]
        return tuple(dict.fromkeys([*named[:1], *team.get("models", {}).values(), *named[1:]]))

    @property
    def budget_hours(self) -> float | None:
        """Budget of a whole team in research hours; None if unknown."""
        budget, team = self.scenario.get("budget", {}).get("hours"), self.scenario.get("team", {}).get("researchers")
        return None if budget is None or team is None else float(budget * team)

    @property
    def limits(self) -> dict[str, float]:
        """Other limits of a run by budget field: dollars, tokens, calls."""
        budget = self.scenario.get("budget", {})
        return {field: budget[field] for field in LIMIT_FIELDS if budget.get(field) is not None}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks; a single empty name if the ablation has no `tasks`."""
        return tuple(dict.fromkeys(record.task for record in self.records))

    def on(self, task: str) -> "ArmRuns":
        """Return the arm with its runs on one task only."""
        return replace(self, records=tuple(record for record in self.records if record.task == task))

    def values(self, measure: str) -> dict[int, float]:
        """Return a measure by seed, for runs that have it.

        With several tasks it is the mean over the tasks, each with the same weight, for seeds that have the measure on
        every task. The task of a transfer measure does not count: there is no transfer to the run's own task.
        """
        by_task: dict[str, dict[int, float]] = {task: {} for task in self.tasks if f"transfer.{task}.pgr" != measure}
        for record in self.done:
            value = value_at(record.summary, measure)
            if value is not None and record.task in by_task:
                by_task[record.task][record.seed] = value
        seeds = set.intersection(*(set(values) for values in by_task.values())) if by_task else set()
        return {seed: fmean(values[seed] for values in by_task.values()) for seed in sorted(seeds)}


@dataclass(frozen=True, slots=True)
class ArmUsage:
    """Resources that the runs of an arm used."""

    arm: str
    runs: int
    budget_hours: float | None
    """Budget of each team in research hours."""
    hours: Estimate
    """Research hours of all steps of the researchers of each team, which its budget limits."""
    experiments: Estimate
    evaluations: Estimate
    cost_usd: float | None
    """US dollars of all runs together; None if the price of one call is unknown."""
    wall_hours: float
    """Wall-clock hours of all runs together."""


def arms_of(results: Results) -> tuple[ArmRuns, ...]:
    """Return the arms of the comparison itself in the order of the file."""
    return arms_in(results.records)


def arms_in(records: Iterable[RunRecord]) -> tuple[ArmRuns, ...]:
    """Return the arms of some runs in their order."""
    grouped: dict[str, list[RunRecord]] = {}
    for record in records:
        grouped.setdefault(record.arm, []).append(record)
    scenarios = {name: _scenario(of_arm) for name, of_arm in grouped.items()}
    first = next(iter(scenarios.values()), {})
    return tuple(
        ArmRuns(name, tuple(of_arm), scenarios[name], differences(scenarios[name], first), _is_control(arm, first))
        for name, of_arm in grouped.items()
        for arm in [scenarios[name]]
    )


def _is_control(scenario: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    models = [fields.get("team", {}).get("model") for fields in (scenario, first)]
    return models[0] in CONTROL_MODELS and models[1] not in CONTROL_MODELS


def differences(scenario: Mapping[str, Any], against: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a scenario by dotted path that differ from another. A preset is omitted if dials differ."""
    fields, other = flattened(scenario), flattened(against)
    if not fields or not other:
        return {}
    paths = dict.fromkeys([*fields, *other])
    differing = {path: fields.get(path) for path in paths if fields.get(path) != other.get(path)}
    if any(path.startswith("structure.") and path != "structure.preset" for path in differing):
        differing.pop("structure.preset", None)
    if SECRET_FIELD in differing:
        differing[SECRET_FIELD] = "(different)"
    return differing


def usage(arm: ArmRuns) -> ArmUsage | None:
    """Return the usage of an arm; None if none of its runs is done."""
    if not arm.done:
        return None
    summaries = [record.summary for record in arm.done]
    costs = [value_at(summary, "cost_usd") for summary in summaries]
    return ArmUsage(
        arm=arm.name,
        runs=len(summaries),
        budget_hours=arm.budget_hours,
        hours=mean_estimate([hours_of_steps(summary) or 0.0 for summary in summaries]),
        experiments=_mean(summaries, "experiments"),
        evaluations=_mean(summaries, "evaluations"),
        cost_usd=known_total(costs),
        wall_hours=sum(value_at(summary, "wall_clock_s") or 0.0 for summary in summaries) / 3600,
    )


def hours_of_steps(summary: Mapping[str, Any]) -> float | None:
    """Return the research hours of all steps of the researchers of a run; None if they were not recorded."""
    by_kind = summary.get("hours_by_kind")
    return used_hours(by_kind) if by_kind else None


def compute_sentence(arms: Iterable[ArmRuns]) -> str:
    """Return a sentence about the budgets of the arms: whether hours and other limits are equal."""
    known = [arm for arm in arms if arm.budget_hours is not None]
    if not known:
        return "No run file could be read, so the budgets are unknown."
    hours = [arm.budget_hours or 0.0 for arm in known]
    limits = [arm.limits for arm in known]
    if len(set(hours)) == 1 and all(limit == limits[0] for limit in limits):
        parts = [f"{hours[0]:g} research hours for the whole team", *_limit_texts(limits[0])]
        return f"Every run had the same budget: {', '.join(parts)}."
    differing = []
    if len(set(hours)) > 1:
        lowest, highest = hours.index(min(hours)), hours.index(max(hours))
        differing.append(
            f"from {hours[lowest]:g} research hours for the whole team in {known[lowest].name} to {hours[highest]:g} "
            f"in {known[highest].name}"
        )
    for field in dict.fromkeys(field for limit in limits for field in limit):
        values = {arm.name: arm.limits.get(field) for arm in known}
        if len(set(values.values())) > 1:
            by_arm = (f"{arm} {'none' if value is None else f'{value:,g}'}" for arm, value in values.items())
            differing.append(f"budget.{field}: {', '.join(by_arm)}")
    text = f"Budgets were not equal: {'; '.join(differing)}."
    return f"{text} Differences between these arms include the effect of the budget."


def equal_compute(arms: Iterable[ArmRuns]) -> bool:
    """Return whether all arms with a known budget have the same budget and limits."""
    known = [(arm.budget_hours, arm.limits) for arm in arms if arm.budget_hours is not None]
    return all(budget == known[0] for budget in known)


def _limit_texts(limits: Mapping[str, float]) -> list[str]:
    units = {"usd": "${:,g}", "tokens": "{:,g} tokens", "calls": "{:,g} model calls"}
    parts = []
    for field, limit in limits.items():
        unit, _, each = field.partition("_")
        parts.append(f"at most {units[unit].format(limit)}{' per agent' if each else ''}")
    return parts


def _scenario(records: Iterable[RunRecord]) -> dict[str, Any]:
    return arm_configuration(next((record.scenario for record in records if record.scenario), {}))


def _mean(summaries: Iterable[Mapping[str, Any]], field: str) -> Estimate:
    return mean_estimate([value_at(summary, field) or 0.0 for summary in summaries])


def pooled_share(summaries: Iterable[Mapping[str, Any]], measure: str) -> float | None:
    """Return a share of full experiments over those of all runs, each experiment with the same weight.

    None if no run has full experiments.
    """
    pairs = [(value_at(summary, measure), value_at(summary, "full_experiments")) for summary in summaries]
    known = [(share, full) for share, full in pairs if share is not None and full]
    return sum(share * full for share, full in known) / sum(full for _, full in known) if known else None


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None without any."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
