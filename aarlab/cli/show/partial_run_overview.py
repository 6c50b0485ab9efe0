"""The overview of a partial run: its origin, its measures and the curve of the best development PGR."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from aarlab.cli.formatting import counted, pgr_text, printable
from aarlab.cli.show.display_options import DisplayOptions
from aarlab.cli.tables import data_table, labelled_rows, number_column
from aarlab.graph.run.measure_registry import MEASURES
from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.memory.board import Board
from aarlab.memory.events import Finding, FindingsImported
from aarlab.memory.measures import frontier
from aarlab.memory.run_reader import RunReader

UNKNOWN_FAMILY = "unknown"
"""Family of imported findings that name none."""
_MEASURES = (
    "findings", "experiments", "development_pgr.quarter", "development_pgr.half", "development_pgr.whole",
    "development_pgr.mean", "novelty",
)  # fmt: skip
"""Measures that need only findings and their scores."""


def partial_run_header(file: RunReader) -> Iterator[RenderableType]:
    """Yield where the findings come from, and what the run file lacks."""
    imported = next((entry.event for entry in file.entries(FindingsImported)), None)
    source = "unknown" if imported is None else printable(imported.source)
    findings = sum(1 for _ in file.entries(Finding))
    yield Text(f"{counted(findings, 'finding')} of {counted(len(file.researchers()), 'agent')}, imported from {source}")
    yield Text("Partial run: no prompts, replies or held-out scores. It cannot be replayed, resumed or forked.")
    yield Text("Hours are hours since the first finding.", style="dim")
    if imported is not None and len(imported.authors) <= 20:
        yield Text()
        yield labelled_rows({name: printable(author) for name, author in imported.authors.items()})


def partial_run_measures(file: RunReader) -> Iterator[RenderableType]:
    """Yield the measures that findings and scores suffice for, and each improvement of the best development PGR."""
    run = MeasuredRun(file)
    families = {entry.event.family for entry in file.entries(Finding) if entry.event.code is not None}
    paths = [*_MEASURES, *(["entropy_bits"] if families and UNKNOWN_FAMILY not in families else [])]
    values = {MEASURES[path].label: value for path in paths for value in MEASURES[path].values(run).values()}
    yield labelled_rows({label: f"{value:g}" for label, value in values.items() if value is not None})
    yield Text()
    steps = frontier(file)
    if steps:
        table = data_table(*map(number_column, ("hours of all agents", "best PGR")), title="Best development PGR")
        for hours, pgr in steps:
            table.add_row(f"{hours:.1f}", pgr_text(pgr))
        yield table
        yield Text()


def partial_run_findings(file: RunReader, options: DisplayOptions) -> Iterator[RenderableType]:
    """Yield the text of every finding with `--full`, otherwise how to read them."""
    if not options.full:
        yield Text.assemble("Read all findings with ", ("--full", "cyan"), ".")
        return
    for post in Board(file).posts():
        finding = post.finding
        score = "" if finding.pgr is None else f", PGR {pgr_text(finding.pgr, finding.se)}"
        heading = f"{finding.id}  {finding.type}, {post.hours:.1f} h{score}: {printable(finding.title)}"
        yield Text(heading, style="bold")
        yield Text(printable(finding.body))
        yield Text()
