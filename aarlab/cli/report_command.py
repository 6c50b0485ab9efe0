"""`aarlab report`: report the results of an ablation or of any runs."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click
from rich.padding import Padding
from rich.text import Text

from aarlab.ablation.records import Results
from aarlab.cli.formatting import printable
from aarlab.cli.list_command import contents
from aarlab.cli.options import json_option
from aarlab.cli.output import (
    Status,
    exit_on_bad_input,
    output_faults,
    print_json,
    print_note,
    stderr_console,
    stdout_console,
)
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.config import ConfigError, Fault
from aarlab.memory.atomic_file import atomic_output
from aarlab.report import Analysis, analyse, markdown, results_from, tables, write_csv
from aarlab.report.effect_signs import EffectSigns
from aarlab.report.explanations import sensitivity_sentences
from aarlab.report.html_page import page
from aarlab.report.markdown import run_markdown
from aarlab.report.parts import Table
from aarlab.report.run_report import RunReport, run_report
from aarlab.report.sentences import caveats, context_sentences, result_sentence, title_line
from aarlab.view.single_page import single_page

_MAX_SENTENCES = 6
"""Maximum number of sentences on sensitivity on the screen."""
_SUFFIXES: Mapping[str, str] = {"html": ".html", "md": ".md", "csv": ""}


@click.command()
@click.argument("sources", nargs=-1, metavar="[DIR|RUN...]")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_SUFFIXES)),
    help="`html`: a page with figures that works offline, with its tables as CSV beside it. `md`: text and tables as "
    "Markdown. `csv`: only the tables. [default: by the suffix of --out, else html]",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Output file; for csv a folder. An old report is replaced. "
    "[default: report.html, report.md or report-tables beside the runs]",
)
@json_option
def report(sources: tuple[str, ...], form: str | None, out: Path | None, as_json: bool) -> None:
    """Report the results of an ablation or of any runs.

    DIR is the folder of an ablation or a folder with runs, RUN a run file (default: the newest ablation in the current
    folder or in ./ablations, else the newest run in it or in ./runs). Runs outside an ablation are grouped by
    their configuration; the group of the first run is the reference. A single run has the page of the
    viewer, without the conversations: its curve, what each agent did, and the lineage of its findings.
    """
    form = form or next((kind for kind, suffix in _SUFFIXES.items() if out and suffix and out.suffix == suffix), "html")
    with exit_on_bad_input(as_json=as_json):
        sources = sources or _newest_source()
        target = _checked_output_path(out, form, sources)
        with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            results = results_from(sources, progress_bar)
        single = results.folder is None and len(results.records) == 1
        analysis = None if single else _analysis(results)
    try:
        if analysis is None:
            run, path = run_report(results.records[0]), results.records[0].path
            as_page = partial(single_page, path, conversations=False)
            written = _write(form, target, run.tables, partial(run_markdown, run), as_page)
        else:
            written = _write(form, target, tables(analysis), partial(markdown, analysis), partial(page, analysis))
    except KeyboardInterrupt:
        click.echo("Stopped. The report is missing or old.", err=True)
        sys.exit(Status.STOPPED)
    except OSError as error:
        click.echo(f"The report could not be written to {target}: {error.strerror or error}", err=True)
        sys.exit(Status.FAILED)
    if analysis is None:
        _print_run(run, results.records[0].summary, written, as_json=as_json)
    elif as_json:
        print_json(summary_json(analysis, written))
    else:
        _print_report(analysis, written)


def _newest_source() -> tuple[str]:
    """Return the newest ablation, else the newest run, of the current folder. Raises ConfigError if there is none."""
    runs, _, ablations = contents(None, 1)
    if not runs and not ablations:
        problem = "there is no ablation and no run in this folder"
        raise ConfigError([Fault("aarlab report", None, problem, "DIR or RUN", "aarlab run")])
    kind, source = ("ablation", ablations[0].folder) if ablations else ("run", runs[0].file)
    print_note(f"Report on {source}, the newest {kind} here.")
    return (source,)


def _checked_output_path(out: Path | None, form: str, sources: Sequence[str]) -> Path:
    """Return the output path. Raises ConfigError, before runs are read, if it cannot be written to."""
    suffix = _SUFFIXES[form]
    if out is None:
        first = Path(sources[0])
        folder = first if first.is_dir() else first.parent
        out = folder / (f"report{suffix}" if suffix else "report-tables")
    faults = output_faults(out, suffix)
    if faults:
        raise ConfigError(faults)
    return out


def _analysis(results: Results) -> Analysis:
    with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
        progress_bar("reading runs", 0.0)
        return analyse(results, progress_bar)


def _write(
    form: str, target: Path, tables: Iterable[Table], as_markdown: Callable[[], str], as_page: Callable[[], str]
) -> list[Path]:
    """Write a report and return its files, the report itself first."""
    if form == "md":
        _replace_file(target, as_markdown())
        return [target]
    folder = target if form == "csv" else target.with_name(f"{target.stem}-tables")
    folder.mkdir(exist_ok=True)
    written = [write_csv(table, folder) for table in tables]
    if form == "csv":
        return written
    _replace_file(target, as_page())
    return [target, *written]


def _print_run(report: RunReport, summary: Mapping[str, Any], written: Sequence[Path], *, as_json: bool) -> None:
    """Print the result of a single run and the paths of its report."""
    if as_json:
        print_json({"status": "done", "run": dict(summary), "files": [str(path.resolve()) for path in written]})
        return
    console = stdout_console()
    console.print(Text(printable(report.title), style="yellow"))
    console.print(Padding(Text(printable(report.result), style="bold"), (1, 0)))
    console.print(Text("One run: there is nothing to compare it with, and no interval over runs."))
    console.print(Text(f"report  {written[0]}"), soft_wrap=True)


def _replace_file(path: Path, text: str) -> None:
    """Write a file; an old one stays unchanged until the new one is complete. Raises OSError."""
    with atomic_output(path, replace=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def summary_json(analysis: Analysis, written: Sequence[Path]) -> dict[str, Any]:
    """Return what `--json` prints."""
    primary = analysis.primary
    return {
        "status": "done",
        "title": title_line(analysis),
        "question": analysis.results.ablation.question,
        "result": result_sentence(analysis),
        "context": context_sentences(analysis),
        "caveats": caveats(analysis),
        "warnings": list(analysis.warnings),
        "sensitivity": sensitivity_sentences(analysis),
        "signs": [_signs_json(signs) for signs in analysis.signs],
        "measure": primary.measure,
        "arms": {name: asdict(arm_summary) for name, arm_summary in primary.arm_summaries.items()},
        "comparisons": [
            {
                **asdict(c.difference),
                "control": c.control,
                "p_corrected": c.p_holm,
                "equivalence": c.equivalence and asdict(c.equivalence),
                "verdict": c.verdict,
                "detectable_difference": c.detectable,
                "significant": c.significant,
            }
            for c in primary.comparisons
        ],
        "files": [str(path.resolve()) for path in written],
    }


def _signs_json(signs: EffectSigns) -> dict[str, Any]:
    """Return the environments with the clearest effects of a dial."""
    ends = {"most_positive": signs.most_positive, "most_negative": signs.most_negative}
    environments = {
        name: {
            "arm": effect.arm, "against": effect.against, "environment": effect.environment,
            **asdict(effect.difference.mean),
        }
        for name, effect in ends.items()
    }  # fmt: skip
    return {"dial": signs.name, "found": signs.verdict, "environments": signs.environments, **environments}


def _print_report(analysis: Analysis, written: Sequence[Path]) -> None:
    """Print the result, the caveats and the paths of the files."""
    console = stdout_console()
    console.print(Text(printable(title_line(analysis)), style="yellow"))
    console.print(Padding(Text(printable(result_sentence(analysis)), style="bold"), (1, 0)))
    for sentence in context_sentences(analysis):
        console.print(Padding(Text(printable(sentence)), (0, 0, 1, 0)))
    for caveat in caveats(analysis):
        console.print(Text(f"! {printable(caveat)}", style="yellow"))
    sentences = sensitivity_sentences(analysis)
    for sentence in sentences[:_MAX_SENTENCES]:
        console.print(Text(printable(f"sensitivity  {sentence}")))
    if len(sentences) > _MAX_SENTENCES:
        console.print(
            Text(f"sensitivity  {len(sentences) - _MAX_SENTENCES} more comparisons in the report", style="dim")
        )
    first, *rest = written
    console.print()
    console.print(Text(f"report  {first}"), soft_wrap=True)
    if rest:
        console.print(Text(f"tables  {rest[0].parent}", style="dim"), soft_wrap=True)
