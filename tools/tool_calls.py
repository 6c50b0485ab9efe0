"""Execute the tool call of a model."""

from collections.abc import Mapping

from aarlab.memory.events import ToolExecution
from aarlab.memory.messages import INVALID_INPUT, Json, ToolCall, ToolResult, canonical_json
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool, ToolError, ToolOutput


async def call_tool(
    session: AgentSession, call: ToolCall, tools: Mapping[str, Tool], *, refusal: str | None = None
) -> ToolResult:
    """Execute one tool call: check, run, charge, record. Errors are returned to the agent, not raised.

    Args:
        session: Session of the agent.
        call: The tool call of the model.
        tools: Tools of the agent, by name.
        refusal: Error to return instead of executing the call; None: execute it.
    """
    cost: str | float = 0.0
    try:
        if call.name not in tools:
            raise ToolError(f"unknown tool {call.name!r}; available tools: {', '.join(tools)}")
        if refusal is not None:
            raise ToolError(refusal)
        if INVALID_INPUT in call.arguments:
            raise ToolError(f"the input of {call.name} is not a JSON object; it may have been cut off. Write it again")
        tool = tools[call.name]
        arguments = tool.parse(call.arguments)
        required = tool.cost_of(arguments)
        if not session.can_afford(required):
            step = required if isinstance(required, str) else call.name
            left = max(0.0, session.budget_hours - session.hours)
            raise ToolError(f"{step} takes {session.hours_of(required):g} research hours and you have {left:.2f} left")
        output = await tool.handler(session, arguments)
        cost = required
    except ToolError as error:
        output = ToolOutput({"error": str(error)}, str(error), ok=False)
    hours = session.spend(cost, share=output.cost_share)
    session.record(ToolExecution(call.id, call.name, output.ok, " ".join(output.summary.split())[:300], hours))
    content: dict[str, Json] = {**output.content, "hours": round(session.hours, 2)}
    return ToolResult(call.id, canonical_json(content), is_error=not output.ok)
