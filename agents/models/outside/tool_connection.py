"""The files with which an agent finds its tools: the MCP configuration, the brief, and the front for standard input."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from aarlab.agents.models.outside import stdio_front
from aarlab.agents.models.outside.outside_session import OutsideSession
from aarlab.agents.models.outside.tool_server import ToolServer


class ToolConnection:
    """A tool server, and a temporary folder with the files that an agent needs to connect to it."""

    def __init__(self, session: OutsideSession, *, http: bool, transport: str = "stdio") -> None:
        """Configure the connection of a session.

        Args:
            session: The session of the agent.
            http: Whether to serve HTTP, too.
            transport: Transport in the MCP configuration: `stdio` or `http`.
        """
        # Unix sockets have short paths, so the folder is not in the workspace.
        self.folder = Path(tempfile.mkdtemp(prefix="aarlab-agent-")).resolve()
        """Only this user can read it; it has the token."""
        self.socket, self.brief, self.mcp_config = (self.folder / name for name in ("mcp.sock", "brief.md", "mcp.json"))
        self._session, self._transport = session, transport
        self._server = ToolServer(session, self.socket, http=http)

    @property
    def url(self) -> str:
        """Address of the HTTP server; empty without HTTP."""
        return self._server.url

    @property
    def token(self) -> str:
        """Bearer token of HTTP requests."""
        return self._server.token

    async def start(self) -> None:
        """Start the server and write the files. Raises OSError."""
        await self._server.start()
        self.brief.write_text(self._session.brief, encoding="utf-8")
        front = self.folder / "stdio_front.py"
        shutil.copy(stdio_front.__file__, front)
        command = [os.path.realpath(sys.executable), "-I", "-S", str(front), str(self.socket)]
        configuration = self._server.client_configuration(self._transport, command)
        self.mcp_config.write_text(json.dumps(configuration, indent=1), encoding="utf-8")

    async def stop(self) -> None:
        """Close all connections and remove the files."""
        await self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
