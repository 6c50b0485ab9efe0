"""Tables for readers: rounded, with a value and its interval in one cell."""

from aarlab.cli.formatting import capitalised, counted
from aarlab.report.analysis import Analysis
from aarlab.report.parts import Cell, Table
from aarlab.report.planned_comparisons import MeasureResult
from aarlab.statistics import Estimate, Interval


def design_table(analysis: Analysis) -> Table:
    """Return the arms with their differing fields and numbers of runs."""
    rows = []
    for i, arm in enumerate(analysis.arms):
        differing_fields = ", ".join(f"{path} = {value}" for path, value in arm.differing_fields.items())
        rows.append(
            (arm.name, differing_fields or ("(reference)" if i == 0 else "nothing"), len(arm.done), len(arm.records))
        )
    return Table("design", "Compared arms", ("arm", "differs from the first in", "done", "planned"), tuple(rows))


def differences_table(outcome: MeasureResult) -> Table:
    """Return the planned comparisons in one measure. Columns without values are omitted."""
    rows: list[tuple[Cell, ...]] = []
    exact = any(comparison.difference.p_exact is not None for comparison in outcome.comparisons)
    for comparison in outcome.comparisons:
        d, test = comparison.difference, comparison.equivalence
        runs = counted(d.n, "pair") if d.paired else f"{d.n} per arm"
        rows.append((
            f"{d.arm} \N{MINUS SIGN} {d.against}", runs, estimate_text(d.mean, sign="+"), interval_text(d.bootstrap_t),
            number(d.median, sign="+"), estimate_text(d.p_improvement, digits=2), p_value(d.p),
            *((p_value(d.p_exact),) if exact else ()), p_value(comparison.p_holm),
            *(() if outcome.margin is None else (p_value(None if test is None else test.p),)), comparison.verdict,
            comparison.detectable,
        ))  # fmt: skip
    level = percent(outcome.level)
    columns = (
        "comparison", "runs", f"mean ({level})", f"bootstrap-t, {level}", "median", f"P(improvement) ({level})", "p",
        *(("p, exact",) if exact else ()), "p, corrected",
        *(() if outcome.margin is None else (f"p, equivalence within ±{outcome.margin:g}",)), "verdict",
        "detectable difference",
    )  # fmt: skip
    return Table("differences", "Planned comparisons", columns, tuple(rows))


def arms_table(outcome: MeasureResult) -> Table:
    """Return the arms in one measure."""
    rows = [
        (name, s.n, estimate_text(s.mean), s.median, estimate_text(s.iqm), s.sd)
        for name, s in outcome.arm_summaries.items()
    ]
    columns = ("arm", "runs", "mean (95 %)", "median", "interquartile mean (95 %)", "SD over runs")
    return Table("arms", "Arms", columns, tuple(rows))


def checkpoints_table(analysis: Analysis) -> Table:
    """Return the normalised area under the best-so-far curve, and held-out PGR at parts of the budget."""
    points, rows = ("quarter", "half", "whole"), []
    for arm in analysis.arms:
        if arm.name in analysis.normalised_areas:
            points_of_arm = analysis.checkpoints.get(arm.name, {})
            cells = (
                _estimate_of_runs(*points_of_arm[point], len(arm.values("hours"))) if point in points_of_arm else None
                for point in points
            )
            rows.append((arm.name, estimate_text(analysis.normalised_areas[arm.name]), *cells))
    score = f"held-out {analysis.score_name}"
    columns = (
        "arm", "mean over the budget (normalised area under the best-so-far curve)", f"{score} at a quarter",
        f"{score} at half", f"{score} at the end",
    )  # fmt: skip
    return Table("checkpoints", f"{capitalised(score)} over the budget", columns, tuple(rows))


def _estimate_of_runs(estimate: Estimate, n: int, runs: int) -> str:
    """Return an estimate as text, with the number of runs that have the value if some lack it."""
    return estimate_text(estimate) if n == runs else f"{estimate_text(estimate)} in {n} of {runs}"


