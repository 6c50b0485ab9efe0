"""`aarlab view`: look at runs and ablations in a browser."""

import asyncio
import socket
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from urllib.parse import urlencode

import rich_click as click

from aarlab.cli.completion import complete_run
from aarlab.cli.output import exit_on_bad_input, print_note
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.memory.atomic_file import atomic_output

_DEFAULT_PORT = 7575


@click.command()
@click.argument("source", required=False, metavar="[DIR|RUN]", shell_complete=complete_run)
@click.option(
    "--port", type=click.IntRange(0, 65535), help=f"Port; 0: any free one.  [default: {_DEFAULT_PORT}, or a free one]"
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Other addresses than those of this machine itself let others on the network reach the "
    "viewer; who has the link can read the runs, and the connection is not encrypted.",
)
@click.option("--no-open", is_flag=True, help="Print the link and open no browser.")
@click.option(
    "--export",
    metavar="PAGE",
    type=click.Path(path_type=Path),
    help="Write the run RUN to one HTML page that works without a server, and end. An old page is replaced.",
)
def view(source: str | None, port: int | None, host: str, no_open: bool, export: Path | None) -> None:
    """Look at runs and ablations in a browser.

    DIR is a folder with runs or ablations, at any depth (default: the current folder). RUN is a run file or the id of a
    run in ./runs, which is shown first. The page is updated while runs go on. On it you can answer the questions of
    a run, pause or stop it, and start forks. Except for `--export`, it needs the extra `view`:
    `pip install 'aarlab[view]'`.
    """
    with exit_on_bad_input(as_json=False):
        if export is not None:
            write_page(find_run(source), export)
            return
        folder, first = _folder_and_run(source)
        _require_extra()
        listening = _listen(host, port)
    with listening:
        serve = resolve_name("aarlab.view.serving:serve")
        try:
            asyncio.run(serve(folder, listening, host, lambda link: _announce(link + first, host, no_open=no_open)))
        except KeyboardInterrupt:
            print_note("The viewer was stopped.")


def write_page(run: Path, page: Path) -> None:
    """Write a run to one HTML page, and say so.

    Raises:
        ConfigError: The page cannot be written.
        SchemaError: The run cannot be read.
    """
    html = resolve_name("aarlab.view.single_page:single_page")(run)
    try:
        with atomic_output(page, replace=True) as temporary:
            temporary.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            [Fault(str(page), None, str(error.strerror or error), "a path that can be written")]
        ) from None
    click.echo(f"page  {page}")


def _folder_and_run(source: str | None) -> tuple[Path, str]:
    """Return the folder to show, and the end of the link, which names the page to show first."""
    if source is None or Path(source).is_dir():
        return Path(source or "."), ""
    run = find_run(source)
    return run.parent, f"#/run?{urlencode({'file': run.name})}"


def _require_extra() -> None:
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        problem = f"{' and '.join(missing)} not installed"
        raise ConfigError([Fault("aarlab view", None, problem, "the extra view", "pip install 'aarlab[view]'")])


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens. Raises ConfigError if the address or the port cannot be used."""
    ports = [_DEFAULT_PORT, 0] if port is None else [port]
    for number in ports:
        try:
            return socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            fault = Fault(
                f"--host {host} --port {number}", None, str(error.strerror or error), "a free port of this machine"
            )
    raise ConfigError([fault])


def _announce(link: str, host: str, *, no_open: bool) -> None:
    """Print the link, and open it."""
    if not resolve_name("aarlab.view.access_guard:is_loopback")(host):
        print_note(
            f"Warning: others on the network can reach the viewer at {host}, and the connection is not encrypted."
        )
    click.echo(link)
    print_note("Press Ctrl-C to stop.")
    if not no_open:
        webbrowser.open(link)
