"""A report as one HTML page that needs nothing but itself."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from aarlab.report import figures
from aarlab.report.analysis import Analysis, MeasureResult
from aarlab.report.arm_runs import compute_sentence
from aarlab.report.formatted_tables import (
    arms_table,
    checkpoints_table,
    design_table,
    differences_table,
    over_baseline_table,
    panels_table,
    usage_table,
)
from aarlab.report.provenance import configurations, reproduce_command, versions_sentence
from aarlab.report.report_tables import Table, cell_text, tables
from aarlab.report.sentences import (
    caveats,
    controls_sentence,
    design_sentences,
    result_sentence,
    slope_sentence,
    temperament_sentence,
    title_line,
    usage_sentence,
)

_CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}
_MAX_UNBROKEN_CHARS = 12
"""Characters of a cell that is not broken into lines."""
_MAX_ROWS = 60
"""Rows of a table that the page shows; the CSV beside it has all."""


def page(analysis: Analysis) -> str:
    """Return the page. It fetches nothing: style, figures and plotly's JavaScript are in it."""
    from plotly.offline import get_plotlyjs

    title = title_line(analysis)
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    body = "\n".join(_body(analysis, title))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(analysis: Analysis, title: str) -> Iterator[str]:
    question = analysis.results.ablation.question or "What did the structure do?"
    yield f'<header><p class="kind">{escape(title)}</p><h1>{escape(question)}</h1>'
    yield f'<p class="result">{escape(result_sentence(analysis))}</p>'
    if analysis.primary.comparison:
        yield _figure("forest", _forest(analysis.primary))
        yield _note(
            "Planned comparisons, paired by seed where both arms have it, with 95 % bootstrap intervals over runs, "
            "each by itself. Filled: a difference after Holm's correction."
        )
    if controls := controls_sentence(analysis):
        yield f"<p>{escape(controls)}</p>"
    yield "</header>"
    if warned := caveats(analysis):
        yield f"<aside><h2>Caveats</h2>{_items(warned)}</aside>"
    yield from _design(analysis)
    yield from _result(analysis)
    yield from _panels(analysis)
    for outcome in analysis.outcomes[1:]:
        yield from _secondary_outcome(outcome)
    yield from _curve_sections(analysis)
    yield from _autonomy(analysis)
    yield from _usage_and_problems(analysis)
    yield from _reproduce(analysis)


def _design(analysis: Analysis) -> Iterator[str]:
    yield f"<section><h2>What was compared</h2>{_table(design_table(analysis))}"
    yield f"<p>{escape(compute_sentence(analysis.arms))} {escape(usage_sentence(analysis))}</p></section>"


def _result(analysis: Analysis) -> Iterator[str]:
    outcome = analysis.primary
    if not outcome.arm_summaries:
        return
    yield f"<section><h2>{escape(outcome.label)}</h2>"
    values = {arm.name: found for arm in analysis.arms if (found := list(arm.values(outcome.measure).values()))}
    means = {name: arm_summary.mean for name, arm_summary in outcome.arm_summaries.items()}
    baseline = analysis.baseline if outcome.measure == "heldout.pgr" else None
    yield _figure("runs", figures.runs(values, means, outcome.label, baseline))
    yield _note("Every faint dot is a run; the mean of the arm stands over them with its interval.")
    yield _items(design_sentences(analysis))
    yield _table(differences_table(outcome)) + _table(arms_table(outcome))
    yield _figure("profiles", figures.profiles(analysis.profiles, outcome.label))
    yield (
        _note("Performance profiles: an arm whose line stays above another's is better at every level.") + "</section>"
    )


def _forest(outcome: MeasureResult) -> Any:
    comparison = outcome.comparison
    return figures.difference_forest(
        [c.difference for c in comparison], [c.significant for c in comparison], outcome.label
    )


def _panels(analysis: Analysis) -> Iterator[str]:
    scores = {arm: panels for arm, panels in analysis.panels.items() if panels}
    if not scores:
        return
    yield "<section><h2>Development, held-out, shifted, transfer</h2>"
    yield _figure("panels", figures.panels(scores))
    yield _note(
        "The PGR of what won, on every kind of worlds. Development is the best of many noisy scores, too good to be "
        "true; held-out worlds are new to everybody; shifted ones come from a shifted task; transfer is to other tasks."
    )
    yield _table(panels_table(analysis)) + _table(over_baseline_table(analysis)) + "</section>"


def _secondary_outcome(outcome: MeasureResult) -> Iterator[str]:
    if not outcome.arm_summaries:
        return
    yield f"<section><h2>{escape(outcome.label)}</h2>"
    if outcome.comparison:
        yield _figure(f"forest-{outcome.measure}", _forest(outcome))
    yield _table(differences_table(outcome)) + _table(arms_table(outcome)) + "</section>"


