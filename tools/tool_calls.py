"""Execute the tool call of a model."""

from collections.abc import Mapping

from aarlab.memory.events import FailedRepeat, ToolExecution
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
    session.repeating = session.has_failed(call.name, call.arguments)
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
        cost = required if output.hours is None else output.hours
    except ToolError as error:
        output = ToolOutput({"error": str(error)}, str(error), ok=False)
    hours = session.spend(cost)
    session.record(ToolExecution(call.id, call.name, output.ok, _line(output), hours))
    if not output.ok:
        _count_failure(session, call, output)
    content: dict[str, Json] = {**output.content, "hours": round(session.hours, 2)}
    return ToolResult(call.id, canonical_json(content), is_error=not output.ok)


def _count_failure(session: AgentSession, call: ToolCall, output: ToolOutput) -> None:
    """Count a failure, and record it if the same call has failed before."""
    key = session.failure_key(call.name, call.arguments)
    times = session.failures[key] = session.failures.get(key, 0) + 1
    if times > 1:
        session.record(FailedRepeat(call.name, times, _line(output)))


def _line(output: ToolOutput) -> str:
    return " ".join(output.summary.split())[:300]
