"""The tables of a report with exact numbers, as CSV files and data frames."""

from aarlab.ablation.records import RunRecord
from aarlab.cli.formatting import capitalised
from aarlab.graph.run.measure_registry import value_at
from aarlab.report.analysis import Analysis
from aarlab.report.explanation_tables import explanation_tables
from aarlab.report.oversight_sections import oversight_tables
from aarlab.report.parts import Cell, Table, ends
from aarlab.report.published import published_table


def tables(analysis: Analysis) -> list[Table]:
    """Return all tables of a report that are not empty."""
    all_tables = [
        _runs(analysis), _arms(analysis), _differences(analysis), _references(analysis), _winners_curses(analysis),
        _panels(analysis), _usage(analysis), _suspicions(analysis), _violations(analysis), _left_out(analysis),
        _best_so_far_curves(analysis), _normalised_areas(analysis), _checkpoints(analysis), published_table(analysis),
        *explanation_tables(analysis), *oversight_tables(analysis),
    ]  # fmt: skip
    return [table for table in all_tables if table.rows]


def task_of(record: RunRecord) -> str:
    """Return the name of a run's task."""
    return record.task or str(record.scenario.get("task", {}).get("name", ""))


def _runs(analysis: Analysis) -> Table:
    measures = [outcome.measure for outcome in analysis.outcomes]
    shared = [m for m in ("heldout.pgr", "heldout.se", "realised_autonomy", "hours", "cost_usd") if m not in measures]
    columns = ("arm", "task", "seed", "status", "digest", *measures, *shared, "file")
    rows = [
        (
            record.arm, task_of(record), record.seed, record.status, record.summary.get("digest"),
            *(value_at(record.summary, measure) for measure in [*measures, *shared]), record.path.name,
        )
        for arm in analysis.arms for record in arm.records
    ]  # fmt: skip
    return Table("runs", "Every run", columns, tuple(rows))


def _arms(analysis: Analysis) -> Table:
    columns = (
        "measure", "arm", "runs", "mean", "mean_low", "mean_high", "median", "iqm",
        "iqm_low", "iqm_high", "sd", "noise_floor",
    )  # fmt: skip
    rows = [
        (
            outcome.measure, name, summary.n, *ends(summary.mean), summary.median, *ends(summary.iqm),
            summary.sd, analysis.noise.get(name) if outcome is analysis.primary else None,
        )
        for outcome in analysis.outcomes for name, summary in outcome.arm_summaries.items()
    ]  # fmt: skip
    return Table("arms", "Arms", columns, tuple(rows))


def _differences(analysis: Analysis) -> Table:
    columns = (
        "measure", "arm", "against", "runs", "paired", "difference", "low", "high", "bootstrap_t_low",
        "bootstrap_t_high", "median", "p_improvement", "p_improvement_low", "p_improvement_high", "p", "p_exact",
        "p_corrected", "control", "margin", "p_equivalence", "verdict", "detectable_difference",
        "detectable_difference_corrected", "seed_correlation", "variance_ratio",
    )  # fmt: skip
    rows = []
    for outcome in analysis.outcomes:
        for comparison in outcome.comparisons:
            d = comparison.difference
            pairing = (None, None) if d.pairing is None else (d.pairing.correlation, d.pairing.variance_ratio)
            rows.append((
                outcome.measure, d.arm, d.against, d.n, "yes" if d.paired else "no", *ends(d.mean),
                *(d.bootstrap_t or (None, None)), d.median, *ends(d.p_improvement), d.p, d.p_exact,
                comparison.p_holm, "yes" if comparison.control else "no", outcome.margin,
                comparison.equivalence and comparison.equivalence.p, comparison.verdict,
                comparison.detectable, comparison.detectable_corrected, *pairing,
            ))  # fmt: skip
    return Table("differences", "Planned comparisons", columns, tuple(rows))


def _references(analysis: Analysis) -> Table:
    rows = [
        (line.name, arm, d.n, *ends(d.mean), d.p, *((w.low, w.high, w.worlds) if w else (None, None, None)))
        for line in analysis.references
        for arm, d in line.over_runs.items()
        for w in [line.over_worlds.get(arm)]
    ]
    columns = (
        "reference", "arm", "runs", "difference", "low", "high", "p", "low_over_worlds", "high_over_worlds", "worlds",
    )  # fmt: skip
    return Table("references", f"Held-out {analysis.score_name} minus that of a reference method", columns, tuple(rows))


