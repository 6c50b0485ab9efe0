"""`aarlab reproduce`: published results of collective search, reproduced."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Column
from rich.text import Text

from aarlab.cli.formatting import counted
from aarlab.cli.options import json_option
from aarlab.cli.output import (
    Status,
    exit_on_bad_input,
    print_json,
    stderr_console,
    stdout_console,
)
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.tables import data_table, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.errors import did_you_mean
from aarlab.memory.atomic_file import atomic_output
from aarlab.reproduce.catalogue import REPRODUCTIONS, TimedReproduction, run_reproductions
from aarlab.reproduce.known_answers import ReproducedAnswer
from aarlab.reproduce.reproduction_page import answer_row, reproduction_page


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--quick", is_flag=True, help="Short form: fewer runs and settings, wider intervals. Less than a minute.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also write reproduce.html, a page with figures that works offline, and reproduce.json to this folder. "
    "Old ones are replaced.",
)
@json_option
def reproduce(name: str | None, quick: bool, out: Path | None, as_json: bool) -> None:
    """Reproduce published results of collective search.

    Scripted agents search a bandit, an NK landscape or another known problem under the topologies and rounds of aarlab.
    The table compares each published figure or sign with the mean over runs.

    NAME is one of `zollman`, `lazer-friedman`, `fang`, `barkoczi-galesic`, `march`, `mason`; without NAME all are run,
    on all cores. The full form takes minutes.

    **pass**: the published figure lies inside the 95 % interval of the mean, or the whole interval has the published
    sign. A row that does not pass is a result, not an error; its note names what is uncertain in the paper.
    `docs/reproduce.md` describes the models.
    """
    with exit_on_bad_input(as_json=as_json):
        names = _selected_names(name)
        _check_folder(out)
    try:
        with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            progress_bar("reproducing", 0.0)
            results = run_reproductions(names, quick=quick, progress=progress_bar)
    except KeyboardInterrupt:
        click.echo("Stopped. No table is printed.", err=True)
        if as_json:
            print_json({"status": "stopped"})
        sys.exit(Status.STOPPED)
    payload = {"status": "done", "quick": quick, "reproductions": [_reproduction_json(timed) for timed in results]}
    if out is not None:
        _write(results, payload, out, quick=quick, as_json=as_json)
    if as_json:
        print_json(payload)
    else:
        _print_results(stdout_console(), results, out)


def _selected_names(name: str | None) -> list[str]:
    """Return the reproductions to run. Raises ConfigError for an unknown name."""
    if name is None:
        return list(REPRODUCTIONS)
    if name not in REPRODUCTIONS:
        fix = did_you_mean(name, REPRODUCTIONS)
        raise ConfigError([Fault("NAME", None, f"unknown reproduction {name!r}", ", ".join(REPRODUCTIONS), fix)])
    return [name]


def _check_folder(out: Path | None) -> None:
    """Raise ConfigError, before anything is computed, if the results cannot be written to the folder."""
    if out is None:
        return
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not existing.is_dir():
        problem = f"{existing} is not a folder"
    elif not os.access(existing, os.W_OK):
        problem = f"{existing} is not writable"
    else:
        return
    raise ConfigError([Fault(f"--out {out}", None, problem, "a folder that can be written to")])


def _reproduction_json(timed: TimedReproduction) -> dict[str, Any]:
    reproduction = timed.reproduction
    return {
        "name": reproduction.name,
        "paper": reproduction.paper,
        "claim": reproduction.claim,
        "parts": reproduction.parts,
        "seconds": round(timed.seconds, 1),
        "passed": sum(answer.passed for answer in timed.results.answers),
        "answers": [_answer_json(answer) for answer in timed.results.answers],
    }


def _answer_json(result: ReproducedAnswer) -> dict[str, Any]:
    return {
        "quantity": result.answer.quantity,
        "published": result.answer.published,
        "ours": round(result.mean, 4),
        "interval": [round(result.low, 4), round(result.high, 4)],
        "runs": result.runs,
        "pass": result.passed,
        "note": result.answer.note,
    }


def _write(
    results: Sequence[TimedReproduction], payload: dict[str, Any], out: Path, *, quick: bool, as_json: bool
) -> None:
    """Write the page and the JSON file; exit if that fails."""
    texts = {
        "reproduce.html": reproduction_page(results, quick=quick),
        "reproduce.json": json.dumps(payload, ensure_ascii=False, allow_nan=False, indent=1) + "\n",
    }
    try:
        for name, text in texts.items():
            with atomic_output(out / name, replace=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        click.echo(f"The results could not be written to {out}: {error.strerror or error}", err=True)
        if as_json:
            print_json({"status": "failed"})
        sys.exit(Status.FAILED)


def _print_results(console: Console, results: Sequence[TimedReproduction], out: Path | None) -> None:
    for timed in results:
        console.print(Text.assemble((timed.reproduction.name, "bold cyan"), f": {timed.reproduction.paper}"))
        console.print(Text(f"Claim: {timed.reproduction.claim}."))
        _print_table(console, timed.results.answers)
    answers = [answer for timed in results for answer in timed.results.answers]
    passed, seconds = sum(answer.passed for answer in answers), sum(timed.seconds for timed in results)
    console.print(
        f"{passed} of {counted(len(answers), 'published result')} reproduced; computing time {seconds:.0f} s."
    )
    if out is not None:
        console.print(f"Wrote reproduce.html and reproduce.json to {out}.", markup=False, soft_wrap=True)


def _print_table(console: Console, answers: Sequence[ReproducedAnswer]) -> None:
    """Print the answers as a table, and each different note once below it."""
    notes = list(dict.fromkeys(answer.answer.note for answer in answers if answer.answer.note))
    numbers = (number_column(heading) for heading in ("published", "ours", "95 % interval", "runs"))
    columns = (Column("pass", no_wrap=True), Column("note", style="dim", no_wrap=True))
    table = data_table(Column("quantity", ratio=1), *numbers, *columns, expand=True)
    for answer in answers:
        *cells, passed, note = answer_row(answer)
        number = f"[{notes.index(note) + 1}]" if note else ""
        table.add_row(*cells, Text(passed, style="green" if answer.passed else "red"), Text(number))
    console.print(table)
    for index, note in enumerate(notes, 1):
        console.print(Text(f"[{index}] {note}", style="dim"))
    console.print()
