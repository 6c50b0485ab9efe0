"""Tools of the workspace and the notebook, which belong to one researcher."""

from typing import Annotated

from pydantic import Field

from aarlab.memory.events import NotebookEntry
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Arguments, Tool, ToolError, ToolOutput

_Path = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-/]*$", max_length=200)]
_Text = Annotated[str, Field(max_length=60_000)]


def file_text(session: AgentSession, path: str) -> str:
    """Return the text of a workspace file. Raises ToolError if there is no such file."""
    if path not in session.workspace:
        known = ", ".join(sorted(session.workspace)) or "none"
        raise ToolError(f"there is no file {path!r} in your workspace; there are: {known}")
    return session.workspace[path]


class WriteFile(Arguments):
    """Arguments of write_file."""

    path: _Path
    """Path of letters, digits and `_ . - /`."""
    text: _Text
    """The complete new content."""


async def _write_file(session: AgentSession, args: WriteFile) -> ToolOutput:
    session.write_file(args.path, args.text)
    lines = args.text.count("\n") + (not args.text.endswith("\n"))
    return ToolOutput({"path": args.path, "lines": lines}, f"{args.path}, {lines} lines")


class ReadFile(Arguments):
    """Arguments of read_file."""

    path: str = ""
    """Path of the file; empty: list all files."""


async def _read_file(session: AgentSession, args: ReadFile) -> ToolOutput:
    if not args.path:
        return ToolOutput({"files": sorted(session.workspace)}, f"{len(session.workspace)} files")
    return ToolOutput({"path": args.path, "text": file_text(session, args.path)}, args.path)


class WriteNotebook(Arguments):
    """Arguments of write_notebook."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    """Text of the entry."""


async def _write_notebook(session: AgentSession, args: WriteNotebook) -> ToolOutput:
    session.record(NotebookEntry(args.text))
    return ToolOutput({"written": True}, args.text)


class ReadNotebook(Arguments):
    """Arguments of read_notebook."""


async def _read_notebook(session: AgentSession, args: ReadNotebook) -> ToolOutput:
    entries = [
        {"round": entry.round, "hours": entry.hours, "text": entry.event.text}
        for entry in session.file.entries(NotebookEntry, stream=session.agent)
    ]
    return ToolOutput({"entries": entries}, f"{len(entries)} entries")


WORKSPACE_TOOLS: tuple[Tool, ...] = (
    Tool(
        "write_file",
        "Write a file of your workspace, for example a method.",
        WriteFile,
        "write",
        _write_file,
    ),
    Tool("read_file", "Read a file of your workspace, or list the files.", ReadFile, "read", _read_file),
    Tool("write_notebook", "Write an entry into your notebook.", WriteNotebook, "write", _write_notebook),
    Tool("read_notebook", "Read your notebook.", ReadNotebook, "read", _read_notebook),
)
