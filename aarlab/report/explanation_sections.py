"""The sections of a report that explain its result."""

from collections.abc import Iterator
from dataclasses import replace

from aarlab.cli.formatting import capitalised
from aarlab.report import figures
from aarlab.report.analysis import Analysis
from aarlab.report.coordination import COLUMNS, coordination_table
from aarlab.report.explanations import (
    arms_by_task_table,
    confirmation_example,
    effects_by_task_table,
    hours_table,
    matched_spend_table,
    mechanism_table,
    sensitivity_sentences,
    sensitivity_table,
    signs_table,
    signs_text,
    temperaments_sentence,
)
from aarlab.report.parts import BulletList, CodeBlock, Figure, FoldedTables, Note, Part, Section, Table
from aarlab.report.planned_comparisons import MeasureResult


def explanation_sections(analysis: Analysis) -> Iterator[Section]:
    """Yield the sections by task, on the mechanism, on matched spend and on sensitivity, as far as there are data."""
    if len(analysis.results.tasks) > 1 and analysis.effects:
        yield _by_task(analysis)
    if any(m.hours for m in analysis.mechanisms):
        yield _mechanism(analysis)
    if (table := coordination_table(analysis.arms)).rows:
        yield _coordination(table)
    if analysis.matched_spends:
        yield _matched_spend(analysis)
    yield from _sensitivity(analysis)
    if analysis.signs:
        note = "Selected by the t statistic, which divides a difference by its standard error."
        command = CodeBlock(confirmation_example(analysis))
        yield Section("Signs of effects", (signs_text(), command, signs_table(analysis), Note(note)))


def forest_figure(outcome: MeasureResult, name: str = "forest") -> Figure:
    """Return the forest plot of the planned comparisons in one measure."""
    comparisons = outcome.comparisons
    differences, significant = [c.difference for c in comparisons], [c.significant for c in comparisons]
    return Figure(name, figures.difference_forest(differences, significant, outcome.label))


def _by_task(analysis: Analysis) -> Section:
    effects = list(analysis.effects.values())
    differences = {
        f"{over.arm} \N{MINUS SIGN} {over.against}, {task}": difference
        for over in effects
        for task, difference in over.by_task.items()
    }
    label = analysis.primary.label
    note = (
        "The effect over tasks is the mean of the effects on the tasks, each with the same weight, from a mixed model "
        "with arms and tasks fixed and seeds random. Its interval is for these tasks and other seeds. A "
        "small `p, equal on all` means that the effect differs between tasks. Filled: the interval excludes 0."
    )
    return Section(
        f"{capitalised(label)} by task",
        (
            Figure("forest-by-task", figures.named_forest(differences, label)),
            Note(note),
            effects_by_task_table(analysis),
            arms_by_task_table(analysis),
        ),
    )


def _mechanism(analysis: Analysis) -> Section:
    text = (
        "Means per run. Research hours of the whole team by what they were used for; idle hours are those of the "
        "budget that no step used, opening and close are hours of the lab. Used: all steps of the researchers. Known "
        "methods and novel recipes are shares of the full experiments."
    )
    parts: list[Part] = [text, hours_table(analysis, by_task=False), mechanism_table(analysis, by_task=False)]
    if len(analysis.results.tasks) > 1:
        tables = (hours_table(analysis, by_task=True), mechanism_table(analysis, by_task=True))
        parts.append(FoldedTables("By task", tables))
    return Section("What the teams did", tuple(parts))


def _coordination(table: Table) -> Section:
    relative = (
        "relative to the arm of one researcher that the column names"
        if any(row[table.columns.index("single")] for row in table.rows)
        else "unknown, because the ablation has no arm of one researcher"
    )
    text = (
        "Measures as Kim et al. (2025), Friedman and Dieng (2023) and Shen et al. (2026) define them, means per run; "
        f"docs/measures.md has the definitions. Overhead, efficiency and error amplification are {relative}."
    )
    labels = {"arm": "arm", "task": "task", "single": "relative to", **COLUMNS}
    kept = [i for i, name in enumerate(table.columns) if name == "arm" or any(row[i] is not None for row in table.rows)]
    shown = replace(
        table,
        columns=tuple(labels[table.columns[i]] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )
    return Section("Coordination", (text, shown))


def _matched_spend(analysis: Analysis) -> Section:
    text = (
        f"Differences in the best development {analysis.score_name} at the end of the budget, and when both arms had "
        "spent the smaller of their two mean spends. Spends are means per run of the arm and of the other. If a "
        "difference vanishes at matched spend, the arm was worse or better because it spent less or more. Development "
        "scores are maxima of noisy scores."
    )
    return Section("Equal hours and matched spend", (text, matched_spend_table(analysis)))


def _sensitivity(analysis: Analysis) -> Iterator[Section]:
    parts: list[Part] = []
    if sentences := sensitivity_sentences(analysis):
        parts += [
            "The planned comparisons, repeated with other values of fields that all arms share. Significant: the 95 % "
            "interval excludes 0, not corrected for the number of settings.",
            BulletList(tuple(sentences)),
            sensitivity_table(analysis),
        ]
    if sentence := temperaments_sentence(analysis):
        parts.append(sentence)
    if parts:
        yield Section("Sensitivity", tuple(parts))
