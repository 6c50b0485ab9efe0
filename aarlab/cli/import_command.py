"""`aarlab import`: a run file from what `aarlab export --format jsonl` wrote."""

from pathlib import Path

import rich_click as click

from aarlab.cli.options import exit_on_bad_input, handle_sigterm, json_option, print_json, refuse, stderr_console


@click.command("import")
@click.argument("file")
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run file.")
@json_option
def import_(file: str, out: str, as_json: bool) -> None:
    """Make a run file of an exported run.

    FILE is what `aarlab export --format jsonl` wrote, `-` stdin. Every line, every hash and the digest are checked; a
    file that is cut off or has changed is refused whole. Nothing is overwritten.
    """
    from aarlab.config import ConfigError, Fault
    from aarlab.export import InvalidRunData, read_jsonl
    from aarlab.memory.run_reader import RunReader

    handle_sigterm()
    with exit_on_bad_input(as_json=as_json):
        name = "stdin" if file == "-" else file
        try:
            with click.open_file(file, encoding="utf-8") as lines, stderr_console().status("reading"):
                path = read_jsonl(lines, name, Path(out))
        except InvalidRunData as error:
            refuse([Fault(error.where, None, error.found, error.allowed)], as_json=as_json)
        except UnicodeDecodeError:
            raise ConfigError([Fault(name, None, "bytes that are no text in UTF-8", "an exported run")]) from None
        except OSError as error:
            raise ConfigError([Fault(name, None, error.strerror or str(error), "an exported run")]) from None
        with RunReader.open(path) as run:
            digest = run.digest()
    if as_json:
        print_json({"status": "done", "file": str(path.resolve()), "digest": digest})
        return
    click.echo(f"written to {path}\ndigest     {digest}")
