"""`aarlab serve-tools`: connect an MCP client to a running run, as one of its researchers."""

import json
import time
from pathlib import Path

import rich_click as click

from aarlab.agents.models.outside import stdio_front
from aarlab.agents.models.outside.attached_runner import CONNECTION_FILE
from aarlab.agents.models.outside.tool_server import SERVER_NAME, client_entry
from aarlab.cli.output import print_json, print_note, refuse
from aarlab.config import Fault

_POLL_S = 0.1


@click.command("serve-tools")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--http", "as_http", is_flag=True, help="Print the configuration for HTTP, with the token, and end.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the round of the researcher to begin.",
)
def serve_tools(folder: Path, as_http: bool, wait_s: float) -> None:
    """Connect your own agent to a running run, over MCP.

    Serve the tools of one of its researchers on standard input and output.

    FOLDER is the folder of the researcher beside the run file, such as `runs/quickstart-1.agents/r2`. Its base model is
    `agent/NAME` with `live.agents.NAME.attach: true`: the run waits in each round until an agent connects. The client
    gets the researcher's tools, its brief as the prompt `brief`, and its research hours as the resource
    `aarlab://clock`. The tool `end_turn` ends the round. docs/agents.md has examples.

    Put it into the configuration of an MCP client:

    `{"mcpServers": {"aarlab": {"command": "aarlab", "args": ["serve-tools", "FOLDER"]}}}`
    """
    connection = _connection(folder, time.monotonic() + wait_s)
    if as_http:
        print_json({"mcpServers": {SERVER_NAME: client_entry(connection["url"], connection["token"])}})
        return
    try:
        stdio_front.connect(connection["socket"])
    except (ConnectionRefusedError, FileNotFoundError):
        refuse(
            [Fault(str(folder), None, "the run has ended or was killed", "the folder of a running run")], as_json=False
        )


def _connection(folder: Path, deadline: float) -> dict[str, str]:
    """Return the content of the connection file; wait for it until a deadline, then exit."""
    path = folder / CONNECTION_FILE
    if not path.exists():
        print_note(f"waiting for a round of the researcher in {folder}, at most {deadline - time.monotonic():.0f} s")
    while True:
        try:
            content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return content
        except FileNotFoundError:
            if time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
        problem = "no round waits for an agent here"
        expected = "the folder of a researcher with an attached agent, such as runs/NAME.agents/r2"
        refuse([Fault(str(folder), None, problem, expected)], as_json=False)
