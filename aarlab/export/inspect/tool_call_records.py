"""The arguments and results of executed tools. The run file has them in the messages around a `ToolExecution` event."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from aarlab.export.inspect.request_reconstruction import event_id
from aarlab.memory.events import LogEntry, ModelCall, Prompted, ToolExecution
from aarlab.memory.messages import ToolCall, ToolResult
from aarlab.memory.run_reader import RunReader


@dataclass(slots=True)
class ToolCallRecord:
    """A tool call and its result."""

    call: ToolCall | None = None
    """None if no model requested the call and the run executed the tool itself."""
    result: ToolResult | None = None
    """None if the result was sent to no model, as at the end of an interrupted run."""


def tool_call_records(file: RunReader, entries: Iterable[LogEntry]) -> dict[str, ToolCallRecord]:
    """Return the call and the result of each `ToolExecution`, by `event_id`."""
    records: dict[str, ToolCallRecord] = {}
    # Later replies of a stream can reuse the ids of tool calls, so calls and results are matched in order.
    requested: dict[str, dict[str, ToolCall]] = defaultdict(dict)
    without_result: dict[str, dict[str, ToolCallRecord]] = defaultdict(dict)
    for entry in entries:
        match entry.event:
            case ModelCall(role="researcher", reply=key):
                requested[entry.stream] = {call.id: call for call in file.message(key).tool_calls}
            case ToolExecution(tool_call_id=call_id):
                record = ToolCallRecord(requested[entry.stream].get(call_id))
                records[event_id(entry)] = without_result[entry.stream][call_id] = record
            case Prompted(role="researcher", message=key):
                for result in file.message(key).tool_results:
                    without_result[entry.stream].pop(result.tool_call_id, ToolCallRecord()).result = result
            case _:
                pass
    return records
