"""Execute the tool call of a model."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aarlab.memory.events import FailedRepeat, ToolExecution
from aarlab.memory.messages import INVALID_INPUT, Json, ToolCall, ToolResult, canonical_json
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Arguments, Tool, ToolError, ToolOutput


@dataclass(frozen=True, slots=True)
class Approval:
    """A call may take effect."""

    arguments: Mapping[str, Json] | None = None
    """Arguments in place of those of the call; None: it keeps its own."""
    note: str = ""
    """What the agent gets with the result; empty: nothing."""


Approve = Callable[[ToolCall], Awaitable[Approval]]
"""Decides about a valid call before it takes effect. Raises ToolError if it is rejected."""


async def call_tool(
    session: AgentSession,
    call: ToolCall,
    tools: Mapping[str, Tool],
    *,
    refusal: str | None = None,
    approve: Approve | None = None,
) -> ToolResult:
    """Execute one tool call: check, run, charge, record. Errors are returned to the agent, not raised.

    Args:
        session: Session of the agent.
        call: The tool call of the model.
        tools: Tools of the agent, by name.
        refusal: Error to return instead of executing the call; None: execute it.
        approve: Decides about the call if it is valid; None: it needs no approval.
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
        arguments, required = _checked(session, tool, call.arguments)
        approval = Approval() if approve is None else await approve(call)
        if approval.arguments is not None:
            try:
                arguments, required = _checked(session, tool, approval.arguments)
            except ToolError as error:
                raise ToolError(f"{approval.note}. That is no valid call: {error}") from None
        output = await tool.handler(session, arguments)
        cost = required if output.hours is None else output.hours
        if approval.note:
            output = replace(output, content={**output.content, "overseer": approval.note})
    except ToolError as error:
        output = ToolOutput({"error": str(error)}, str(error), ok=False)
    hours = session.spend(cost)
    session.record(ToolExecution(call.id, call.name, output.ok, _line(output), hours))
    if not output.ok:
        _count_failure(session, call, output)
    content: dict[str, Json] = {**output.content, "hours": round(session.hours, 2)}
    return ToolResult(call.id, canonical_json(content), is_error=not output.ok)


def _checked(session: AgentSession, tool: Tool, arguments: Mapping[str, Json]) -> tuple[Arguments, str | float]:
    """Return the parsed arguments of a call and its cost. Raises ToolError if it is invalid or takes too many hours."""
    parsed = tool.parse(arguments)
    required = tool.cost_of(parsed)
    if not session.can_afford(required):
        step = required if isinstance(required, str) else tool.name
        left = max(0.0, session.budget_hours - session.hours)
        raise ToolError(f"{step} takes {session.hours_of(required):g} research hours and you have {left:.2f} left")
    return parsed, required


def _count_failure(session: AgentSession, call: ToolCall, output: ToolOutput) -> None:
    """Count a failure, and record it if the same call has failed before."""
    key = session.failure_key(call.name, call.arguments)
    times = session.failures[key] = session.failures.get(key, 0) + 1
    if times > 1:
        session.record(FailedRepeat(call.name, times, _line(output)))


def _line(output: ToolOutput) -> str:
    return " ".join(output.summary.split())[:300]
