"""`aarlab power`: the detectable differences of an ablation, and the seeds that a difference requires."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import rich_click as click
from rich.table import Column
from rich.text import Text
from threadpoolctl import threadpool_limits

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import Ablation, seeds_of
from aarlab.ablation.records import Results
from aarlab.cli.formatting import printable
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.tables import data_table, number_column
from aarlab.config.errors import ConfigError, Fault
from aarlab.graph.run.measure_registry import MEASURES, Measure, find_measure
from aarlab.report import results_from
from aarlab.report.analysis import planned_pairs
from aarlab.report.arm_runs import arms_of
from aarlab.scenarios.task import Progress
from aarlab.statistics import compare, detectable_difference, sd_interval, seeds_for_equivalence, seeds_needed
from aarlab.study.study_file import StudyFile, load_study_file

_SD_ORIGINS: Mapping[str, str] = {
    "runs": "estimated from the runs",
    "study": (
        "from the imported results. It is the spread over the training seeds of one method, pooled over methods, and "
        "not the spread over teams, which also find different methods. Estimate again from the first runs"
    ),
    "assumed": "assumed, as there are no runs",
}
"""Description of the SD, by `PowerEstimate.sd_from`."""


@dataclass(frozen=True, slots=True)
class PowerEstimate:
    """The power of one comparison of two arms."""

    arm: str
    against: str
    seeds: int
    """Runs of each arm: finished ones or, if there are none, planned ones."""
    paired: bool
    """Whether the runs of both arms are paired by seed."""
    sd: float
    """Standard deviation of the difference between a run of each arm."""
    sd_from: Literal["runs", "study", "assumed"]
    """Origin of `sd`: the runs, the results of an imported study, or an assumed value."""
    detectable_difference: float | None
    """Difference that `seeds` runs detect at 80 % power, two-sided 5 %; None for a single seed."""
    required_seeds: int
    """Seeds required to detect the requested difference."""
    required_seeds_range: tuple[int, int] | None
    """Required seeds at both ends of the 90 % interval of `sd`; None if `sd` is assumed."""
    equivalence_seeds: int
    """Seeds required to show that a true difference of zero is smaller than the requested one (TOST)."""


@click.command()
@click.argument("source", metavar="FILE_OR_DIR")
@click.option(
    "--difference",
    type=float,
    default=0.05,
    show_default=True,
    metavar="D",
    help="Difference to detect, and margin of equivalence, in the primary measure.",
)
@click.option(
    "--study",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Study file of `aarlab import-study`: take the SD from its results. Only for an ablation without runs.",
)
@json_option
def power(source: str, difference: float, study: Path | None, as_json: bool) -> None:
    """Compute detectable differences and required seeds.

    FILE_OR_DIR is an ablation file, the name of a shipped ablation, or a folder with runs. The SD over seeds is
    estimated from the runs. For an ablation file an SD of 0.1 in held-out PGR is assumed, as measured for small teams
    of simulated researchers, or with `--study` the spread of PGR over the training seeds of a method, which is not the
    spread over teams. All numbers are for 80 % power at a two-sided level of 5 %.
    """
    with exit_on_bad_input(as_json=as_json):
        if not 0 < abs(difference) < float("inf"):
            raise ConfigError(
                [Fault(f"--difference {difference:g}", None, "it is 0 or not finite", "a number other than 0")]
            )
        with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            progress_bar("reading runs", 0.0)
            payload = _power_json(source, difference, study, progress_bar)
    if as_json:
        print_json({"status": "done", **payload})
    else:
        _print_power(payload)


def _power_json(
    source: str, difference: float, study: Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Return what `--json` prints, without its status."""
    if Path(source).is_dir() and study is not None:
        problem = "the SD comes from the runs of a folder, so --study has no effect"
        raise ConfigError([Fault(f"--study {study}", None, problem, "an ablation file, or no --study")])
    if Path(source).is_dir():
        measure, estimates = power_from_results(results_from([source], progress), difference)
    else:
        plan = load_ablation(source)
        arms, seeds = [arm.name for arm in plan.arms], len(seeds_of(plan.ablation))
        imported = None if study is None else (load_study_file(study), str(study))
        measure, estimates = power_from_ablation(plan.ablation, seeds, arms, difference, imported)
    return {
        "source": source,
        "measure": measure,
        "difference": difference,
        "comparisons": [asdict(estimate) for estimate in estimates],
    }


def _print_power(payload: Mapping[str, Any]) -> None:
    console, difference = stdout_console(), payload["difference"]
    sd_from = payload["comparisons"][0]["sd_from"]
    console.print(Text(f"Differences in {payload['measure']} detectable with 80 % power at two-sided 5 %."))
    console.print(Text(f"SD of the difference between a run of each arm: {_SD_ORIGINS[sd_from]}."))
    required = f"seeds for {difference:g}"
    headings = ("seeds", "SD", "detectable", required, f"for ±{abs(difference):g}")
    table = data_table(Column("comparison", style="cyan"), *(number_column(heading) for heading in headings))
    for comparison in payload["comparisons"]:
        table.add_row(*_power_row(comparison))
    console.print(table)
    if sd_from != "assumed":
        console.print(f"In brackets: {required} at the ends of the 90 % interval of the SD.", style="dim")
    console.print(f"±{abs(difference):g}: seeds that show by TOST that equal arms differ by less.", style="dim")
    console.print("Testing several comparisons requires more seeds: see the report.", style="dim")


