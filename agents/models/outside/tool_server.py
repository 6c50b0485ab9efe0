"""The MCP server of an outside agent's session, on a Unix socket and on loopback HTTP.

It runs in the process of the run. The socket is for clients that start a command and speak MCP on its standard input
and output (`stdio_front.py`); it needs no network. HTTP requests need the token of the session, and the address of the
server as `Host`.
"""

import asyncio
import hmac
import json
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from pydantic import AnyUrl

from aarlab.agents.models.outside.outside_session import OutsideSession
from aarlab.memory.messages import Json

if TYPE_CHECKING:  # the extra `mcp` may be missing
    from mcp.server.lowlevel import Server
    from mcp.server.session import ServerSession

SERVER_NAME = "aarlab"
"""Name of the server in the configuration of a client."""
BRIEF = "brief"
"""Name of the prompt with the brief."""
CLOCK_URI = "aarlab://clock"
"""Address of the resource with the research hours."""
_MAX_LINE = 4 * 1024 * 1024
"""Maximum length of a message on the socket, in bytes. HTTP bodies have the same limit."""
_STOP_S = 3.0

for _name in ("mcp", "uvicorn"):
    # Without a handler, their warnings would be printed over the progress display.
    logging.getLogger(_name).addHandler(logging.NullHandler())

_Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def missing_package() -> str | None:
    """Return how to install the MCP SDK; None if it is installed."""
    return None if find_spec("mcp") else "the package mcp is not installed: pip install 'aarlab[mcp]'"


