"""`aarlab import-study`: reference lines and a partial run from the files that a study released."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from aarlab.cli.formatting import counted, printable
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.study.findings_files import FINDINGS_LAYOUT, FindingsInput, read_findings
from aarlab.study.partial_run import write_partial_run
from aarlab.study.reference_lines import study_file_from
from aarlab.study.result_files import LAYOUT, read_result_files
from aarlab.study.study_file import AccuracyLine, ReferenceLine, StudyFile, write_study_file


@click.command("import-study")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), default=Path("study.json"), show_default=True,
    help="The study file to write: the reference lines, for `aarlab power --study`.",
)  # fmt: skip
@click.option(
    "--runs", metavar="DIR", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
    help="Folder for the run file of imported findings.",
)  # fmt: skip
@json_option
def import_study(folder: Path, out: Path, runs: Path, as_json: bool) -> None:
    """Import the released results and findings of a study.

    DIR contains result files, one JSON for each method, configuration and training seed, as
    `TASK_METHOD/CONFIGURATION/seed_N.json` with `transfer_acc`, `pgr`, `weak_acc` or `strong_acc`. They become
    reference lines: mean and standard error (SE) of PGR over seeds for each method, between the weak and the strong
    accuracy of the task.

    DIR may also contain findings (`findings.json`, `findings.jsonl` or `findings/*.json`) with type, title, content,
    pgr, pgr_se, num_seeds, run_id, created_at and snapshots. They become a partial run, which `aarlab show`, `check`
    and `export` read. It cannot be replayed, resumed or forked.

    Next: `aarlab power ABLATION --study FILE` plans seeds from the spread of the results. docs/study.md describes the
    fields and the study file. Existing files are not overwritten, and bad input is refused before anything is written.
    """
    with exit_on_bad_input(as_json=as_json):
        with stderr_console().status("reading"):
            study, findings = _read(folder)
        run_path = runs / f"{_run_name(folder)}-findings.db"
        _write(study, out, findings, run_path, source=folder.resolve().name)
    written = {"study_file": study and str(out.resolve()), "run_file": findings and str(run_path.resolve())}
    if as_json:
        print_json({"status": "done", **written, **_study_json(study), **_findings_json(findings)})
        return
    console = stdout_console()
    if study is not None:
        _print_study(console, study)
        console.print(f"study file  {out}", markup=False)
    if findings is not None:
        _print_findings(console, findings)
        console.print(f"run file    {run_path}", markup=False)


def _read(folder: Path) -> tuple[StudyFile | None, FindingsInput | None]:
    """Return the contents of the folder. Raises ConfigError if it has neither results nor findings."""
    if not folder.is_dir():
        raise ConfigError([Fault(str(folder), None, "no such folder", "a folder with the released files of a study")])
    results, findings = read_result_files(folder), read_findings(folder)
    if not results and findings is None:
        expected = f"{LAYOUT}; or findings: {FINDINGS_LAYOUT}"
        raise ConfigError([Fault(str(folder), None, "the folder has no results and no findings", expected)])
    return study_file_from(results, folder.resolve().name) if results else None, findings


def _run_name(folder: Path) -> str:
    """Return the folder's name with characters that a run id cannot have replaced."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", folder.resolve().name).lstrip(".-") or "study"


def _write(study: StudyFile | None, out: Path, findings: FindingsInput | None, run_path: Path, *, source: str) -> None:
    """Write the study file and the run file, or neither if one of them exists."""
    targets = [(out, "--out FILE")] * (study is not None) + [(run_path, "--runs DIR")] * (findings is not None)
    for target, option in targets:
        if target.exists():
            raise ConfigError([Fault(str(target), None, "the file exists", f"another place: {option}")])
    try:
        if findings is not None:
            write_partial_run(findings, source, run_path)
        if study is not None:
            write_study_file(study, out)
    except OSError as error:
        raise ConfigError([Fault(str(error.filename or out), None, error.strerror or str(error), None)]) from None


def _study_json(study: StudyFile | None) -> dict[str, Any]:
    if study is None:
        return {"tasks": [], "lines": [], "warnings": []}
    lines = [
        {**line.model_dump(mode="json"), "pgr": line.pgr, "pgr_se": line.se, "seeds": len(line.values)}
        for line in study.lines
    ]
    return {"tasks": [task.model_dump(mode="json") for task in study.tasks], "lines": lines, "warnings": study.warnings}


def _findings_json(findings: FindingsInput | None) -> dict[str, Any]:
    if findings is None:
        return {"findings": 0, "ignored_fields": []}
    return {"findings": len(findings.findings), "ignored_fields": findings.ignored_fields}


def _print_study(console: Console, study: StudyFile) -> None:
    for task in study.tasks:
        accuracies = f"weak accuracy {_accuracy_text(task.weak)}, strong accuracy {_accuracy_text(task.strong)}"
        console.print(Text.assemble((printable(task.task), "bold"), f": {accuracies}"))
        lines = sorted((line for line in study.lines if line.task == task.task), key=lambda line: -line.pgr)
        console.print(_lines_table(lines))
    console.print("SE: over training seeds of one method. It says nothing about the spread between teams.", style="dim")
    _print_warnings(console, study.warnings)


def _lines_table(lines: Sequence[ReferenceLine]) -> Table:
    """Return a row for each line. The configuration is shown only if a method has several."""
    methods = [line.method for line in lines]
    several = len(set(methods)) < len(methods)
    headings = [number_column(name) for name in ("seeds", "PGR", "SE", "transfer acc.")]
    table = data_table(name_column("method"), *headings, *([Column("configuration", overflow="fold")] * several))
    for line in lines:
        se = "–" if line.se is None else f"{line.se:.2f}"
        transfer = "–" if line.transfer_acc is None else f"{line.transfer_acc.mean:.3f}"
        row = (printable(line.method), f"{len(line.values)}", f"{line.pgr:.2f}", se, transfer)
        table.add_row(*row, *([printable(line.configuration)] * several))
    return table


def _print_warnings(console: Console, warnings: Sequence[str]) -> None:
    for warning in warnings:
        console.print(Text.assemble(("Warning: ", "yellow"), printable(warning)))


def _accuracy_text(line: AccuracyLine | None) -> str:
    if line is None:
        return "unknown"
    if line.seeds is None:
        return f"{line.mean:.3f} (fixed in the files)"
    spread = "" if line.se is None else f" ± {line.se:.3f}"
    return f"{line.mean:.3f}{spread}" + (f" ({counted(line.seeds, 'seed')})" if line.origin == "files" else "")


def _print_findings(console: Console, findings: FindingsInput) -> None:
    scored = sum(finding.pgr is not None for finding in findings.findings)
    timed = sum(finding.created_at is not None for finding in findings.findings)
    agents = len({finding.author for finding in findings.findings})
    n = len(findings.findings)
    console.print(f"{counted(n, 'finding')} of {counted(agents, 'agent')}, {scored} with a PGR: a partial run")
    if timed < n:
        console.print(f"{n - timed} of {n} have no time and get that of the finding before them.", style="dim")
    if findings.ignored_fields:
        shown = ", ".join(findings.ignored_fields[:10])
        console.print(Text(f"Ignored fields: {printable(shown)}", style="dim"))
