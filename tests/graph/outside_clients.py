"""Outside agents for tests, executed as scripts: `python outside_clients.py KIND`.

Three kinds use clients that are not of our writing; the others speak JSON-RPC themselves, because they start faster.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

BRIEF = Path(os.environ.get("AARLAB_BRIEF", os.devnull)).read_text()
Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


def entry() -> dict[str, Any]:
    """Return the tool server in the MCP configuration."""
    server: dict[str, Any] = json.loads(Path(os.environ["AARLAB_MCP_CONFIG"]).read_text())["mcpServers"]["aarlab"]
    return server


async def research(call: Call) -> None:
    """Read the board, run the example method in full, and post the result."""
    code = re.findall(r"```python\n(.*?)```", BRIEF, re.DOTALL)[0]
    await call("read_board", {})
    await call("write_file", {"path": "method.py", "text": code})
    result = await call("run_experiment", {"path": "method.py", "fidelity": "full"})
    finding = {"type": "result", "title": "By a client", "body": ".", "family": "other"}
    await call("post_finding", {**finding, "experiment": result["experiment"]})


async def with_sdk_session(streams: Any) -> None:
    """Work with a client session of the official SDK."""
    from mcp import ClientSession

    async with ClientSession(*streams) as session:
        await session.initialize()
        assert (await session.list_prompts()).prompts[0].name == "brief"
        assert (await session.get_prompt("brief")).messages[0].content.text == BRIEF
        clock = json.loads((await session.read_resource("aarlab://clock")).contents[0].text)
        assert clock["hours_left_in_round"] == clock["round_ends_at"] - clock["hours_used"] > 0
        assert "run_experiment" in [tool.name for tool in (await session.list_tools()).tools]

        async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            result = await session.call_tool(name, arguments)
            assert not result.isError, result.content[0].text
            return json.loads(result.content[0].text)

        await research(call)


async def sdk_stdio() -> None:
    """Connect over standard input and output."""
    from mcp.client.stdio import StdioServerParameters, stdio_client

    server = StdioServerParameters(command=entry()["command"], args=entry()["args"])
    async with stdio_client(server) as streams:
        await with_sdk_session(streams)


async def sdk_http() -> None:
    """Connect over HTTP."""
    from mcp.client.streamable_http import streamablehttp_client

    async with streamablehttp_client(entry()["url"], headers=entry()["headers"]) as (read, write, _):
        await with_sdk_session((read, write))


async def langchain() -> None:
    """Use the tools as LangChain tools."""
    from langchain_mcp_adapters.client import MultiServerMCPClient

    server = entry()
    connection = {"transport": "stdio", "command": server["command"], "args": server["args"]}
    tools = {tool.name: tool for tool in await MultiServerMCPClient({"aarlab": connection}).get_tools()}

    async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await tools[name].ainvoke(arguments)
        text = result if isinstance(result, str) else result[0]["text"]
        return json.loads(text)

    await research(call)


class Client:
    """A small MCP client over standard input and output."""

    def __init__(self) -> None:
        """Start the front and initialise the connection."""
        pipe = subprocess.PIPE
        self.front = subprocess.Popen([entry()["command"], *entry()["args"]], stdin=pipe, stdout=pipe, text=True)
        self.n = 0
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        self.ask("initialize", about)
        self.send({"method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        assert self.front.stdin is not None
        self.front.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.front.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its result."""
        self.n += 1
        self.send({"id": self.n, "method": method, "params": params})
        assert self.front.stdout is not None
        while (answer := json.loads(self.front.stdout.readline())).get("id") != self.n:
            pass
        return answer["result"]

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool."""
        result = self.ask("tools/call", {"name": name, "arguments": arguments})
        return json.loads(result["content"][0]["text"]) | {"failed": bool(result.get("isError"))}


def unknown_tools() -> None:
    """Call a tool that does not exist, and one with wrong and with huge arguments."""
    client = Client()
    assert client.call("delete_everything", path="/")["failed"]
    assert client.call("read_board", limit="all")["failed"]
    assert client.call("write_file", path="a.py", text="x" * 1_000_000)["failed"]


def ignores_its_clock() -> None:
    """Call a tool for ever."""
    client = Client()
    while True:
        client.call("read_notebook")


def writes_outside() -> None:
    """Try to write outside the workspace, to read files of the user, and to use the network."""
    denied = []
    for path in (Path(sys.argv[2]) / "x", Path("/usr/x"), Path("/etc/x")):
        try:
            path.write_text("x")
        except OSError:
            denied.append(str(path))
    Path("inside.txt").write_text("x")
    Client().call("write_notebook", text=f"my key is {os.environ['OUTSIDE_KEY']}")
    print(json.dumps({"denied": denied, "outside": Path(sys.argv[2]).exists(), "environment": [*os.environ]}))
    print(json.dumps({"said": os.environ["OUTSIDE_KEY"], "usage": {"input_tokens": 70, "output_tokens": 30}}))
    print(json.dumps({"total_cost_usd": 0.25}))


def one_step_and_wait() -> None:
    """Write one note, start a child, and wait for ever; if the brief has a note, write another one and end."""
    client = Client()
    if "first note" in BRIEF:
        client.call("write_notebook", text="second note")
        return
    client.call("write_notebook", text="first note")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path("pids").write_text(f"{os.getpid()} {child.pid}")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


if __name__ == "__main__":
    work: Any = globals()[sys.argv[1]]
    asyncio.run(work()) if asyncio.iscoroutinefunction(work) else work()
