"""`aarlab report`: what came of an ablation, or of some runs, with intervals."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import (
    Status,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    print_json,
    stderr_console,
    stdout_console,
)

if TYPE_CHECKING:
    from aarlab.config import Fault
    from aarlab.report import Analysis

_SUFFIXES: Mapping[str, str] = {"html": ".html", "md": ".md", "csv": ""}


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="DIR|RUN...")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_SUFFIXES)),
    help="`html`: a page with figures that works offline, and its tables as CSV beside it. `md`: words and tables as "
    "Markdown. `csv`: the tables only. [default: what --out ends in, else html]",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Where to write: a file, for csv a folder. An old report there is replaced. "
    "[default: report.html, report.md or report-tables beside the runs]",
)
@json_option
def report(sources: tuple[str, ...], form: str | None, out: Path | None, as_json: bool) -> None:
    """Report what came of an ablation (its folder) or of any runs (files, or folders with some).

    Runs outside an ablation are grouped by their configuration; the first one's is what the others are held against.
    """
    form = form or next((kind for kind, suffix in _SUFFIXES.items() if out and suffix and out.suffix == suffix), "html")
    with exit_on_bad_input(as_json=as_json):
        place = _checked_output_path(out, form, sources)
        analysis = _analysed(sources)
    handle_sigterm()
    try:
        written = _write(analysis, form, place)
    except KeyboardInterrupt:
        click.echo("Stopped; the report may be missing or old.", err=True)
        sys.exit(Status.STOPPED)
    except OSError as error:
        click.echo(f"The report could not be written to {place}: {error.strerror or error}", err=True)
        sys.exit(Status.FAILED)
    if as_json:
        print_json(summary_json(analysis, written))
    else:
        _show(analysis, written)


def _checked_output_path(out: Path | None, form: str, sources: Sequence[str]) -> Path:
    """Return where the report goes. ConfigError, before anything is read, where it cannot go there."""
    from aarlab.config import ConfigError

    suffix = _SUFFIXES[form]
    if out is None:
        first = Path(sources[0])
        folder = first if first.is_dir() else first.parent
        out = folder / (f"report{suffix}" if suffix else "report-tables")
    faults = _output_faults(out, suffix)
    if faults:
        raise ConfigError(faults)
    return out


def _output_faults(out: Path, suffix: str) -> "list[Fault]":
    from aarlab.config import Fault

    allowed = f"a file that ends in {suffix}" if suffix else "a folder"
    if suffix and (out.is_dir() or out.suffix != suffix):
        found = "a folder" if out.is_dir() else "another ending, which might be another kind of file"
    elif not suffix and out.exists() and not out.is_dir():
        found = "a file"
    elif not out.parent.is_dir():
        found = f"a place in {out.parent}, which is not a folder"
    elif not os.access(out if out.exists() else out.parent, os.W_OK):
        found, allowed = "a place that cannot be written to", "a place that can; give another --out"
    else:
        return []
    return [Fault(f"--out {out}", None, found, allowed)]


def _analysed(sources: Sequence[str]) -> "Analysis":
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.report import analyse, results_from

    with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
        progress_bar("opening runs", 0.0)
        return analyse(results_from(sources), progress_bar)


def _write(analysis: "Analysis", form: str, place: Path) -> list[Path]:
    """Write the report, and return the files, the report itself first."""
    from aarlab.report import markdown, tables, write_csv

    if form == "md":
        _put(markdown(analysis), place)
        return [place]
    folder = place if form == "csv" else place.with_name(f"{place.stem}-tables")
    folder.mkdir(exist_ok=True)
    written = [write_csv(table, folder) for table in tables(analysis)]
    if form == "csv":
        return written
    from aarlab.report.html_page import page

    _put(page(analysis), place)
    return [place, *written]


def _put(text: str, place: Path) -> None:
    """Write a file in one step: an old report stays whole until there is a new one. Raises OSError."""
    temporary = place.with_name(f"{place.name}.half")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, place)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def summary_json(analysis: "Analysis", written: Sequence[Path]) -> dict[str, Any]:
    """Return what `--json` prints."""
    from dataclasses import asdict

    from aarlab.report.sentences import caveats, controls_sentence, result_sentence, title_line

    primary = analysis.primary
    return {
        "status": "done",
        "title": title_line(analysis),
        "question": analysis.results.ablation.question,
        "result": result_sentence(analysis),
        "controls": controls_sentence(analysis),
        "caveats": caveats(analysis),
        "measure": primary.measure,
        "arms": {name: asdict(arm_summary) for name, arm_summary in primary.arm_summaries.items()},
        "comparisons": [
            {
                **asdict(c.difference),
                "p_holm": c.p_holm,
                "detectable_difference": c.detectable,
                "significant": c.significant,
            }
            for c in primary.comparisons
        ],
        "files": [str(path.resolve()) for path in written],
    }


def _show(analysis: "Analysis", written: Sequence[Path]) -> None:
    """Print the result, what to be careful about, and where the rest is."""
    from rich.padding import Padding
    from rich.text import Text

    from aarlab.cli.formatting import printable
    from aarlab.report.sentences import caveats, controls_sentence, result_sentence, title_line

    console = stdout_console()
    console.print(Text(printable(title_line(analysis)), style="yellow"))
    console.print(Padding(Text(printable(result_sentence(analysis)), style="bold"), (1, 0)))
    if controls := controls_sentence(analysis):
        console.print(Padding(Text(printable(controls)), (0, 0, 1, 0)))
    for caution in caveats(analysis):
        console.print(Padding(Text(f"! {printable(caution)}", style="yellow"), (0, 0, 0, 0)))
    first, *rest = written
    console.print()
    console.print(Text(f"written to {first}"), soft_wrap=True)
    if rest:
        console.print(Text(f"tables in  {rest[0].parent}", style="dim"), soft_wrap=True)
