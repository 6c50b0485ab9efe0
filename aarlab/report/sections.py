"""The sections of a report in order, for every output format."""

from collections.abc import Iterator

from aarlab.cli.formatting import capitalised
from aarlab.report import figures
from aarlab.report.analysis import Analysis
from aarlab.report.arm_runs import compute_sentence
from aarlab.report.explanation_sections import explanation_sections, forest_figure
from aarlab.report.formatted_tables import (
    arms_table,
    checkpoints_table,
    design_table,
    differences_table,
    panels_table,
    references_table,
    usage_table,
    winners_curse_table,
)
from aarlab.report.oversight_sections import oversight_sections
from aarlab.report.parts import BulletList, CodeBlock, Figure, Note, Part, Section, Table
from aarlab.report.planned_comparisons import MeasureResult
from aarlab.report.provenance import configurations, reproduce_command, versions_sentence
from aarlab.report.published import published_sections
from aarlab.report.report_tables import tables
from aarlab.report.sentences import design_sentences, slope_sentence, usage_sentence

DEFAULT_QUESTION = "What is the effect of the structure?"

_CURSE = (
    "Winner's curse: the winner is selected by noisy scores, so the scores that selected it are biased upwards. The "
    "held-out score has no such bias."
)


def sections(analysis: Analysis) -> Iterator[Section]:
    """Yield the sections below the result and the caveats."""
    csv_tables = {table.name: table for table in tables(analysis)}
    compute = f"{compute_sentence(analysis.arms)} {usage_sentence(analysis)}"
    yield Section("Compared arms", (design_table(analysis), compute))
    if analysis.primary.arm_summaries:
        yield _primary_measure(analysis)
    yield from published_sections(analysis)
    yield from explanation_sections(analysis)
    yield from oversight_sections(analysis)
    if any(analysis.panels.values()):
        yield _panels(analysis)
    for outcome in analysis.outcomes[1:]:
        if outcome.arm_summaries:
            forest = (forest_figure(outcome, f"forest-{outcome.measure}"),) if outcome.comparisons else ()
            yield Section(_heading(outcome), (*forest, differences_table(outcome), arms_table(outcome)))
    yield from _curves(analysis)
    if any(analysis.autonomy.values()):
        yield _autonomy(analysis)
    yield Section("Usage", (usage_table(analysis),))
    yield Section("Problems", tuple(_problems(csv_tables)))
    details = (CodeBlock(text, title) for title, text in configurations(analysis))
    yield Section("Reproduce", (CodeBlock(reproduce_command(analysis)), versions_sentence(analysis), *details))


def _heading(outcome: MeasureResult) -> str:
    return capitalised(outcome.label)


def _primary_measure(analysis: Analysis) -> Section:
    outcome = analysis.primary
    values = {arm.name: runs for arm in analysis.arms if (runs := list(arm.values(outcome.measure).values()))}
    means = {name: arm_summary.mean for name, arm_summary in outcome.arm_summaries.items()}
    references = {line.name: line.pgr for line in analysis.references if outcome.measure == "heldout.pgr"}
    parts: tuple[Part, ...] = (
        Figure("runs", figures.runs(values, means, outcome.label, references)),
        Note("Faint dots are runs; strong dots are the means of the arms with their intervals."),
        BulletList(tuple(design_sentences(analysis))),
        differences_table(outcome),
        arms_table(outcome),
        Figure("profiles", figures.profiles(analysis.profiles, outcome.label)),
        Note("Performance profiles: an arm with the higher line at every value is better at every level."),
    )
    return Section(_heading(outcome), parts)


def _panels(analysis: Analysis) -> Section:
    scores = {arm: panels for arm, panels in analysis.panels.items() if panels}
    note = (
        f"{capitalised(analysis.score_name)} of the winner on each panel of worlds. Development scores are the "
        "maximum of many noisy scores and biased upwards. Held-out worlds were not used during the run, "
        "shifted worlds come from a shifted distribution, and transfer is to other tasks."
    )
    return Section(
        "Development, held-out, shifted, transfer",
        (
            Figure("panels", figures.panels(scores, analysis.score_name)),
            Note(note),
            panels_table(analysis),
            references_table(analysis),
            *((_CURSE, winners_curse_table(analysis)) if analysis.winners_curses else ()),
        ),
    )


def _curves(analysis: Analysis) -> Iterator[Section]:
    hours, curves = "team research hours", analysis.best_so_far_curves
    if curves:
        note = (
            f"Best development {analysis.score_name} so far over the research hours of the whole team, mean over runs; "
            f"grey is {next(iter(curves))}. It shows how fast teams improve. The result is the held-out "
            f"{analysis.score_name}."
        )
        figure = Figure(
            "best_so_far_curves",
            figures.mean_curves(curves, hours, f"development {analysis.score_name}", steps=True),
        )
        yield Section(
            f"{capitalised(analysis.score_name)} over research hours", (figure, Note(note), checkpoints_table(analysis))
        )
    if analysis.entropies:
        figure = Figure("entropies", figures.mean_curves(analysis.entropies, hours, "entropy, bits"))
        note = "Shannon entropy of the researchers' current method families, mean over runs."
        yield Section("Diversity over research hours", (figure, Note(note)))


def _autonomy(analysis: Analysis) -> Section:
    label = analysis.primary.label
    slopes = (slope_sentence(analysis.between, kind="between"), slope_sentence(analysis.within, kind="within"))
    note = (
        "Runs of one arm share a structure and therefore their autonomy, so each arm counts once between arms. The "
        "control has other researchers and is excluded. The line does not separate autonomy from other differences "
        "between the arms."
    )
    return Section(
        f"{_heading(analysis.primary)} and realised autonomy",
        (
            Figure("autonomy", figures.autonomy(analysis.autonomy, analysis.between, label)),
            BulletList(slopes),
            Note(note),
        ),
    )


def _problems(csv_tables: dict[str, Table]) -> Iterator[Part]:
    if "left_out" not in csv_tables:
        yield "All planned runs are finished and have the primary measure."
    if "violations" not in csv_tables:
        yield "In all finished runs, the recorded events match the configured structure."
    for name in ("left_out", "violations", "suspicions"):
        if name in csv_tables:
            yield f"{csv_tables[name].title}:"
            yield csv_tables[name]
