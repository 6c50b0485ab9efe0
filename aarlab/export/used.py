"""What tools were asked and answered, which stands in the messages around the event that says that one was used."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from aarlab.export.asked import place_of
from aarlab.memory.events import ModelCall, Told, ToolCall
from aarlab.memory.messages import ToolResult, ToolUse
from aarlab.memory.runfile import Entry, RunFile


@dataclass(slots=True)
class Used:
    """A use of a tool and what came of it."""

    use: ToolUse | None = None
    """None where the lab used it, and nobody had asked."""
    result: ToolResult | None = None
    """None where nobody was told, as at the end of a run that was broken off."""


def tools_used(file: RunFile, entries: Iterable[Entry]) -> dict[str, Used]:
    """Return what stands around each `ToolCall`, by its place. Ids of uses may begin anew in a stream."""
    found: dict[str, Used] = {}
    asked: dict[str, dict[str, ToolUse]] = defaultdict(dict)
    waiting: dict[str, dict[str, Used]] = defaultdict(dict)
    for entry in entries:
        match entry.event:
            case ModelCall(role="researcher", reply=key):
                asked[entry.stream] = {use.id: use for use in file.message(key).tool_uses}
            case ToolCall(tool_use_id=use):
                found[place_of(entry)] = waiting[entry.stream][use] = Used(asked[entry.stream].get(use))
            case Told(role="researcher", message=key):
                for result in file.message(key).tool_results:
                    waiting[entry.stream].pop(result.tool_use_id, Used()).result = result
            case _:
                pass
    return found
