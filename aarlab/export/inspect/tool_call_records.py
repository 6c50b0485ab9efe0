"""What tools were asked and answered, which stands in the messages around the event that says that one was used."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from aarlab.export.inspect.request_reconstruction import event_id
from aarlab.memory.events import LogEntry, ModelCall, Prompted, ToolExecution
from aarlab.memory.messages import ToolCall, ToolResult
from aarlab.memory.run_reader import RunReader


@dataclass(slots=True)
class ToolCallRecord:
    """A use of a tool and what came of it."""

    use: ToolCall | None = None
    """None where the lab used it, and nobody had asked."""
    result: ToolResult | None = None
    """None where nobody was told, as at the end of a run that was broken off."""


def tool_call_records(file: RunReader, entries: Iterable[LogEntry]) -> dict[str, ToolCallRecord]:
    """Return what stands around each `ToolExecution`, by its place. Ids of uses may begin anew in a stream."""
    found: dict[str, ToolCallRecord] = {}
    asked: dict[str, dict[str, ToolCall]] = defaultdict(dict)
    waiting: dict[str, dict[str, ToolCallRecord]] = defaultdict(dict)
    for entry in entries:
        match entry.event:
            case ModelCall(role="researcher", reply=key):
                asked[entry.stream] = {use.id: use for use in file.message(key).tool_calls}
            case ToolExecution(tool_call_id=use):
                found[event_id(entry)] = waiting[entry.stream][use] = ToolCallRecord(asked[entry.stream].get(use))
            case Prompted(role="researcher", message=key):
                for result in file.message(key).tool_results:
                    waiting[entry.stream].pop(result.tool_call_id, ToolCallRecord()).result = result
            case _:
                pass
    return found
