"""The registry of measures, which run summaries contain and ablations compare.

A new measure needs its function, one entry in `MEASURES` and its section in `docs/measures.md`. The run summary, the
`measures` of an ablation file, records, reports, `aarlab power`, `aarlab diff` and Inspect scores read this registry.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.graph.run.method_measures import distinct_recipes, known_method_share, novel_share
from aarlab.graph.run.spending_measures import experiments_of
from aarlab.memory.events import Borrowed, Evaluation, Experiment, FailedRepeat
from aarlab.memory.measures import (
    autonomy_by_kind,
    borrow_depth,
    convergence_hours,
    failed_experiment_share,
    merged_share,
    message_density,
    realised_autonomy,
    repeated_experiments,
)

Unit = Literal["PGR", "share", "1 - cosine", "cosine", "count", "bits", "research hours", "seconds", "US dollars"]

Value = float | None
"""None if there was nothing to measure."""

_PLACEHOLDER = re.compile(r"[A-Z]+")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or one number per name, that is computed from a run file."""

    path: str
    """Dotted path in the summary. A part in capitals is a placeholder for a name: `transfer.TASK.pgr`."""
    description: str
    """Short description without the unit. May contain the placeholder."""
    unit: Unit
    function: Callable[[MeasuredRun], Value | Mapping[str, Value]]
    """Returns the value; for a path with a placeholder, the values by name."""
    anchor: str
    """Heading in `docs/measures.md` that defines it, as a link target."""
    source: str = ""
    """Publication that defines it."""
    decimals: int | None = 4
    """Decimals in the summary; None: as the evaluator reported it."""
    inspect_name: str | None = None
    """Name of the Inspect score; None: not exported."""
    typical_sd: float | None = None
    """Standard deviation over seeds that a power analysis assumes if there are no runs; None: unknown."""

    @property
    def label(self) -> str:
        """Description and unit, for axes and tables. PGR, shares and counts need no unit."""
        shows_unit = self.unit in ("bits", "research hours", "US dollars")
        return f"{self.description}, {self.unit}" if shows_unit else self.description

    @property
    def placeholder(self) -> str | None:
        """The placeholder in the path; None if it has none."""
        match = _PLACEHOLDER.search(self.path)
        return match and match[0]

    def named(self, name: str) -> "Measure":
        """Return the measure with a name instead of the placeholder, such as `transfer.math.pgr`."""
        if self.placeholder is None:
            return self
        path, description, inspect_name = (
            text and text.replace(self.placeholder, name) for text in (self.path, self.description, self.inspect_name)
        )
        return replace(self, path=str(path), description=str(description), inspect_name=inspect_name)

    def values(self, run: MeasuredRun) -> dict[str, Value]:
        """Return the rounded value by its path in the summary; for a path with a placeholder, one value per name."""
        result = self.function(run)
        by_name = result if isinstance(result, Mapping) else {"": result}
        return {self.named(name).path: self._rounded(value) for name, value in by_name.items()}

    def _rounded(self, value: Value) -> Value:
        return value if value is None or self.decimals is None else round(value, self.decimals)


def _pgr(evaluation: Evaluation | None) -> Value:
    return evaluation.pgr if evaluation else None


