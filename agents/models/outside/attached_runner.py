"""Outside agents that somebody starts by hand and connects to a running run with `aarlab serve-tools`."""

import asyncio
import json
import os
from pathlib import Path

from aarlab.agents.models.outside.agent_transcript import AgentTranscript
from aarlab.agents.models.outside.outside_session import OutsideSession
from aarlab.agents.models.outside.tool_connection import ToolConnection

CONNECTION_FILE = "connection.json"
"""File in the workspace of an agent, while a round waits for it: socket, address, token."""


class AttachedRunner:
    """Waits for an agent that connects by itself. It starts no process."""

    def __init__(self, workspace: Path) -> None:
        """Store the folder of the agent, in which the connection file is."""
        self._file = workspace / CONNECTION_FILE
        self._connection: ToolConnection | None = None

    async def start(self, session: OutsideSession) -> None:
        """Start the tool server and write the connection file. Raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = connection = ToolConnection(session, http=True)
        await connection.start()
        content = {"socket": str(connection.socket), "url": connection.url, "token": connection.token}
        # The file appears with its whole content, and only this user can read it.
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
        new.replace(self._file)

    async def wait(self) -> str:
        """Wait for ever: the agent ends its round with the tool `end_turn`."""
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    async def stop(self, grace_s: float) -> str:
        """Close the connection. The agent has the result of its last call, and is not waited for."""
        self._file.unlink(missing_ok=True)
        if self._connection is not None:
            # The last answers are sent before the connection closes.
            await asyncio.sleep(min(grace_s, 0.2))
            await self._connection.stop()
            self._connection = None
        return "its connection was closed"

    def transcript(self) -> AgentTranscript | None:
        """Return None: the transcript of the agent is not known."""
        return None