class ToolServer:
    """Serves the tools, the brief and the clock of a session to MCP clients."""

    def __init__(self, session: OutsideSession, socket_path: Path, *, http: bool) -> None:
        """Configure the server.

        Args:
            session: The session of the agent.
            socket_path: Unix socket to create, at most 100 characters long.
            http: Whether to serve HTTP on a free port of 127.0.0.1 too.
        """
        self.token = secrets.token_urlsafe(32)
        """Bearer token of HTTP requests."""
        self.url = ""
        """Address of the HTTP server; empty without HTTP."""
        self._session, self._path, self._http = session, socket_path, http
        self._clients: WeakSet[ServerSession] = WeakSet()
        self._server = self._mcp_server()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_http = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._http_task: asyncio.Task[None] | None = None
        session.on_new_tools = self._announce_tools

    async def start(self) -> None:
        """Start to listen. Raises OSError."""
        self._listener = await asyncio.start_unix_server(self._serve_socket, self._path, limit=_MAX_LINE)
        self._path.chmod(0o600)
        if self._http:
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
            self._http_task = asyncio.ensure_future(self._serve_http(listener))

    async def stop(self) -> None:
        """Close all connections."""
        if self._listener is not None:
            self._listener.close()
        self._stop_http.set()
        if self._http_task is not None:
            await asyncio.wait({self._http_task}, timeout=_STOP_S)
        tasks = [*self._tasks, *([self._http_task] if self._http_task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def client_configuration(self, transport: str, front: list[str]) -> Json:
        """Return the configuration that MCP clients read; `front` is the command of the stdio front."""
        entry: Mapping[str, Json]
        if transport == "http":
            entry = client_entry(self.url, self.token)
        else:
            entry = {"type": "stdio", "command": front[0], "args": front[1:]}
        return {"mcpServers": {SERVER_NAME: dict(entry)}}

    def _mcp_server(self) -> "Server[Any, Any]":
        from mcp import types
        from mcp.server.lowlevel import Server

        server: Server[Any, Any] = Server(SERVER_NAME, instructions="Read the prompt `brief` first.")
        session = self._session

        async def list_tools(_: types.ListToolsRequest) -> types.ServerResult:
            self._clients.add(server.request_context.session)
            tools = [
                types.Tool(name=tool.name, description=tool.description, inputSchema=dict(tool.schema))
                for tool in session.tools
            ]
            return types.ServerResult(types.ListToolsResult(tools=tools))

        async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
            # The graph checks name and arguments, so that a wrong call is recorded as for every researcher.
            answer = await session.submit(request.params.name, request.params.arguments or {})
            texts = (answer.content, *answer.messages)
            content: list[types.ContentBlock] = [types.TextContent(type="text", text=text) for text in texts]
            return types.ServerResult(types.CallToolResult(content=content, isError=answer.is_error))

        async def list_prompts(_: types.ListPromptsRequest) -> types.ServerResult:
            about = "Who you are, your task, and the message of this round."
            return types.ServerResult(types.ListPromptsResult(prompts=[types.Prompt(name=BRIEF, description=about)]))

        async def get_prompt(request: types.GetPromptRequest) -> types.ServerResult:
            if request.params.name != BRIEF:
                raise ValueError(f"there is no prompt {request.params.name!r}; there is: {BRIEF}")
            message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=session.brief))
            return types.ServerResult(types.GetPromptResult(messages=[message]))

        async def list_resources(_: types.ListResourcesRequest) -> types.ServerResult:
            about = "Research hours: used, total, end of the round."
            clock = types.Resource(uri=AnyUrl(CLOCK_URI), name="clock", description=about, mimeType="application/json")
            return types.ServerResult(types.ListResourcesResult(resources=[clock]))

        async def read_resource(request: types.ReadResourceRequest) -> types.ServerResult:
            uri = request.params.uri
            if str(uri) != CLOCK_URI:
                raise ValueError(f"there is no resource {uri}; there is: {CLOCK_URI}")
            content = types.TextResourceContents(uri=uri, mimeType="application/json", text=clock_json(session))
            return types.ServerResult(types.ReadResourceResult(contents=[content]))

        server.request_handlers |= {
            types.ListToolsRequest: list_tools,
            types.CallToolRequest: call_tool,
            types.ListPromptsRequest: list_prompts,
            types.GetPromptRequest: get_prompt,
            types.ListResourcesRequest: list_resources,
            types.ReadResourceRequest: read_resource,
        }
        return server

    def _options(self) -> Any:
        from mcp.server.lowlevel import NotificationOptions

        return self._server.create_initialization_options(NotificationOptions(tools_changed=True))

    def _announce_tools(self) -> None:
        for client in list(self._clients):
            self._keep(asyncio.ensure_future(_quietly(client.send_tool_list_changed())))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio serves each connection in a task"
        self._keep(task)
        with suppress(asyncio.CancelledError):
            await _quietly(self._serve_lines(reader, writer))
        writer.close()

    async def _serve_lines(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve MCP messages, one a line, until the client closes."""
        import anyio
        from mcp import types
        from mcp.shared.message import SessionMessage

        to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_client, from_server = anyio.create_memory_object_stream[SessionMessage](0)

        async def read() -> None:
            async with to_server:
                while line := await reader.readline():
                    try:
                        message = SessionMessage(types.JSONRPCMessage.model_validate_json(line))
                    except ValueError as error:
                        await to_server.send(error)
                        continue
                    await to_server.send(message)

        async def write() -> None:
            async with from_server:
                async for message in from_server:
                    writer.write(message.message.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n")
                    await writer.drain()

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(write)
            await self._server.run(from_client, to_client, self._options())
            group.cancel_scope.cancel()

    async def _serve_http(self, listener: socket.socket) -> None:
        import uvicorn
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        from mcp.server.transport_security import TransportSecuritySettings

        host = self.url.removeprefix("http://").removesuffix("/mcp")
        security = TransportSecuritySettings(allowed_hosts=[host], allowed_origins=[f"http://{host}"])
        manager = StreamableHTTPSessionManager(self._server, security_settings=security)
        app = _with_token(manager.asgi_app, self.token)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)

        async def stop() -> None:
            await self._stop_http.wait()
            server.should_exit = True

        self._keep(asyncio.ensure_future(stop()))
        async with manager.run():
            # `serve` would replace the signal handlers of the run.
            await server._serve([listener])


def client_entry(url: str, token: str) -> dict[str, Json]:
    """Return the server in the configuration of an MCP client that uses HTTP."""
    return {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}


def clock_json(session: OutsideSession) -> str:
    """Return the clock of a session as JSON."""
    clock = session.clock
    return json.dumps(
        {
            "hours_used": clock.used,
            "hours_total": clock.total,
            "round_ends_at": clock.round_end,
            "hours_left_in_round": clock.left_in_round,
            "round_ended": session.ended,
        }
    )


def _with_token(app: _Asgi, token: str) -> _Asgi:
    """Return an ASGI app that refuses requests to other paths and requests without the token."""

    async def guarded(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        given = headers.get(b"authorization", b"")
        allowed = hmac.compare_digest(given, b"Bearer " + token.encode())
        if scope["type"] == "http" and allowed and scope["path"].rstrip("/") == "/mcp":
            await app(scope, receive, send)
            return
        status = 404 if allowed else 401
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    return guarded


async def _quietly(work: Awaitable[None]) -> None:
    """Await work of one connection; its errors end the connection only."""
    with suppress(Exception):
        await work
