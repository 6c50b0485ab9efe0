"""A report as one self-contained HTML page."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from aarlab.report.analysis import Analysis
from aarlab.report.explanation_sections import forest_figure
from aarlab.report.formatted_tables import percent
from aarlab.report.html_document import embedded_figure, html_document
from aarlab.report.parts import BulletList, CodeBlock, Figure, FoldedTables, Note, Part, Table, cell_text
from aarlab.report.sections import DEFAULT_QUESTION, sections
from aarlab.report.sentences import caveats, context_sentences, result_sentence, title_line

_MAX_UNBROKEN_CHARS = 12
"""Maximum length of a cell that is not broken into lines."""
_MAX_ROWS = 60
"""Maximum number of rows of a table on the page; the CSV file has all rows."""


def page(analysis: Analysis) -> str:
    """Return the page. It contains its style and its figures, loads nothing and runs no script."""
    title = title_line(analysis)
    return html_document(title, "\n".join(_body(analysis, title)))


def _body(analysis: Analysis, title: str) -> Iterator[str]:
    question = analysis.results.ablation.question or DEFAULT_QUESTION
    yield f'<header><p class="kind">{escape(title)}</p><h1>{escape(question)}</h1>'
    yield f'<p class="result">{prose(result_sentence(analysis))}</p>'
    if analysis.primary.comparisons:
        yield _figure(forest_figure(analysis.primary))
        level = percent(analysis.primary.level)
        yield _note(
            f"Planned comparisons, paired by seed where possible, with {level} t intervals over runs, which are not "
            "corrected for multiple comparisons. Filled: significant after Holm's correction."
        )
    for sentence in context_sentences(analysis):
        yield f"<p>{prose(sentence)}</p>"
    yield "</header>"
    if warnings := caveats(analysis):
        yield f"<aside><h2>Caveats</h2>{_items(warnings)}</aside>"
    for section in sections(analysis):
        yield f"<section><h2>{escape(section.title)}</h2>"
        yield from map(part_as_html, section.parts)
        yield "</section>"


def prose(text: str) -> str:
    """Return escaped text whose lines are not broken between a number and its per cent sign."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", escape(text))


def part_as_html(part: Part) -> str:
    """Return a part of a section as HTML."""
    match part:
        case str():
            return f"<p>{prose(part)}</p>"
        case BulletList():
            return _items(part.lines)
        case Table():
            return _table(part)
        case FoldedTables():
            content = "".join(map(_table, part.tables))
            return f"<details><summary>{escape(part.title)}</summary>{content}</details>"
        case Figure():
            return _figure(part)
        case Note():
            return _note(part.text)
        case CodeBlock(title=""):
            return f"<pre>{escape(part.text)}</pre>"
        case CodeBlock():
            return f"<details><summary>{escape(part.title)}</summary><pre>{escape(part.text)}</pre></details>"


def _figure(part: Figure) -> str:
    return embedded_figure(part.drawing, part.name)


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    numeric = [table.is_numeric(column) for column in range(len(table.columns))]
    classes = [" class=n" if is_number else "" for is_number in numeric]
    head = "".join(
        f"<th{kind}>{prose(c.replace('_', ' '))}</th>" for kind, c in zip(classes, table.columns, strict=True)
    )
    rows = []
    for row in table.rows[:_MAX_ROWS]:
        cells = (_cell(kind, cell_text(cell)) for kind, cell in zip(classes, row, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(table.rows) - _MAX_ROWS
    rest = _note(f"and {more} more, in {table.name}.csv") if more > 0 else ""
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{rest}"


def _cell(kind: str, text: str) -> str:
    # Numbers with their intervals and short texts are not broken into lines.
    unbroken = len(text) <= _MAX_UNBROKEN_CHARS or (text.endswith(")") and " to " in text)
    return f"<td{kind or (' class=i' if unbroken else '')}>{escape(text)}</td>"


def _items(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{prose(line)}</li>' for line in lines)}</ul>" if lines else ""


def _note(text: str) -> str:
    return f'<p class="note">{prose(text)}</p>'
