"""All tools there are, and how a tool use that came from a model is carried out."""

from collections.abc import Mapping
from types import MappingProxyType

from aarlab.memory.events import ToolCall
from aarlab.memory.messages import INVALID_INPUT, Json, ToolResult, ToolUse, canonical
from aarlab.tools.bench import Bench
from aarlab.tools.board import BOARD_TOOLS
from aarlab.tools.definition import Answer, Tool, ToolError
from aarlab.tools.experiment import EXPERIMENT_TOOL
from aarlab.tools.workspace import WORKSPACE_TOOLS

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {tool.name: tool for tool in (*BOARD_TOOLS, *WORKSPACE_TOOLS, EXPERIMENT_TOOL)}
)
"""Every tool by name, in the order in which they are offered."""


async def use(bench: Bench, wish: ToolUse, offered: Mapping[str, Tool], *, refused: str | None = None) -> ToolResult:
    """Carry out one tool use: check, charge, act, record. Whatever is wrong with it is answered, never raised.

    `refused` is a reason why it must not happen, decided by somebody else.
    """
    entry: str | None = None
    try:
        if wish.name not in offered:
            raise ToolError(f"there is no tool {wish.name!r} here; there are: {', '.join(offered)}")
        if refused is not None:
            raise ToolError(refused)
        if INVALID_INPUT in wish.arguments:
            raise ToolError(f"the input of {wish.name} was not a JSON object; it may have been cut off. Write it again")
        tool = offered[wish.name]
        arguments = tool.parse(wish.arguments)
        wanted = tool.price(arguments)
        if not bench.can_afford(wanted):
            left = max(0.0, bench.budget_hours - bench.hours)
            raise ToolError(f"{wanted} takes {bench.costs[wanted]:g} research hours and you have {left:.2f} left")
        answer = await tool.handle(bench, arguments)
        entry = wanted
    except ToolError as error:
        answer = Answer({"error": str(error)}, str(error), ok=False)
    cost = bench.spend(entry, share=answer.work) if entry is not None else 0.0
    bench.record(ToolCall(wish.id, wish.name, answer.ok, " ".join(answer.summary.split())[:300], cost))
    told: dict[str, Json] = {**answer.content, "hours": round(bench.hours, 2)}
    return ToolResult(wish.id, canonical(told), is_error=not answer.ok)
