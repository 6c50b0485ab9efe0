"""`aarlab data`: check the user's data and split it into pools for a task on texts."""

from pathlib import Path

import rich_click as click
from rich.table import Table
from rich.text import Text

from aarlab.cli.formatting import percent_text, printable
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.data.hub_data import read_hub
from aarlab.data.preparation import FILES, Preparation, Source, prepare, read_folder
from aarlab.scenarios.prepared_data import ITEMS, LABELS, POOLS


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def data() -> None:
    """Prepare data of your own for a task on texts."""


@data.command("prepare")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="PREPARED", type=click.Path(path_type=Path), default=Path("prepared"), show_default=True,
    help="The folder to write. It must not exist.",
)  # fmt: skip
@click.option(
    "--ood", metavar="FIELD=VALUE",
    help="Items whose FIELD has this value, from all files, become the out-of-distribution pool.",
)  # fmt: skip
@click.option(
    "--drop-duplicates", is_flag=True,
    help="Leave out items that are in several pools or have both labels, instead of refusing them.",
)  # fmt: skip
@click.option("--from-hub", metavar="NAME", help="Read a data set of the Hugging Face hub instead of DIR. Extra `hf`.")
@json_option
def prepare_data(
    folder: Path | None, out: Path, ood: str | None, drop_duplicates: bool, from_hub: str | None, as_json: bool
) -> None:
    """Check data and split it into pools, with the labels on the evaluator's side only.

    DIR has the JSON Lines files `train_label` (for the weak teacher), `train_unlabel` (for the student), `test` and,
    if there are items of another distribution, `test_ood`. A line is `{"prompt": ..., "first": ..., "second": ...,
    "label": "A"}`, with label A if the first reply is better and B otherwise, or `{"question": ..., "choice": ...,
    "label": true}`. All lines have labels: those of `train_unlabel` are for the strong student.

    PREPARED gets `research/` with the texts, `evaluator/` with the labels, which only this user can read, and
    `prepared.json`. Bad input is refused, with file and line, before anything is written. docs/tasks.md has an example.
    """
    with exit_on_bad_input(as_json=as_json):
        split = _split(ood)
        with stderr_console().status("reading"):
            preparation = prepare(_source(folder, from_hub), ood=split, drop_duplicates=drop_duplicates)
            preparation.write(out)
    if as_json:
        print_json(_json(preparation, out))
        return
    console = stdout_console()
    console.print(_table(preparation))
    for note in preparation.notes:
        console.print(Text.assemble(("Note: ", "yellow"), printable(note)))
    console.print(f"texts       {out / ITEMS}", markup=False)
    console.print(f"labels      {out / LABELS}", markup=False)


def _split(ood: str | None) -> tuple[str, str] | None:
    if ood is None:
        return None
    field, equals, value = ood.partition("=")
    if not (field and equals):
        raise ConfigError([Fault(f"--ood {ood}", None, "no field and value", "FIELD=VALUE, such as source=math")])
    return field, value


def _source(folder: Path | None, from_hub: str | None) -> Source:
    if (folder is None) == (from_hub is None):
        given = "neither" if folder is None else "both"
        problem = f"{given} of DIR and --from-hub NAME"
        raise ConfigError([Fault("aarlab data prepare", None, problem, "one of them", "aarlab data prepare DIR")])
    if from_hub is not None:
        return read_hub(from_hub)
    assert folder is not None
    return read_folder(folder)


def _table(preparation: Preparation) -> Table:
    prepared = preparation.data
    table = data_table(name_column("pool"), "from", *map(number_column, ("items", "label 1", "left out")))
    for pool in POOLS:
        if count := len(prepared.pools[pool]):
            share, dropped = percent_text(prepared.positive_share(pool)), preparation.dropped[pool]
            origin = preparation.ood if pool == "ood" and preparation.ood else FILES[pool]
            table.add_row(pool, printable(origin), f"{count:,}", share, f"{dropped:,}" if dropped else "–")
    return table


def _json(preparation: Preparation, out: Path) -> dict[str, object]:
    prepared = preparation.data
    used = [pool for pool in POOLS if len(prepared.pools[pool])]
    return {
        "status": "done",
        "folder": str(out.resolve()),
        "format": prepared.format,
        "counts": {pool: len(prepared.pools[pool]) for pool in POOLS},
        "positive_share": {pool: round(prepared.positive_share(pool), 4) for pool in used},
        "dropped": dict(preparation.dropped),
        "notes": list(preparation.notes),
        "content_sha256": prepared.content_sha256,
    }
