"""All tools there are, and how a tool use that came from a model is carried out."""

from collections.abc import Mapping
from types import MappingProxyType

from aarlab.memory.events import ToolExecution
from aarlab.memory.messages import INVALID_INPUT, Json, ToolCall, ToolResult, canonical_json
from aarlab.tools.board_tools import BOARD_TOOLS
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool, ToolError, ToolOutput
from aarlab.tools.workspace_tools import WORKSPACE_TOOLS

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {tool.name: tool for tool in (*BOARD_TOOLS, *WORKSPACE_TOOLS, EXPERIMENT_TOOL)}
)
"""Every tool by name, in the order in which they are offered."""


async def call_tool(
    session: AgentSession, call: ToolCall, tools: Mapping[str, Tool], *, refusal: str | None = None
) -> ToolResult:
    """Carry out one tool use: check, charge, act, record. Whatever is wrong with it is answered, never raised.

    `refusal` is the reason of another agent for not executing it.
    """
    charged_entry: str | None = None
    try:
        if call.name not in tools:
            raise ToolError(f"there is no tool {call.name!r} here; there are: {', '.join(tools)}")
        if refusal is not None:
            raise ToolError(refusal)
        if INVALID_INPUT in call.arguments:
            raise ToolError(f"the input of {call.name} was not a JSON object; it may have been cut off. Write it again")
        tool = tools[call.name]
        arguments = tool.parse(call.arguments)
        entry_needed = tool.cost_entry(arguments)
        if not session.can_afford(entry_needed):
            left = max(0.0, session.budget_hours - session.hours)
            raise ToolError(
                f"{entry_needed} takes {session.costs[entry_needed]:g} research hours and you have {left:.2f} left"
            )
        output = await tool.handler(session, arguments)
        charged_entry = entry_needed
    except ToolError as error:
        output = ToolOutput({"error": str(error)}, str(error), ok=False)
    cost = session.spend(charged_entry, share=output.work) if charged_entry is not None else 0.0
    session.record(ToolExecution(call.id, call.name, output.ok, " ".join(output.summary.split())[:300], cost))
    content: dict[str, Json] = {**output.content, "hours": round(session.hours, 2)}
    return ToolResult(call.id, canonical_json(content), is_error=not output.ok)
