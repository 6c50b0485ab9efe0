"""A tool for the researchers of aarlab: `diff_files` compares two files of the workspace."""

from difflib import unified_diff

from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Arguments, Tool, ToolError, ToolOutput


class DiffFiles(Arguments):
    """Arguments of diff_files. Field docstrings describe the arguments to the model."""

    old: str
    """Path of the first file."""
    new: str
    """Path of the second file."""


async def _diff_files(session: AgentSession, arguments: DiffFiles) -> ToolOutput:
    for path in (arguments.old, arguments.new):
        if path not in session.workspace:
            files = ", ".join(sorted(session.workspace))
            raise ToolError(f"there is no file {path!r} in your workspace; there are: {files}")
    old, new = (session.workspace[path].splitlines() for path in (arguments.old, arguments.new))
    diff = list(unified_diff(old, new, arguments.old, arguments.new, lineterm=""))
    return ToolOutput({"diff": "\n".join(diff)}, f"{arguments.old} and {arguments.new}: {len(diff)} lines")


TOOL = Tool(
    name="diff_files",
    description="Compare two files of your workspace and return a unified diff. It takes 0.05 research hours.",
    arguments=DiffFiles,
    cost=0.05,
    handler=_diff_files,
)