def references_table(analysis: Analysis) -> Table:
    """Return the differences between the arms and the reference methods, with intervals over runs and over worlds."""
    rows = [
        (
            arm, line.name, d.n, estimate_text(d.mean, sign="+"),
            interval_text((w.low, w.high) if (w := line.over_worlds.get(arm)) else None),
        )
        for line in analysis.references for arm, d in line.over_runs.items()
    ]  # fmt: skip
    columns = ("arm", "minus", "runs", f"held-out {analysis.score_name} (95 % over runs)", "95 % over worlds")
    return Table("references", "", columns, tuple(rows))


def winners_curse_table(analysis: Analysis) -> Table:
    """Return how much PGR the winners of each arm lost when they were scored again."""
    rows = [
        (
            c.arm, c.runs, estimate_text(c.rescoring, sign="+"), estimate_text(c.final, sign="+"),
            estimate_text(c.total, sign="+"),
        )
        for c in analysis.winners_curses
    ]  # fmt: skip
    columns = (
        "arm", "runs", "development \N{MINUS SIGN} rescored (95 %)", "rescored \N{MINUS SIGN} held-out (95 %)",
        "development \N{MINUS SIGN} held-out (95 %)",
    )  # fmt: skip
    return Table("winners_curse", "", columns, tuple(rows))


def panels_table(analysis: Analysis) -> Table:
    """Return each arm's mean PGR, one column per panel."""
    panels = list(dict.fromkeys(panel for scores in analysis.panels.values() for panel in scores))
    rows = [
        (arm, *(estimate_text(scores[panel], digits=2) if panel in scores else None for panel in panels))
        for arm, scores in analysis.panels.items()
        if scores
    ]
    return Table("panels", f"{capitalised(analysis.score_name)} by panel", ("arm", *panels), tuple(rows))


def usage_table(analysis: Analysis) -> Table:
    """Return the resources that the runs of each arm used."""
    rows = [
        (
            name, used.runs, used.budget_hours, used.hours.value, used.experiments.value, used.evaluations.value,
            "unknown" if used.cost_usd is None else f"${used.cost_usd:.2f}", used.wall_hours,
        )
        for name, used in analysis.usage.items()
    ]  # fmt: skip
    columns = (
        "arm", "runs", "budget, team hours", "team hours used per run", "experiments per run", "evaluations per run",
        "US dollars, total", "wall-clock hours, total",
    )  # fmt: skip
    return Table("usage", "Usage", columns, tuple(rows))


def p_value(p: float | None) -> str:
    """Return a p value as text."""
    if p is None:
        return "\N{EN DASH}"
    return "< .001" if p < 0.001 else "1" if p >= 0.9995 else f"{p:.3f}".removeprefix("0")


def estimate_text(estimate: Estimate, *, digits: int = 3, sign: str = "") -> str:
    """Return an estimate with its interval as text."""
    value = number(estimate.value, digits, sign)
    if estimate.interval is None:
        return value
    low, high = (number(end, digits, sign) for end in estimate.interval)
    return f"{value} ({low} to {high})"


def score_text(score: float | None, se: float | None = None) -> str:
    """Return a score with two decimals, with its standard error if there is one; an en dash for None."""
    if score is None:
        return "\N{EN DASH}"
    return number(score, 2) if se is None else f"{number(score, 2)} ± {number(se, 2)}"


def interval_text(interval: Interval | None) -> str:
    """Return the interval of a difference as text; an en dash for None."""
    if interval is None:
        return "\N{EN DASH}"
    low, high = (number(end, sign="+") for end in interval)
    return f"{low} to {high}"


def percent(share: float) -> str:
    """Return a share as per cent with up to five digits: 95 %, 99.695 %."""
    return f"{100 * share:.5g} %"


def number(value: float, digits: int = 3, sign: str = "") -> str:
    """Return a rounded number with a typographic minus sign; zero has no sign."""
    rounded = round(value, digits) or 0.0
    text = f"{rounded:{sign if rounded else ''}.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")
