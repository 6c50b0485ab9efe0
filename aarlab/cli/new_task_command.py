"""`aarlab tasks new`: a task from a CSV file of texts and labels."""

import shlex
from pathlib import Path

import rich_click as click
from rich.text import Text

from aarlab.cli.formatting import percent_text, printable
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.config import ConfigError, Fault
from aarlab.data.task_file import new_task


@click.command("new")
@click.argument("csv_path", metavar="CSV", type=click.Path(path_type=Path))
@click.option("--text", required=True, metavar="COLUMN", help="Column of the texts.")
@click.option("--label", required=True, metavar="COLUMN", help="Column of the labels.")
@click.option("--positive", metavar="VALUE", help="Value of label 1, against all others. Default: clear from 0 and 1.")
@click.option("--shifted", metavar="COLUMN=VALUE", help="Rows for shifted worlds, from another distribution.")
@click.option("--name", metavar="NAME", help="Name of the task. Default: that of the CSV file.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="File to write. Default: NAME_task.py here."
)
@json_option
def new_task_file(
    csv_path: Path,
    text: str,
    label: str,
    positive: str | None,
    shifted: str | None,
    name: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write a task file for a CSV file of texts and labels.

    The weak teacher counts frequent words and learns from a hundred labels. The student represents a text by principal
    components of words and character n-grams. Half of the texts are for development worlds, the others are held out.

    The task file names the CSV file and the hash of its content, and is refused if the content changes. Nothing is
    written before every row is checked. Next: `aarlab tasks FILE` measures the gap and how much there is to find.
    """
    with exit_on_bad_input(as_json=as_json), stderr_console().status("reading"):
        split = _split(shifted)
        task = new_task(csv_path, text=text, label=label, positive=positive, shifted=split, name=name, out=out)
        task.write()
    rows = task.rows
    share = float(rows.labels.mean())
    if as_json:
        print_json(
            {"status": "done", "task": task.name, "file": str(task.path.resolve()), "texts": len(rows.texts),
             "positive": rows.positive, "positive_share": round(share, 4), "notes": list(task.notes)}
        )  # fmt: skip
        return
    console = stdout_console()
    label_text = f"label 1: {label} is {rows.positive} ({percent_text(share)})"
    console.print(Text(f"{len(rows.texts):,} texts, {printable(label_text)}"))
    for note in task.notes:
        console.print(Text.assemble(("Note: ", "yellow"), printable(note)))
    console.print(Text(f"Wrote {task.path}."), soft_wrap=True)
    path = shlex.quote(str(task.path))
    console.print(Text(f"Measure it with aarlab tasks {path}, use it with --set task.path={path}."))


def _split(shifted: str | None) -> tuple[str, str] | None:
    if shifted is None:
        return None
    column, equals, value = shifted.partition("=")
    if not (column and equals and value):
        raise ConfigError([Fault(f"--shifted {shifted}", None, "no column and value", "COLUMN=VALUE")])
    return column, value