def _curve_sections(analysis: Analysis) -> Iterator[str]:
    hours = "team research hours"
    if analysis.best_so_far_curves:
        first = next(iter(analysis.best_so_far_curves))
        yield "<section><h2>PGR over research hours</h2>"
        yield _figure(
            "best_so_far_curves", figures.mean_curves(analysis.best_so_far_curves, hours, "development PGR", steps=True)
        )
        yield _note(
            f"Best development PGR so far over the research hours of the whole team, mean over runs; grey is {first}. "
            "It shows how teams climb, not what they reached: that is the held-out PGR."
        )
        yield _table(checkpoints_table(analysis)) + "</section>"
    if analysis.entropies:
        yield "<section><h2>Diversity over research hours</h2>"
        yield _figure("entropies", figures.mean_curves(analysis.entropies, hours, "entropy, bits"))
        yield _note("Shannon entropy of the method families that researchers stand for, mean over runs.") + "</section>"


def _autonomy(analysis: Analysis) -> Iterator[str]:
    if any(analysis.autonomy.values()):
        yield f"<section><h2>{escape(analysis.primary.label)} and realised autonomy</h2>"
        yield _figure("autonomy", figures.autonomy(analysis.autonomy, analysis.between, analysis.primary.label))
        yield _items([slope_sentence(analysis.between, kind="between"), slope_sentence(analysis.within, kind="within")])
        yield _note(
            "Runs of one arm share a structure and with it their autonomy, so between arms each arm counts once. The "
            "control, whose researchers are others, is left out of both. The line cannot tell autonomy from whatever "
            "else the arms differ in."
        )
        yield "</section>"
    if sentence := temperament_sentence(analysis):
        yield f"<section><h2>Temperament</h2><p>{escape(sentence)}</p>"
        yield "".join(_table(table) for table in tables(analysis) if table.name == "temperaments") + "</section>"


def _usage_and_problems(analysis: Analysis) -> Iterator[str]:
    yield f"<section><h2>Usage</h2>{_table(usage_table(analysis))}</section>"
    made = {table.name: table for table in tables(analysis)}
    yield "<section><h2>Problems</h2>"
    if "left_out" not in made:
        yield "<p>No run failed, is unfinished or was left out.</p>"
    if "breaches" not in made:
        yield "<p>In every run that is done, what happened is what was configured.</p>"
    problem_tables = [made[name] for name in ("left_out", "breaches", "suspicions") if name in made]
    yield from (f"<h3>{escape(table.title)}</h3>{_table(table)}" for table in problem_tables)
    yield "</section>"


def _reproduce(analysis: Analysis) -> Iterator[str]:
    from plotly import __version__ as plotly

    yield f"<section><h2>Reproduce</h2><pre>{escape(reproduce_command(analysis))}</pre>"
    yield f"<p>{escape(versions_sentence(analysis))} Figures by plotly {escape(plotly)}.</p>"
    for title, text in configurations(analysis):
        yield f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
    yield "</section>"


def _figure(name: str, figure: Any) -> str:
    identifier = f"figure-{name.replace('.', '-')}"
    config = json.dumps({**_CONFIG, "toImageButtonOptions": {"format": "svg", "filename": f"aarlab-{name}"}})
    # Nothing in it can end the script: plotly writes angle brackets and slashes as escapes.
    return (
        f'<figure id="{escape(identifier)}" style="height:{figure.layout.height}px"></figure>\n<script>'
        f"(f => Plotly.newPlot({json.dumps(identifier)}, f.data, f.layout, {config}))({figure.to_json()})</script>"
    )


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    numeric = [not any(isinstance(row[place], str) for row in table.rows) for place in range(len(table.columns))]
    kinds = [" class=n" if is_number else "" for is_number in numeric]
    head = "".join(
        f"<th{kind}>{escape(c.replace('_', ' '))}</th>" for kind, c in zip(kinds, table.columns, strict=True)
    )
    rows = []
    for row in table.rows[:_MAX_ROWS]:
        cells = (_cell(kind, cell_text(cell)) for kind, cell in zip(kinds, row, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(table.rows) - _MAX_ROWS
    rest = _note(f"and {more} more, in {table.name}.csv") if more > 0 else ""
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{rest}"


def _cell(kind: str, text: str) -> str:
    # Figures with their intervals stay on a line, and so does what is short.
    whole = len(text) <= _MAX_UNBROKEN_CHARS or (text.endswith(")") and " to " in text)
    return f"<td{kind or (' class=i' if whole else '')}>{escape(text)}</td>"


def _items(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
