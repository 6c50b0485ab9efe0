"""Outside agents as commands: one process per researcher and round, with the tools as an MCP server."""

import asyncio
import os
import signal
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.outside import agent_confinement, command_launcher
from aarlab.agents.models.outside.agent_settings import OutsideAgentSettings
from aarlab.agents.models.outside.agent_transcript import (
    MAX_TRANSCRIPT,
    AgentTranscript,
    read_transcript,
    read_transcript_file,
)
from aarlab.agents.models.outside.outside_session import OutsideSession
from aarlab.agents.models.outside.tool_connection import ToolConnection

_PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TERM")
_READ_BYTES = 1 << 16
_STDERR_LINES = 3
_KILL_S = 5.0


class ProcessRunner:
    """Runs a command as an outside agent."""

    def __init__(self, settings: OutsideAgentSettings, workspace: Path) -> None:
        """Store the settings of the agent and its workspace folder."""
        self._settings, self._workspace = settings, workspace
        self._process: asyncio.subprocess.Process | None = None
        self._drains: list[asyncio.Task[None]] = []
        self._stdout, self._stderr = _BoundedOutput(MAX_TRANSCRIPT), _BoundedOutput(20_000)
        self._connection: ToolConnection | None = None
        self._started = time.time()
        self._killed = False

    async def start(self, session: OutsideSession) -> None:
        """Start the tool server and the command. Raises OSError."""
        settings = self._settings
        self._workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = connection = ToolConnection(session, http=settings.network, transport=settings.transport)
        await connection.start()
        # Times of files are less exact than the clock.
        self._started = time.time() - 0.05
        with connection.brief.open("rb") as stdin:
            self._process = await asyncio.create_subprocess_exec(
                *self._command_line(connection), stdin=stdin, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, cwd=self._workspace, env=self._environment(connection, session.agent),
                start_new_session=True,
            )  # fmt: skip
        outputs = ((self._process.stdout, self._stdout), (self._process.stderr, self._stderr))
        self._drains = [asyncio.ensure_future(output.drain(stream)) for stream, output in outputs if stream is not None]

    async def wait(self) -> str:
        """Wait until the command ends, and return its exit status."""
        assert self._process is not None, "the command was started"
        await self._process.wait()
        return self._ending()

    async def stop(self, grace_s: float) -> str:
        """Kill the command and its children after `grace_s` seconds, and return how it ended."""
        if (process := self._process) is not None:
            try:
                if process.returncode is None:
                    await asyncio.wait_for(process.wait(), grace_s)
            except TimeoutError:
                self._killed = True
            finally:
                # The group also has children that the command has left behind.
                self._kill_group(process.pid)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _KILL_S)
        if self._drains:
            await asyncio.wait(self._drains, timeout=_KILL_S)
            for drain in self._drains:
                drain.cancel()
        if self._connection is not None:
            await self._connection.stop()
            self._connection = None
        return self._ending()

    def transcript(self) -> AgentTranscript | None:
        """Return the transcript that the settings name; None if there is none."""
        match self._settings.transcript:
            case None:
                return None
            case "stdout":
                return read_transcript(self._stdout.content, self._settings.env)
            case pattern:
                return read_transcript_file(self._workspace, pattern, self._started, self._settings.env)

    def _command_line(self, connection: ToolConnection) -> list[str]:
        settings = self._settings
        places = {
            "brief": connection.brief,
            "mcp_config": connection.mcp_config,
            "connection": connection.folder,
            "workspace": self._workspace,
            "mcp_url": connection.url,
        }
        command = list(settings.command)
        for name, place in places.items():
            command = [part.replace(f"{{{name}}}", str(place)) for part in command]
        if settings.confined:
            read, write = (
                [Path(path).expanduser().absolute() for path in paths] for paths in (settings.read, settings.write)
            )
            command = agent_confinement.confined(
                command,
                workspace=self._workspace,
                network=settings.network,
                read=[*read, connection.folder],
                write=write,
            )
        return [sys.executable, "-I", "-S", command_launcher.__file__, *command]

    def _environment(self, connection: ToolConnection, agent: str) -> dict[str, str]:
        passed = (*_PASSED_VARIABLES, *self._settings.env)
        return {
            **{name: os.environ[name] for name in passed if name in os.environ},
            "HOME": str(self._workspace),
            "TMPDIR": "/tmp" if self._settings.confined else str(self._workspace),
            "AARLAB_AGENT": agent,
            "AARLAB_BRIEF": str(connection.brief),
            "AARLAB_MCP_CONFIG": str(connection.mcp_config),
            **({"AARLAB_MCP_URL": connection.url, "AARLAB_MCP_TOKEN": connection.token} if connection.url else {}),
        }

    @staticmethod
    def _kill_group(pid: int) -> None:
        # The group is gone if all its processes have ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    def _ending(self) -> str:
        code = None if self._process is None else self._process.returncode
        status = "it was killed" if self._killed else f"exit status {code}"
        lines = self._stderr.content.decode("utf-8", "replace").replace("\0", "").strip().splitlines()
        errors = redacted("\n".join(lines[-_STDERR_LINES:]), self._settings.env)[:500]
        return f"{status}; its last errors: {errors}" if errors and code else status


class _BoundedOutput:
    """The beginning and the end of an output of any length."""

    def __init__(self, limit: int) -> None:
        self._limit = limit // 2
        self._head, self._tail, self._tail_bytes = b"", deque[bytes](), 0

    async def drain(self, stream: asyncio.StreamReader) -> None:
        """Read the stream to its end."""
        while data := await stream.read(_READ_BYTES):
            room = max(0, self._limit - len(self._head))
            self._head, data = self._head + data[:room], data[room:]
            if data:
                self._tail.append(data)
                self._tail_bytes += len(data)
            while self._tail and self._tail_bytes - len(self._tail[0]) >= self._limit:
                self._tail_bytes -= len(self._tail.popleft())

    @property
    def content(self) -> bytes:
        """The kept bytes."""
        return self._head + b"".join(self._tail)
