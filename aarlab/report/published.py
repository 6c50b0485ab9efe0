"""A study's published comparisons beside those of the runs, and what differs from the publication."""

from collections.abc import Iterator
from typing import Literal

from aarlab.ablation.ablation_plan import PublishedResult
from aarlab.agents.models.registry import is_simulated
from aarlab.report.analysis import Analysis
from aarlab.report.formatted_tables import estimate_text
from aarlab.report.parts import BulletList, Cell, Part, Section, Table, ends
from aarlab.report.planned_comparisons import PlannedComparison

Agreement = Literal["agrees", "contradicts", "undecided"]


def agreement(published: PublishedResult, found: PlannedComparison) -> Agreement:
    """Return whether a comparison has the published sign.

    It is undecided if the comparison is inconclusive. A difference that is smaller than the margin agrees with a
    published 0 and contradicts a published sign.
    """
    if found.verdict == "inconclusive":
        return "undecided"
    sign = "0" if found.verdict == "equivalent" else "+" if found.difference.mean.value > 0 else "-"
    return "agrees" if sign == published.sign else "contradicts"


def published_sections(analysis: Analysis) -> Iterator[Section]:
    """Yield the section on the publication, if the ablation names one."""
    ablation = analysis.results.ablation
    if not ablation.source:
        return
    parts: list[Part] = [f"The ablation repeats a published design: {ablation.source}."]
    models = [model for arm in analysis.arms for model in arm.models]
    if models and all(is_simulated(model) for model in models):
        parts.append(
            "Simulated policies are no evidence about language models: the signs below say nothing about whether the "
            "published result holds."
        )
    if ablation.published:
        parts += [_readable(analysis), "Undecided: the comparison shows neither a difference nor its absence."]
    for title, sentences in (("The same:", ablation.same), ("Different:", ablation.differs)):
        if sentences:
            parts += [title, BulletList(tuple(sentences))]
    yield Section("Published result", tuple(parts))


def published_table(analysis: Analysis) -> Table:
    """Return the published comparisons beside those of the runs, with exact numbers."""
    columns = ("arm", "against", "published", "published_sign", "measure", "difference", "low", "high", "agreement")
    rows: list[tuple[Cell, ...]] = []
    for result, found in _pairs(analysis):
        here = ends(None if found is None else found.difference.mean)
        agrees = None if found is None else agreement(result, found)
        rows.append((*result.comparison, result.figure, result.sign, analysis.primary.measure, *here, agrees))
    return Table("published", "Published comparisons beside those of the runs", columns, tuple(rows))


def _readable(analysis: Analysis) -> Table:
    columns = ("comparison", "published", "published sign", f"here, {analysis.primary.label}", "agreement")
    rows: list[tuple[Cell, ...]] = []
    for result, found in _pairs(analysis):
        name = " \N{MINUS SIGN} ".join(result.comparison)
        here = (
            (None, None)
            if found is None
            else (estimate_text(found.difference.mean, sign="+"), agreement(result, found))
        )
        rows.append((name, result.figure, result.sign.replace("-", "\N{MINUS SIGN}"), *here))
    return Table("published", "", columns, tuple(rows))


def _pairs(analysis: Analysis) -> Iterator[tuple[PublishedResult, PlannedComparison | None]]:
    """Yield each published comparison with that of the runs; None if an arm has no finished run."""
    found = {(c.difference.arm, c.difference.against): c for c in analysis.primary.comparisons}
    for result in analysis.results.ablation.published:
        yield result, found.get((result.comparison[0], result.comparison[1]))