def _winners_curses(analysis: Analysis) -> Table:
    rows = [(c.arm, c.runs, *ends(c.rescoring), *ends(c.final), *ends(c.total)) for c in analysis.winners_curses]
    losses = ("development_minus_rescored", "rescored_minus_heldout", "development_minus_heldout")
    columns = ("arm", "runs", *(column for loss in losses for column in (loss, f"{loss}_low", f"{loss}_high")))
    return Table(
        "winners_curse", f"Winner's curse: losses of {analysis.score_name} of the winners", columns, tuple(rows)
    )


def _panels(analysis: Analysis) -> Table:
    rows = [(arm, panel, *ends(pgr)) for arm, panels in analysis.panels.items() for panel, pgr in panels.items()]
    return Table(
        "panels", f"{capitalised(analysis.score_name)} by panel", ("arm", "panel", "pgr", "low", "high"), tuple(rows)
    )


def _usage(analysis: Analysis) -> Table:
    columns = ("arm", "runs", "budget_hours", "hours", "experiments", "evaluations", "cost_usd", "wall_hours")
    rows = [
        (
            name, used.runs, used.budget_hours, used.hours.value, used.experiments.value, used.evaluations.value,
            used.cost_usd, used.wall_hours,
        )
        for name, used in analysis.usage.items()
    ]  # fmt: skip
    return Table(
        "usage",
        "Usage: hours, experiments and evaluations per run; total dollars and wall-clock hours",
        columns,
        tuple(rows),
    )


def _suspicions(analysis: Analysis) -> Table:
    rows = []
    for arm in analysis.arms:
        facts = [fact for record in arm.records if (fact := analysis.facts.get(record.path))]
        if facts:
            winners = sum(fact.winner_suspected for fact in facts)
            rows.append((arm.name, sum(f.checked for f in facts), sum(f.suspected for f in facts), winners))
    columns = ("arm", "experiments_checked", "unchanged_with_shuffled_teacher", "winners_suspected")
    return Table("suspicions", "Methods that may ignore the teacher", columns, tuple(rows))


def _violations(analysis: Analysis) -> Table:
    rows = [
        (arm.name, task_of(record), record.seed, violation)
        for arm in analysis.arms
        for record in arm.done
        for violation in record.summary.get("structure_violations") or ()
    ]
    return Table(
        "violations", "Violations of the configured structure", ("arm", "task", "seed", "violation"), tuple(rows)
    )


def _left_out(analysis: Analysis) -> Table:
    primary = analysis.primary.measure
    rows: list[tuple[Cell, ...]] = []
    for arm in analysis.arms:
        for record in arm.records:
            run = (arm.name, task_of(record), record.seed)
            if record.status != "done":
                rows.append((*run, record.status, record.error or "", record.path.name))
            elif value_at(record.summary, primary) is None:
                rows.append((*run, "done", f"no {analysis.primary.label}", record.path.name))
    return Table(
        "left_out",
        "Failed, unfinished and excluded runs",
        ("arm", "task", "seed", "status", "reason", "file"),
        tuple(rows),
    )


def _best_so_far_curves(analysis: Analysis) -> Table:
    columns = ("arm", "team_hours", "development_pgr", "low", "high")
    rows: list[tuple[Cell, ...]] = [
        (name, *(float(value) for value in point))
        for name, curve in analysis.best_so_far_curves.items()
        for point in zip(curve.x, curve.mean, curve.low, curve.high, strict=True)
    ]
    title = f"Best development {analysis.score_name} over the team's research hours"
    return Table("best_so_far_curves", title, columns, tuple(rows))


def _checkpoints(analysis: Analysis) -> Table:
    rows = [
        (arm, point, n, *ends(pgr))
        for arm, points in analysis.checkpoints.items()
        for point, (pgr, n) in points.items()
    ]
    title = f"Held-out {analysis.score_name} of the leading finding at a quarter, half and all of the budget"
    return Table("checkpoints", title, ("arm", "point", "runs", "pgr", "low", "high"), tuple(rows))


def _normalised_areas(analysis: Analysis) -> Table:
    rows = [(arm, *ends(area)) for arm, area in analysis.normalised_areas.items()]
    title = f"Area under the curve of the best development {analysis.score_name} so far, divided by the budget"
    return Table("normalised_areas", title, ("arm", "area", "low", "high"), tuple(rows))
