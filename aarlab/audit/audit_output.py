"""An audit as text for the terminal, and as a self-contained HTML page."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column
from rich.text import Text

from aarlab.agents.models.registry import is_simulated
from aarlab.audit.audit_sections import audit_sections, result_sentence
from aarlab.audit.run_audit import RunAudit
from aarlab.cli.formatting import counted, printable
from aarlab.cli.tables import data_table
from aarlab.report.html_document import html_document
from aarlab.report.html_page import part_as_html, prose
from aarlab.report.parts import BulletList, CodeBlock, FoldedTables, Part, Section, Table, cell_text

MAX_DIFFS = 3
"""Changes of the code that are printed for one method; the page has all."""

_INTERVAL = re.compile(r"\S+ \(\S+ to \S+\)|\S+ ± \S+")
"""A number with its interval, which is not broken into lines."""


def title_line(audit: RunAudit) -> str:
    """Return the name of the run and what its researchers are."""
    kind = "simulated researchers, not a language model" if is_simulated(audit.model) else "base model"
    return f"{audit.run_id}: audit of {counted(len(audit.methods), 'method')}; {kind} ({audit.model})"


def audit_text(audit: RunAudit) -> Iterator[RenderableType]:
    """Yield the audit for the terminal, without figures."""
    yield Text(printable(title_line(audit)), style="yellow")
    yield Padding(Text(printable(result_sentence(audit)), style="bold"), (1, 0))
    for section in audit_sections(audit):
        yield Text(printable(section.title), style="bold cyan")
        yield from _section(section)
        yield Text()


def _section(section: Section) -> Iterator[RenderableType]:
    diffs = 0
    for part in section.parts:
        if isinstance(part, CodeBlock) and part.title:
            diffs += 1
            if diffs > MAX_DIFFS:
                continue
        if (shown := _part(part)) is not None:
            yield shown
    if diffs > MAX_DIFFS:
        yield Text(f"and {counted(diffs - MAX_DIFFS, 'earlier change')} (--out audit.html)", style="dim")


def _part(part: Part) -> RenderableType | None:
    match part:
        case str():
            return Text(printable(part))
        case BulletList():
            return Group(*(Padding(Text(f"- {printable(line)}"), (0, 0, 0, 1)) for line in part.lines))
        case Table():
            return _table(part)
        case FoldedTables():
            return Group(*map(_table, part.tables))
        case CodeBlock():
            lines = [*([Text(printable(part.title))] if part.title else []), *map(_code_line, part.text.splitlines())]
            return Padding(Group(*lines), (0, 0, 1, 2))
        case _:
            return None


def _code_line(line: str) -> Text:
    style = {"+": "green", "-": "red"}.get(line[:1], "")
    return Text(printable(line), style=style)


def _table(table: Table) -> RenderableType:
    columns = [
        Column(
            column,
            justify="right" if table.is_numeric(number) else "left",
            overflow="fold",
            no_wrap=any(_INTERVAL.fullmatch(cell_text(row[number])) for row in table.rows),
        )
        for number, column in enumerate(table.columns)
    ]
    shown = data_table(*columns)
    for row in table.rows:
        shown.add_row(*(Text(printable(cell_text(cell))) for cell in row))
    return shown


def audit_page(audit: RunAudit) -> str:
    """Return the page. It contains its style and figures, loads nothing and runs no script."""

    def section_html(section: Section) -> str:
        parts = "".join(_diff_html(part) if _is_diff(part) else part_as_html(part) for part in section.parts)
        return f"<section><h2>{escape(section.title)}</h2>{parts}</section>"

    title = title_line(audit)
    header = (
        f'<header><p class="kind">{escape(title)}</p><h1>Audit of {escape(audit.run_id)}</h1>'
        f'<p class="result">{prose(result_sentence(audit))}</p></header>'
    )
    return html_document(title, "\n".join([header, *map(section_html, audit_sections(audit))]))


def _is_diff(part: Any) -> bool:
    return isinstance(part, CodeBlock) and part.text.startswith("--- ")


def _diff_html(part: Any) -> str:
    """Return a change of the code with added and removed lines marked, shown on demand."""
    elements = {"+": "ins", "-": "del"}
    lines = []
    for line in part.text.splitlines():
        element = elements.get(line[:1])
        lines.append(f"<{element}>{escape(line)}</{element}>" if element else escape(line))
    body = "\n".join(lines)
    return f'<details><summary>{escape(part.title)}</summary><pre class="diff">{body}</pre></details>'
