"""A report as Markdown, without figures: for the terminal, a repository or an issue."""

from collections.abc import Iterator, Sequence

from aarlab.report.analysis import Analysis
from aarlab.report.parts import BulletList, CodeBlock, Figure, FoldedTables, Note, Part, Table, cell_text
from aarlab.report.sections import DEFAULT_QUESTION, sections
from aarlab.report.sentences import caveats, context_sentences, result_sentence, title_line


def markdown(analysis: Analysis) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(block for block in _blocks(analysis) if block) + "\n"


def _blocks(analysis: Analysis) -> Iterator[str]:
    yield f"**{_plain(title_line(analysis))}**"
    yield f"# {_plain(analysis.results.ablation.question or DEFAULT_QUESTION)}"
    yield _plain(result_sentence(analysis))
    yield from map(_plain, context_sentences(analysis))
    if warnings := caveats(analysis):
        yield f"## Caveats\n\n{_items(warnings)}"
    for section in sections(analysis):
        if blocks := [block for part in section.parts if (block := _part(part))]:
            yield f"## {_plain(section.title)}"
            yield from blocks


def _part(part: Part) -> str:
    match part:
        case str():
            return _plain(part)
        case BulletList():
            return _items(part.lines)
        case Table():
            return _table(part)
        case FoldedTables():
            return "\n\n".join([f"{_plain(part.title)}:", *map(_table, part.tables)])
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
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return text on one line, with angle brackets and backticks escaped."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