REFERENCES: Mapping[str, str] = {"published": "best published method", "library": "best method of the library"}
"""Name of each reference method in texts."""
_PROGRESS = "progress-development-pgr-over-research-hours"
_COSTS = "costs"
_COORDINATION = "coordination"
_KIM = "Kim et al. (2025)"
_ALL = (
    Measure(
        "heldout.pgr", "held-out PGR", "PGR", lambda run: _pgr(run.heldout), "scores-of-the-winner",
        "Burns et al. (2023)", decimals=None, inspect_name="heldout_pgr",
        # 20 seeds of autonomous teams of five simulated researchers, 12 hours: .11 on chat, .06 on math, .20 on code.
        typical_sd=0.1,
    ),
    Measure(
        "heldout_pgr_by_budget.quarter", "held-out PGR of the leading finding at a quarter of the budget", "PGR",
        lambda run: run.heldout_pgr("leader_at_quarter"), _PROGRESS, decimals=None,
    ),
    Measure(
        "heldout_pgr_by_budget.half", "held-out PGR of the leading finding at half of the budget", "PGR",
        lambda run: run.heldout_pgr("leader_at_half"), _PROGRESS, decimals=None,
    ),
    Measure(
        "shifted.pgr", "PGR on shifted worlds", "PGR", lambda run: _pgr(run.shifted), "scores-of-the-winner",
        decimals=None, inspect_name="shifted_pgr",
    ),
    Measure(
        "best.pgr", "PGR of the winner among the finalists", "PGR", lambda run: _pgr(run.final),
        "scores-of-the-winner", decimals=None,
    ),
    Measure(
        "generalisation_gap", "development PGR of the winner minus its held-out PGR", "PGR",
        lambda run: run.generalisation_gap, "scores-of-the-winner", inspect_name="generalisation_gap",
    ),
    Measure(
        "references.REFERENCE.pgr", "held-out PGR of the best REFERENCE method", "PGR",
        lambda run: {name: score.pgr for name, score in run.reference_scores("heldout").items()}, "reference-methods",
        decimals=None, inspect_name="reference_pgr_REFERENCE",
    ),
    Measure(
        "references.REFERENCE.shifted_pgr", "PGR on shifted worlds of the best REFERENCE method", "PGR",
        lambda run: {name: score.pgr for name, score in run.reference_scores("shifted").items()}, "reference-methods",
        decimals=None,
    ),
    Measure(
        "references.REFERENCE.hours", "research time of finding the best REFERENCE method", "research hours",
        lambda run: {name: event.cost_hours for name, event in run.references.items()}, "reference-methods", decimals=2,
    ),
    Measure(
        "transfer.TASK.pgr", "PGR of the winner on the task TASK", "PGR",
        lambda run: {task: evaluation.pgr for task, evaluation in run.transfer.items()}, "scores-of-the-winner",
        decimals=None, inspect_name="transfer_pgr_TASK",
    ),
    Measure(
        "development_pgr.start", "best development PGR of the opening", "PGR", lambda run: run.opening_pgr, _PROGRESS,
    ),
    Measure(
        "development_pgr.quarter", "best development PGR at a quarter of the budget", "PGR",
        lambda run: run.development.quarter, _PROGRESS,
    ),
    Measure(
        "development_pgr.half", "best development PGR at half of the budget", "PGR",
        lambda run: run.development.half, _PROGRESS,
    ),
    Measure(
        "development_pgr.whole", "best development PGR at the end", "PGR", lambda run: run.development.whole,
        _PROGRESS,
    ),
    Measure(
        "development_pgr.mean", "best development PGR, mean over the budget", "PGR",
        lambda run: run.development.mean, _PROGRESS,
    ),
    Measure(
        "mean_researcher_pgr.quarter",
        "best development PGR of a researcher at a quarter of the budget, mean over the team", "PGR",
        lambda run: run.mean_researcher.quarter, _PROGRESS,
    ),
    Measure(
        "mean_researcher_pgr.half", "best development PGR of a researcher at half of the budget, mean over the team",
        "PGR", lambda run: run.mean_researcher.half, _PROGRESS,
    ),
    Measure(
        "mean_researcher_pgr.whole", "best development PGR of a researcher at the end, mean over the team", "PGR",
        lambda run: run.mean_researcher.whole, _PROGRESS,
    ),
    Measure(
        "entropy_bits", "entropy over method families", "bits",
        lambda run: run.entropy.bits if run.entropy else None, "diversity-entropy-of-method-families",
        "Shannon (1948); Wen et al. (2026)", inspect_name="entropy_bits",
    ),
    Measure(
        "novelty", "novelty of findings", "1 - cosine", lambda run: run.novelty,
        "complexity-novelty-similarity", "Salton and Buckley (1988)", inspect_name="novelty",
    ),
    Measure(
        "message_density", "messages between agents per turn", "count", lambda run: message_density(run.file),
        _COORDINATION, _KIM, inspect_name="message_density",
    ),
    Measure(
        "redundancy", "similarity of findings by different researchers", "cosine",
        lambda run: run.idea_diversity.redundancy, _COORDINATION, _KIM, inspect_name="redundancy",
    ),
    Measure(
        "vendi_score", "effective number of different ideas", "count", lambda run: run.idea_diversity.vendi_score,
        _COORDINATION, "Friedman and Dieng (2023); Chen et al. (2026)", inspect_name="vendi_score",
    ),
    Measure(
        "failed_experiment_share", "share of full experiments that failed or scored at most 0", "share",
        lambda run: failed_experiment_share(run.file), _COORDINATION, _KIM, inspect_name="failed_experiment_share",
    ),
    Measure(
        "convergence_hours", "time to convergence", "research hours", lambda run: convergence_hours(run.file),
        _COORDINATION, "Lazer and Friedman (2007)", decimals=2, inspect_name="convergence_hours",
    ),
    Measure(
        "merged_share", "share of the team's methods that are part of the winner", "share",
        lambda run: merged_share(run.file), _COORDINATION, "Shen et al. (2026)", inspect_name="merged_share",
    ),
    Measure(
        "borrow_depth", "author changes in the winner's lineage", "count",
        lambda run: borrow_depth(run.file).winner, "exchange", inspect_name="borrow_depth",
    ),
    Measure(
        "repeated_experiment_share", "share of full experiments that repeat an earlier one", "share",
        lambda run: repeated_experiments(run.file).share, "exchange", inspect_name="repeated_experiment_share",
    ),
    Measure(
        "known_method_share", "share of full experiments that run a known method", "share",
        lambda run: known_method_share(run.experiment_origins), "known-methods-and-novel-recipes",
        inspect_name="known_method_share",
    ),
    Measure(
        "novel_share", "share of full experiments with a novel recipe", "share",
        lambda run: novel_share(run.experiment_origins), "known-methods-and-novel-recipes", inspect_name="novel_share",
    ),
    Measure(
        "distinct_recipes", "distinct recipes tested", "count", lambda run: distinct_recipes(run.experiment_origins),
        "known-methods-and-novel-recipes", inspect_name="distinct_recipes",
    ),
    Measure(
        "realised_autonomy", "realised autonomy", "share", lambda run: realised_autonomy(run.file, run.decisions),
        "realised-autonomy", inspect_name="realised_autonomy",
    ),
    Measure(
        "autonomy_by_kind.KIND", "realised autonomy in decisions of the kind KIND", "share",
        lambda run: autonomy_by_kind(run.file, run.decisions), "realised-autonomy",
    ),
    Measure("findings", "findings of the team", "count", lambda run: run.team_findings(), "counts"),
    Measure("borrows", "borrows", "count", lambda run: run.count(Borrowed), "counts"),
    Measure("critiques", "critiques", "count", lambda run: run.edges("critiques"), "counts"),
    Measure("replications", "replications", "count", lambda run: run.edges("replicates"), "counts"),
    Measure(
        "failed_repeats", "failed repeats of a call", "count", lambda run: run.count(FailedRepeat), "counts",
    ),
    Measure("experiments", "experiments", "count", lambda run: run.count(Experiment), "counts"),
    Measure("evaluations", "evaluations", "count", lambda run: run.count(Evaluation), "counts"),
    Measure("hours", "research time of the team", "research hours", lambda run: run.hours, _COSTS, decimals=2),
    Measure(
        "opening_hours", "research time of the lab for the opening", "research hours", lambda run: run.opening_hours,
        _COSTS, decimals=2,
    ),
    Measure(
        "hours_by_kind.KIND", "research time of the kind KIND", "research hours",
        lambda run: run.spending.hours_by_kind, "hours-by-kind", decimals=2,
    ),
    Measure("pilots", "pilots", "count", lambda run: experiments_of(run.file, "pilot"), "counts"),
    Measure("full_experiments", "full experiments", "count", lambda run: experiments_of(run.file, "full"), "counts"),
    Measure("model_calls", "model calls", "count", lambda run: run.spending.model_calls, "counts"),
    Measure("tokens", "tokens", "count", lambda run: run.spending.tokens, "counts"),
    Measure(
        "device_seconds", "time of experiments on the device", "seconds", lambda run: run.device_seconds, _COSTS,
        decimals=3,
    ),
    Measure("cost_usd", "cost", "US dollars", lambda run: run.spending.cost_usd, _COSTS, decimals=6),
    Measure("usd_per_hour", "cost per research hour", "US dollars", lambda run: run.usd_per_hour, _COSTS),
)  # fmt: skip

