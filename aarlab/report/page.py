"""A report as one HTML page that needs nothing but itself."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from aarlab import figures
from aarlab.report.analysis import Analysis, Outcome
from aarlab.report.arms import compute_sentence
from aarlab.report.readable import (
    arms_table,
    checkpoints_table,
    design_table,
    differences_table,
    over_baseline_table,
    panels_table,
    spent_table,
)
from aarlab.report.reproduce import command, configurations, versions_sentence
from aarlab.report.sentences import (
    cautions,
    controls_sentence,
    design_sentences,
    result_sentence,
    slope_sentence,
    temperament_sentence,
    title_line,
    used_sentence,
)
from aarlab.report.tables import Table, shown, tables

_CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}
_SHORT = 12
"""Characters of a cell that is not broken into lines."""
_MOST_ROWS = 60
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
    if analysis.primary.compared:
        yield _figure("forest", _forest(analysis.primary))
        yield _note(
            "Planned comparisons, paired by seed where both arms have it, with 95 % bootstrap intervals over runs, "
            "each by itself. Filled: a difference after Holm's correction."
        )
    if controls := controls_sentence(analysis):
        yield f"<p>{escape(controls)}</p>"
    yield "</header>"
    if warned := cautions(analysis):
        yield f"<aside><h2>Before you believe it</h2>{_items(warned)}</aside>"
    yield from _design(analysis)
    yield from _result(analysis)
    yield from _panels(analysis)
    for outcome in analysis.outcomes[1:]:
        yield from _other(outcome)
    yield from _courses(analysis)
    yield from _autonomy(analysis)
    yield from _books(analysis)
    yield from _reproduce(analysis)


def _design(analysis: Analysis) -> Iterator[str]:
    yield f"<section><h2>What was compared</h2>{_table(design_table(analysis))}"
    yield f"<p>{escape(compute_sentence(analysis.arms))} {escape(used_sentence(analysis))}</p></section>"


def _result(analysis: Analysis) -> Iterator[str]:
    outcome = analysis.primary
    if not outcome.standings:
        return
    yield f"<section><h2>{escape(outcome.words)}</h2>"
    values = {arm.name: found for arm in analysis.arms if (found := list(arm.values(outcome.measure).values()))}
    means = {name: standing.mean for name, standing in outcome.standings.items()}
    baseline = analysis.baseline if outcome.measure == "heldout.pgr" else None
    yield _figure("runs", figures.runs(values, means, outcome.words, baseline))
    yield _note("Every faint dot is a run; the mean of the arm stands over them with its interval.")
    yield _items(design_sentences(analysis))
    yield _table(differences_table(outcome)) + _table(arms_table(outcome))
    yield _figure("profiles", figures.profiles(analysis.profiles, outcome.words))
    yield (
        _note("Performance profiles: an arm whose line stays above another's is better at every level.") + "</section>"
    )


def _forest(outcome: Outcome) -> Any:
    compared = outcome.compared
    return figures.forest([c.difference for c in compared], [c.shown for c in compared], outcome.words)


def _panels(analysis: Analysis) -> Iterator[str]:
    scores = {arm: panels for arm, panels in analysis.panels.items() if panels}
    if not scores:
        return
    yield "<section><h2>Development, held-out, redrawn, transfer</h2>"
    yield _figure("panels", figures.panels(scores))
    yield _note(
        "The PGR of what won, on every kind of worlds. Development is the best of many noisy scores, too good to be "
        "true; held-out worlds are new to everybody; redrawn ones come from a shifted task; transfer is to other tasks."
    )
    yield _table(panels_table(analysis)) + _table(over_baseline_table(analysis)) + "</section>"


def _other(outcome: Outcome) -> Iterator[str]:
    if not outcome.standings:
        return
    yield f"<section><h2>{escape(outcome.words)}</h2>"
    if outcome.compared:
        yield _figure(f"forest-{outcome.measure}", _forest(outcome))
    yield _table(differences_table(outcome)) + _table(arms_table(outcome)) + "</section>"


def _courses(analysis: Analysis) -> Iterator[str]:
    hours = "team research hours"
    if analysis.climbs:
        first = next(iter(analysis.climbs))
        yield "<section><h2>PGR over research hours</h2>"
        yield _figure("climbs", figures.courses(analysis.climbs, hours, "development PGR", steps=True))
        yield _note(
            f"Best development PGR so far over the research hours of the whole team, mean over runs; grey is {first}. "
            "It shows how teams climb, not what they reached: that is the held-out PGR."
        )
        yield _table(checkpoints_table(analysis)) + "</section>"
    if analysis.entropies:
        yield "<section><h2>Diversity over research hours</h2>"
        yield _figure("entropies", figures.courses(analysis.entropies, hours, "entropy, bits"))
        yield _note("Shannon entropy of the method families that researchers stand for, mean over runs.") + "</section>"


def _autonomy(analysis: Analysis) -> Iterator[str]:
    if any(analysis.autonomy.values()):
        yield f"<section><h2>{escape(analysis.primary.words)} and realised autonomy</h2>"
        yield _figure("autonomy", figures.autonomy(analysis.autonomy, analysis.between, analysis.primary.words))
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


def _books(analysis: Analysis) -> Iterator[str]:
    yield f"<section><h2>What it took</h2>{_table(spent_table(analysis))}</section>"
    made = {table.name: table for table in tables(analysis)}
    yield "<section><h2>What went wrong</h2>"
    if "left_out" not in made:
        yield "<p>No run failed, is unfinished or was left out.</p>"
    if "breaches" not in made:
        yield "<p>In every run that is done, what happened is what was configured.</p>"
    troubles = [made[name] for name in ("left_out", "breaches", "suspicions") if name in made]
    yield from (f"<h3>{escape(table.title)}</h3>{_table(table)}" for table in troubles)
    yield "</section>"


def _reproduce(analysis: Analysis) -> Iterator[str]:
    from plotly import __version__ as plotly

    yield f"<section><h2>To reproduce it</h2><pre>{escape(command(analysis))}</pre>"
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
    for row in table.rows[:_MOST_ROWS]:
        cells = (_cell(kind, shown(cell)) for kind, cell in zip(kinds, row, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(table.rows) - _MOST_ROWS
    rest = _note(f"and {more} more, in {table.name}.csv") if more > 0 else ""
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{rest}"


def _cell(kind: str, text: str) -> str:
    # Figures with their intervals stay on a line, and so does what is short.
    whole = len(text) <= _SHORT or (text.endswith(")") and " to " in text)
    return f"<td{kind or (' class=i' if whole else '')}>{escape(text)}</td>"


def _items(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
