"""A report as Markdown: for the terminal, a repository or an issue. No figures, the same words and numbers."""

from collections.abc import Iterator, Sequence

from aarlab.report.analysis import Analysis
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
from aarlab.report.provenance import reproduce_command, versions_sentence
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


def markdown(analysis: Analysis) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(part for part in _parts(analysis) if part) + "\n"


def _parts(analysis: Analysis) -> Iterator[str]:
    yield f"**{_plain(title_line(analysis))}**"
    yield f"# {_plain(analysis.results.ablation.question) or 'What did the structure do?'}"
    yield _plain(result_sentence(analysis))
    yield _plain(controls_sentence(analysis) or "")
    if warned := caveats(analysis):
        yield f"## Caveats\n\n{_items(warned)}"
    yield (
        f"## What was compared\n\n{_table(design_table(analysis))}\n\n{_plain(compute_sentence(analysis.arms))} "
        f"{_plain(usage_sentence(analysis))}"
    )
    for outcome in analysis.outcomes:
        if outcome.arm_summaries:
            yield f"## {_plain(outcome.label[0].upper() + outcome.label[1:])}"
            yield _table(differences_table(outcome))
            yield _table(arms_table(outcome))
            if outcome is analysis.primary:
                yield _items(design_sentences(analysis))
    if any(analysis.panels.values()):
        yield f"## Development, held-out, shifted, transfer\n\n{_table(panels_table(analysis))}"
        yield _table(over_baseline_table(analysis))
    if analysis.checkpoints:
        yield f"## Over the budget\n\n{_table(checkpoints_table(analysis))}"
    lines = [slope_sentence(analysis.between, kind="between"), slope_sentence(analysis.within, kind="within")]
    yield f"## Realised autonomy\n\n{_items([*lines, temperament_sentence(analysis) or ''])}"
    yield f"## Usage\n\n{_table(usage_table(analysis))}"
    problem_tables = [table for table in tables(analysis) if table.name in ("left_out", "breaches", "suspicions")]
    yield "\n\n".join(["## Problems", *(f"{_plain(table.title)}:\n\n{_table(table)}" for table in problem_tables)])
    yield f"## Reproduce\n\n```bash\n{reproduce_command(analysis)}\n```\n\n{_plain(versions_sentence(analysis))}"


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    head = f"| {' | '.join(_cell(column.replace('_', ' ')) for column in table.columns)} |"
    rule = f"|{'|'.join('---' if _is_text(table, place) else '---:' for place in range(len(table.columns)))}|"
    return "\n".join([head, rule, *(f"| {' | '.join(_cell(cell_text(cell)) for cell in row)} |" for row in table.rows)])


def _is_text(table: Table, place: int) -> bool:
    return any(isinstance(row[place], str) for row in table.rows)


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines if line)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return text on one line whose angle brackets and backticks are no markup."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