MEASURES: Mapping[str, Measure] = {measure.path: measure for measure in _ALL}
"""All measures by path."""


def find_measure(path: str) -> Measure | None:
    """Return the measure at a path, such as `entropy_bits` or `transfer.math.pgr`; None if there is none."""
    if path in MEASURES and MEASURES[path].placeholder is None:
        return MEASURES[path]
    for measure in MEASURES.values():
        if measure.placeholder is not None:
            before, after = map(re.escape, measure.path.split(measure.placeholder))
            if found := re.fullmatch(f"{before}([^.]+){after}", path):
                return measure.named(found[1])
    return None


def measures_in(summaries: Iterable[Mapping[str, Any]]) -> list[Measure]:
    """Return every measure; one with a placeholder once for each name that a summary has a value for."""
    summaries = list(summaries)
    measures: list[Measure] = []
    for measure in MEASURES.values():
        if measure.placeholder is None:
            measures.append(measure)
        else:
            section = measure.path.partition(".")[0]
            names = dict.fromkeys(str(name) for summary in summaries for name in summary.get(section) or ())
            measures += map(measure.named, names)
    return measures


def measure_label(path: str, score_name: str = "PGR") -> str:
    """Return the label of the measure at a path, with the score's name; the path itself if there is no such measure."""
    measure = find_measure(path)
    return path if measure is None else measure.label.replace("PGR", score_name)


def common_score_name(names: Iterable[str]) -> str:
    """Return the name of the score if all tasks have the same; otherwise PGR, the general name."""
    distinct = set(names)
    return distinct.pop() if len(distinct) == 1 else "PGR"


def value_at(summary: Mapping[str, Any], path: str) -> Value:
    """Return the number at a dotted path of a summary; None if there is none."""
    value: Any = summary
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
