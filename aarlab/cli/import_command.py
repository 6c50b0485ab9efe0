"""`aarlab import`: create a run file from an exported run."""

from pathlib import Path

import rich_click as click

from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console
from aarlab.cli.recorded_run import warn_if_altered
from aarlab.config import ConfigError, Fault
from aarlab.export import InvalidRunData, import_jsonl
from aarlab.memory.run_reader import RunReader


@click.command("import")
@click.argument("file")
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run file.")
@json_option
def import_(file: str, out: str, as_json: bool) -> None:
    """Create a run file from an exported run.

    FILE is what `aarlab export --format jsonl` wrote; `-` is stdin. Every line, every hash and the digest are checked.
    No run file is created from a truncated or changed file. Existing files are not overwritten.
    """
    with exit_on_bad_input(as_json=as_json):
        name = "stdin" if file == "-" else file
        try:
            with click.open_file(file, encoding="utf-8") as lines, stderr_console().status("reading"):
                path = import_jsonl(lines, name, Path(out))
        except InvalidRunData as error:
            raise ConfigError([Fault(error.where, None, error.problem, error.expected)]) from None
        except UnicodeDecodeError:
            raise ConfigError([Fault(name, None, "the file is not UTF-8 text", "an exported run")]) from None
        except FileExistsError as error:
            raise ConfigError([Fault(name, None, str(error), "another folder: --out DIR")]) from None
        except OSError as error:
            raise ConfigError([Fault(error.filename or name, None, error.strerror or str(error), None)]) from None
        with RunReader.open(path) as run:
            digest, altered = run.digest(), warn_if_altered(run)
    if as_json:
        print_json({"status": "done", "file": str(path.resolve()), "digest": digest, "altered": altered})
        return
    click.echo(f"run file  {path}\ndigest    {digest}")
