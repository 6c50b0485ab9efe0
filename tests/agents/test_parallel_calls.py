"""Parallel tool calls in a stream of chunks, as different servers number them."""

from collections.abc import Callable
from typing import Any

import pytest
from model_clients import ModelClient
from model_servers import RawServer, event_stream

Fragment = dict[str, Any]
BOTH = [("read_file", {"path": "a"}), ("read_file", {"path": "b"})]


def fragment(index: int | None, call_id: str | None, name: str | None, arguments: str | None) -> Fragment:
    """Return a part of a tool call."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    part = {"index": index, "id": call_id, "type": "function", "function": function}
    return {key: value for key, value in part.items() if value is not None}


A, B = '{"path": "a"}', '{"path": "b"}'
SERVERS = {
    "OpenAI": [
        fragment(0, "x1", "read_file", ""), fragment(0, None, None, A),
        fragment(1, "x2", "read_file", ""), fragment(1, None, None, B[:4]), fragment(1, None, None, B[4:]),
    ],
    "interleaved": [
        fragment(0, "x1", "read_file", A[:3]), fragment(1, "x2", "read_file", B[:5]),
        fragment(0, None, None, A[3:]), fragment(1, None, None, B[5:]),
    ],
    "all index 0": [fragment(0, "x1", "read_file", A), fragment(0, "x2", "read_file", B)],
    "all index 0, in pieces": [
        fragment(0, "x1", "read_file", A[:4]), fragment(0, None, None, A[4:]),
        fragment(0, "x2", "read_file", B[:4]), fragment(0, None, None, B[4:]),
    ],
    "no index": [fragment(None, "x1", "read_file", A), fragment(None, "x2", "read_file", B)],
    "no index, in pieces": [
        fragment(None, "x1", "read_file", None), fragment(None, None, None, A),
        fragment(None, "x2", "read_file", None), fragment(None, None, None, B),
    ],
    "no index and no id": [fragment(None, None, "read_file", A), fragment(None, None, "read_file", B)],
    "index 0 and no id": [fragment(0, "", "read_file", A), fragment(0, "", "read_file", B)],
    "id and name repeated": [
        fragment(0, "x1", "read_file", A[:4]), fragment(0, "x1", "read_file", A[4:]),
        fragment(0, "x1", "read_file", ""),
        fragment(1, "x2", "read_file", B[:4]), fragment(1, "x2", "read_file", B[4:]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_parallel_calls_stay_apart(server: str, opened: Callable[..., ModelClient]) -> None:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [part]}, "finish_reason": None}]} for part in SERVERS[server]
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    with RawServer(lambda body: event_stream(chunks)) as raw:
        calls = opened("openai", raw)().message.tool_calls
    assert [(call.name, call.arguments) for call in calls] == BOTH
    assert len({call.id for call in calls}) == 2


def test_arguments_sent_as_an_object_are_read(opened: Callable[..., ModelClient]) -> None:
    call = {"function": {"name": "read_file", "arguments": {"path": "a"}}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    chunk = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    with RawServer(lambda body: event_stream([chunk])) as raw:
        (found,) = opened("openai", raw)().message.tool_calls
    assert (found.name, found.arguments) == BOTH[0]
