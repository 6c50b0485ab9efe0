"""What teams did with their hours, by arm and task, and warnings that explain a difference in another way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from aarlab.ablation.records import RunRecord
from aarlab.cli.formatting import counted, percent_text
from aarlab.graph.run.measure_registry import value_at
from aarlab.graph.run.spending_measures import used_hours
from aarlab.report.arm_runs import ArmRuns, mean_of_known, pooled_share

MAX_KNOWN_SHARE = 0.5
"""Share of known methods among an arm's full experiments above which a warning is given."""
MAX_SPEND_DIFFERENCE = 0.1
"""Relative difference of the spend of two arms above which a warning is given."""
_MAX_NAMED = 4
"""Maximum number of arms that a warning names."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Means over the runs of an arm. A number is None if no run has it."""

    arm: str
    task: str
    """Name of the task; empty: mean over the tasks of the ablation, each with the same weight."""
    runs: int
    hours: Mapping[str, float]
    """Research hours by kind; see `graph.run.spending_measures.hours_by_kind`."""
    full_experiments: float | None
    pilots: float | None
    distinct_recipes: float | None
    known_share: float | None
    """Share of known methods among the full experiments of all runs."""
    novel_share: float | None
    """Share of novel recipes among the full experiments of all runs."""
    model_calls: float | None
    tokens: float | None
    cost_usd: float | None

    @property
    def used_hours(self) -> float | None:
        """Hours of all steps of the researchers; None if they were not recorded."""
        return used_hours(self.hours) if self.hours else None


def mechanisms(arms: Sequence[ArmRuns]) -> tuple[Mechanism, ...]:
    """Return the mechanism of each arm with finished runs over all tasks, then by task if there are several."""
    found = [mechanism for arm in arms if (mechanism := _over_tasks(arm))]
    by_task = [_on_task(arm, task) for task in (arms[0].tasks if arms else ()) for arm in arms if task]
    return (*found, *(mechanism for mechanism in by_task if mechanism))


def _over_tasks(arm: ArmRuns) -> Mechanism | None:
    by_task = [mechanism for task in arm.tasks if (mechanism := _on_task(arm, task))]
    if not by_task:
        return None
    kinds = dict.fromkeys(kind for mechanism in by_task for kind in mechanism.hours)

    def mean(value: Callable[[Mechanism], float | None]) -> float | None:
        return mean_of_known([value(mechanism) for mechanism in by_task])

    return Mechanism(
        arm.name, "", sum(mechanism.runs for mechanism in by_task),
        {kind: fmean(mechanism.hours.get(kind, 0.0) for mechanism in by_task) for kind in kinds},
        mean(lambda m: m.full_experiments), mean(lambda m: m.pilots), mean(lambda m: m.distinct_recipes),
        mean(lambda m: m.known_share), mean(lambda m: m.novel_share), mean(lambda m: m.model_calls),
        mean(lambda m: m.tokens), mean(lambda m: m.cost_usd),
    )  # fmt: skip


def _on_task(arm: ArmRuns, task: str) -> Mechanism | None:
    summaries = [record.summary for record in arm.on(task).done]
    if not summaries:
        return None
    hours = [section for summary in summaries if (section := summary.get("hours_by_kind"))]
    kinds = dict.fromkeys(kind for section in hours for kind in section)

    def mean(measure: str) -> float | None:
        return mean_of_known([value_at(summary, measure) for summary in summaries])

    return Mechanism(
        arm.name, task, len(summaries),
        {kind: fmean(section.get(kind, 0.0) for section in hours) for kind in kinds},
        mean("full_experiments"), mean("pilots"), mean("distinct_recipes"),
        pooled_share(summaries, "known_method_share"), pooled_share(summaries, "novel_share"), mean("model_calls"),
        mean("tokens"), mean("cost_usd"),
    )  # fmt: skip


def warnings(arms: Sequence[ArmRuns], found: Sequence[Mechanism] | None = None) -> list[str]:
    """Return sentences on other explanations of differences between arms than their structure.

    Args:
        arms: The arms with their runs.
        found: Their mechanisms, if they are known.
    """
    found = mechanisms(arms) if found is None else found
    return [*_known_methods(found), *_unequal_spend(found), *_equal_arms(arms)]


def _known_methods(found: Sequence[Mechanism]) -> Iterator[str]:
    overall = {m.arm for m in found if not m.task and (m.known_share or 0.0) > MAX_KNOWN_SHARE}
    shown = [m for m in found if (m.known_share or 0.0) > MAX_KNOWN_SHARE and (not m.task or m.arm not in overall)]
    if shown:
        named = [f"{m.arm}{f' on {m.task}' if m.task else ''} ({percent_text(m.known_share or 0.0)})" for m in shown]
        yield (
            f"More than half of the full experiments run known methods in {_listed(named)}. Such an arm is compared by "
            "which known methods it repeats, not by its own ideas."
        )


def _unequal_spend(found: Sequence[Mechanism]) -> Iterator[str]:
    kinds: dict[str, tuple[Callable[[Mechanism], float | None], Callable[[float], str]]] = {
        "Hours used": (lambda m: m.used_hours, lambda value: f"{value:.1f}"),
        "Tokens": (lambda m: m.tokens, lambda value: f"{value:,.0f}"),
        "Dollars": (lambda m: m.cost_usd, lambda value: f"${value:.2f}"),
    }
    for name, (value_of, text) in kinds.items():
        values = {m.arm: value for m in found if not m.task and (value := value_of(m)) is not None}
        if not values or max(values.values()) <= 0:
            continue
        low, high = min(values, key=lambda arm: values[arm]), max(values, key=lambda arm: values[arm])
        if values[low] < (1 - MAX_SPEND_DIFFERENCE) * values[high]:
            yield (
                f"{name} differ by more than a tenth between arms: {text(values[low])} in {low}, {text(values[high])} "
                f"in {high} per run. See the results at matched spend."
            )


def _equal_arms(arms: Sequence[ArmRuns]) -> Iterator[str]:
    """Yield a sentence for each pair of arms whose runs are equal on every task with every seed."""
    merged: set[str] = set()
    for one, other in combinations(arms, 2):
        if other.name in merged:
            continue
        for field, text in (
            ("digest", "equal event by event"),
            ("research_digest", "equal in every experiment and finding"),
        ):
            own, others = _digests(one.done, field), _digests(other.done, field)
            shared = own.keys() & others.keys()
            if shared and all(own[run] == others[run] for run in shared):
                merged.add(other.name)
                yield (
                    f"{one.name} and {other.name} are {text} in {counted(len(shared), 'pair')} of runs: their "
                    "different settings had no effect on what these researchers did."
                )
                break


def _digests(records: Sequence[RunRecord], field: str) -> dict[tuple[str, int], str]:
    digests = ((record.task, record.seed, record.summary.get(field)) for record in records)
    return {(task, seed): str(digest) for task, seed, digest in digests if digest}


def _listed(named: Sequence[str]) -> str:
    more = [f"{len(named) - _MAX_NAMED} more"] if len(named) > _MAX_NAMED else []
    *first, last = [*named[:_MAX_NAMED], *more]
    return f"{', '.join(first)} and {last}" if first else last