def _power_row(comparison: Mapping[str, Any]) -> tuple[Text | str, ...]:
    detectable, interval = comparison["detectable_difference"], comparison["required_seeds_range"]
    return (
        Text(printable(f"{comparison['arm']} against {comparison['against']}")),
        f"{comparison['seeds']} {'pairs' if comparison['paired'] else 'each'}",
        f"{comparison['sd']:.3f}",
        "–" if detectable is None else f"{detectable:.3f}",
        f"{comparison['required_seeds']}" + (f" ({interval[0]} to {interval[1]})" if interval else ""),
        str(comparison["equivalence_seeds"]),
    )


def power_from_results(results: Results, difference: float) -> tuple[str, list[PowerEstimate]]:
    """Return the primary measure and the power of each planned comparison, with SDs from the runs.

    Args:
        results: Runs of at least two arms.
        difference: The difference to detect, other than 0.

    Raises:
        ConfigError: No compared arms have two runs each.
    """
    measure, arms = results.ablation.measures[0], arms_of(results)
    values = {arm.name: arm.values(measure) for arm in arms}
    pairs = [(a, b) for a, b in planned_pairs(results, arms) if values.get(a) and values.get(b)]
    estimates = []
    for arm, against in pairs:
        with threadpool_limits(1):  # Threads change the order of sums and so the last bits.
            result = compare(arm, values[arm], against, values[against])
        if result.sd:
            estimates.append(_power_from_sd(arm, against, result.n, result.sd, difference, paired=result.paired))
    if not estimates:
        problem = f"no two compared arms have two runs each with {measure}"
        raise ConfigError([Fault(str(results.folder or "these runs"), None, problem, "more runs, or an ablation file")])
    return measure, estimates


def power_from_ablation(
    ablation: Ablation,
    seeds: int,
    arms: Sequence[str],
    difference: float,
    study: tuple[StudyFile, str] | None = None,
) -> tuple[str, list[PowerEstimate]]:
    """Return the primary measure and the power of a planned comparison of two arms, without runs.

    Pairing is not assumed, because its gain can only be measured from runs.

    Args:
        ablation: Its primary measure must have a typical SD in the registry of measures.
        seeds: Planned runs of each arm.
        arms: Names of the arms.
        difference: The difference to detect, other than 0.
        study: Imported results from which the SD is taken, and the name of their file; None: the typical SD.

    Raises:
        ConfigError: The SD of the primary measure is not known.
    """
    arm, against = (arms[1], arms[0]) if len(arms) == 2 else ("any arm", "another")
    measure = find_measure(ablation.measures[0])
    if study is not None:
        sd, degrees_of_freedom = _study_sd(ablation, measure, *study)
        estimate = _power_from_sd(
            arm, against, seeds, sd, difference, paired=False, sd_from="study", degrees_of_freedom=degrees_of_freedom
        )
        return ablation.measures[0], [estimate]
    if measure is None or measure.typical_sd is None:
        problem = f"the SD of the primary measure {ablation.measures[0]} is not known before there are runs"
        known = [path for path, other in MEASURES.items() if other.typical_sd is not None]
        expected = f"{', '.join(known)}, or the folder of an ablation with runs"
        raise ConfigError([Fault(ablation.name, "measures", problem, expected)])
    sd = measure.typical_sd * 2**0.5
    detectable = detectable_difference(seeds, sd, paired=False) if seeds > 1 else None
    required_seeds = seeds_needed(difference, sd, paired=False)
    equivalence_seeds = seeds_for_equivalence(difference, sd, paired=False)
    estimate = PowerEstimate(
        arm, against, seeds, False, sd, "assumed", detectable, required_seeds, None, equivalence_seeds
    )
    return measure.path, [estimate]


def _study_sd(ablation: Ablation, measure: Measure | None, study: StudyFile, source: str) -> tuple[float, int]:
    """Return the SD of the difference between two runs, and its degrees of freedom, from imported results."""
    if measure is None or measure.unit != "PGR":
        problem = f"the study file has PGRs, but the primary measure is {ablation.measures[0]}"
        raise ConfigError([Fault(ablation.name, "measures", problem, "a PGR first, such as heldout.pgr")])
    pooled = study.pooled_sd()
    if pooled is None or not pooled[0]:
        raise ConfigError([Fault(source, "lines", "no method has different results of two seeds", None)])
    sd, degrees_of_freedom = pooled
    return sd * 2**0.5, degrees_of_freedom


def _power_from_sd(
    arm: str,
    against: str,
    n: int,
    sd: float,
    difference: float,
    *,
    paired: bool,
    sd_from: Literal["runs", "study"] = "runs",
    degrees_of_freedom: int | None = None,
) -> PowerEstimate:
    """Return the power for an estimated SD of the difference, whose degrees of freedom follow from `n` by default."""
    low, high = sd_interval(sd, degrees_of_freedom or (n - 1 if paired else 2 * (n - 1)))
    required_seeds, low_seeds, high_seeds = (
        seeds_needed(difference, value, paired=paired) for value in (sd, low, high)
    )
    detectable = detectable_difference(n, sd, paired=paired) if n > 1 else None
    return PowerEstimate(
        arm, against, n, paired, sd, sd_from, detectable, required_seeds, (low_seeds, high_seeds),
        seeds_for_equivalence(difference, sd, paired=paired),
    )  # fmt: skip
