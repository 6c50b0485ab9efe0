"""A report as Markdown, without figures: for the terminal, a repository or an issue."""

from collections.abc import Iterator, Sequence

from aarlab.report.analysis import Analysis
from aarlab.report.parts import BulletList, CodeBlock, Figure, FoldedTables, Note, Part, Table, cell_text
from aarlab.report.run_report import RunReport
from aarlab.report.sections import DEFAULT_QUESTION, sections
from aarlab.report.sentences import caveats, context_sentences, result_sentence, title_line


def markdown(analysis: Analysis) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(block for block in _blocks(analysis) if block) + "\n"


def run_markdown(report: RunReport) -> str:
    """Return the report of a single run as Markdown."""
    blocks = [f"**{plain_line(report.title)}**", f"# {plain_line(report.heading)}", plain_line(report.result)]
    for section in report.sections:
        if parts := [text for part in section.parts if (text := part_as_markdown(part))]:
            blocks += [f"## {plain_line(section.title)}", *parts]
    return "\n\n".join(blocks) + "\n"


def _blocks(analysis: Analysis) -> Iterator[str]:
    yield f"**{plain_line(title_line(analysis))}**"
    yield f"# {plain_line(analysis.results.ablation.question or DEFAULT_QUESTION)}"
    yield plain_line(result_sentence(analysis))
    yield from map(plain_line, context_sentences(analysis))
    if warnings := caveats(analysis):
        yield f"## Caveats\n\n{_items(warnings)}"
    for section in sections(analysis):
        if blocks := [block for part in section.parts if (block := part_as_markdown(part))]:
            yield f"## {plain_line(section.title)}"
            yield from blocks


def part_as_markdown(part: Part) -> str:
    """Return a part of a section as Markdown; empty for a figure."""
    match part:
        case str():
            return plain_line(part)
        case BulletList():
            return _items(part.lines)
        case Table():
            return _table(part)
        case FoldedTables():
            return "\n\n".join([f"{plain_line(part.title)}:", *map(_table, part.tables)])
        case CodeBlock(title=""):
            return f"```bash\n{part.text}\n```"
        case Figure() | Note() | CodeBlock():
            return ""


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    head = f"| {' | '.join(_cell(column.replace('_', ' ')) for column in table.columns)} |"
    rule = f"|{'|'.join('---:' if table.is_numeric(column) else '---' for column in range(len(table.columns)))}|"
    return "\n".join([head, rule, *(f"| {' | '.join(_cell(cell_text(cell)) for cell in row)} |" for row in table.rows)])


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {plain_line(line)}" for line in lines)


def _cell(text: str) -> str:
    return plain_line(text).replace("|", "\\|")


def plain_line(text: str) -> str:
    """Return text on one line, with angle brackets and backticks escaped."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
