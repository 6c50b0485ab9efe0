"""Approval of tool calls: tools whose calls the overseer decides about before they take effect."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials import coordination
from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.graph.structure.dials.workflow import STAGE_TOOLS
from aarlab.memory.events import CallDecision, ToolExecution

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents
    from aarlab.graph.structure.structure import Structure


def explain_approval(tools: Sequence[str], resolved: ResolvedStructure) -> None:
    """Explain the approval in the system prompt."""
    if tools:
        resolved.explanations.append(
            f"An overseer decides about each call of {', '.join(tools)} before it takes effect, and may change its "
            "arguments. A rejected call has no effect, costs no hours, and returns the reason."
        )


def approval_problem(structure: "Structure", package_tools: Sequence[str], names: Sequence[str]) -> str | None:
    """Return why the overseer cannot be asked about one of `approve_tools`; None if it can about all.

    Args:
        structure: The structure.
        package_tools: Tools of packages that researchers have (`team.tools`).
        names: The researchers, in team order.
    """
    from aarlab.tools.board_tools import HAND_OFF
    from aarlab.tools.tool_registry import TOOLS

    known = [*TOOLS, HAND_OFF.name, *package_tools]
    for tool in structure.approve_tools:
        if tool not in known:
            return f"structure.approve_tools names {tool!r}, which is no tool; tools are {', '.join(known)}"
        setting = None if tool in package_tools else _withheld_by(tool, structure, names)
        if setting is not None:
            value = getattr(structure, setting)
            return f"structure.approve_tools names {tool}, and no researcher calls it if structure.{setting} is {value}"
    return None


def _withheld_by(tool: str, structure: "Structure", names: Sequence[str]) -> str | None:
    """Return which setting keeps a built-in tool from all researchers; None if one of them has it."""
    if (dial := structure.withholding_dial(tool)) is not None:
        return dial.name
    specialists = structure.coordination == "specialists"
    if specialists and all(tool in coordination.withheld_of(name, names) for name in names):
        return "coordination"
    if tool == "hand_off" and not specialists:
        return "coordination"
    skipped = "propose" if structure.assigns_ideas else None
    offered = {name for stage, tools in STAGE_TOOLS.items() if stage != skipped for name in tools}
    return "workflow" if structure.workflow == "staged" and tool not in offered else None


def approval_violations(events: "RunEvents") -> Iterator[str]:
    """Yield one sentence for each call that took effect without approval, or was decided about without need."""
    tools = events.structure.get("approve_tools", [])
    decisions = list(events.of(CallDecision))
    yield from (f"the overseer was asked about a call of {d.tool}" for _, d in decisions if d.tool not in tools)
    approved = Counter((stream, d.tool_call_id) for stream, d in decisions if d.outcome in ("approved", "modified"))
    if not tools:
        return
    executed = Counter(
        (stream, call.tool_call_id, call.tool)
        for stream, call in events.of(ToolExecution)
        if call.tool in tools and (call.ok or call.cost_hours > 0)
    )
    for (stream, call_id, tool), count in executed.items():
        if count > approved[stream, call_id]:
            yield f"{stream} called {tool} without approval"
