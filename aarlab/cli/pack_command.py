"""`aarlab pack`: compress a run file for the archive."""

import rich_click as click

from aarlab.cli.completion import complete_run
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json
from aarlab.cli.recorded_run import schema_errors_as_faults
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.memory.file_lock import FileLocked
from aarlab.memory.packed_file import pack_file, unpack_file


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--unpack", is_flag=True, help="Decompress a packed file instead.")
@json_option
def pack(run: str | None, unpack: bool, as_json: bool) -> None:
    """Compress the messages and texts of a run file.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    All commands read a packed file. `resume` unpacks it. Its views need a SQLite function that aarlab has, so other
    SQLite programs show its messages and texts only after `aarlab pack --unpack`.
    """
    with exit_on_bad_input(as_json=as_json):
        path = find_run(run)
        before = path.stat().st_size
        try:
            with schema_errors_as_faults(path):
                changed = (unpack_file if unpack else pack_file)(path)
        except FileLocked as error:
            raise ConfigError([Fault(str(path), None, str(error), "a run that no process is writing")]) from None
    after = path.stat().st_size
    if as_json:
        status = ("unpacked" if unpack else "packed") if changed else "unchanged"
        print_json({"status": status, "file": str(path), "bytes_before": before, "bytes": after})
    elif changed:
        click.echo(f"{path}: {before:,} -> {after:,} bytes")
    else:
        click.echo(f"{path} is {'not packed' if unpack else 'packed already'}.")
