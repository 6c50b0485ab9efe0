"""The chat completions API as the model server implements it."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aarlab.agents.models.base import Reply, Request
from aarlab.memory.messages import Conversation, Json, Message, Text, Thinking, ToolCall, ToolResult, ToolSpec
from model_servers.faults import input_json, two_pieces

if TYPE_CHECKING:
    from model_servers.server import ModelServer


def read_openai(body: dict[str, Any]) -> tuple[Request, list[tuple[Json, bool]]]:
    """Return the request, and the blocks of the prompt, all of which this provider caches."""
    functions = [tool["function"] for tool in body.get("tools", [])]
    tools = tuple(ToolSpec(f["name"], f["description"], f["parameters"]) for f in functions)
    system, conversation = "", Conversation.begin("")
    results: list[ToolResult] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            failed = json.loads(message["content"]).keys() >= {"error"}
            results.append(ToolResult(message["tool_call_id"], message["content"], failed))
            continue
        if results:
            conversation, results = conversation.then(Message("user", tuple(results))), []
        if message["role"] == "system":
            system = message["content"]
            conversation = Conversation.begin(system)
        else:
            conversation = conversation.then(Message(message["role"], tuple(_message_blocks(message))))
    if results:
        conversation = conversation.then(Message("user", tuple(results)))
    return Request(conversation, tools), [(part, True) for part in (body.get("tools", []), *body["messages"])]


def _message_blocks(message: Mapping[str, Any]) -> Iterator[Text | ToolCall]:
    if message["content"]:
        yield Text(message["content"])
    for call in message.get("tool_calls", ()):
        yield ToolCall(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))


def stream_openai(
    server: "ModelServer", reply: Reply, blocks: list[tuple[Json, bool]], fault: str, model: str
) -> Iterator[str]:
    """Yield the chunks of a reply."""
    read, written, plain = server.cached(blocks)
    output_tokens = 0

    def chunk(delta: Json, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _chunk_of(model, choices=[choice])

    yield chunk({"role": "assistant", "content": ""})
    if fault == "overloaded inside":
        yield f"data: {json.dumps({'error': {'message': 'Overloaded', 'type': 'server_error', 'code': None}})}\n\n"
        return
    calls = 0
    for block in reply.message.blocks:
        for delta in _deltas(block, calls, fault):
            output_tokens += len(json.dumps(delta)) // 4
            yield chunk(delta)
        calls += isinstance(block, ToolCall)
    reasons = {"tool_use": "tool_calls", "end_turn": "stop", "max_tokens": "length", "refusal": "content_filter"}
    yield chunk({}, reasons[reply.stop_reason])
    tokens = plain + read + written
    server.count_usage(input=tokens, read=read, output=output_tokens, calls=1)
    details = {"cached_tokens": read}
    usage = {"prompt_tokens": tokens, "completion_tokens": output_tokens, "total_tokens": tokens + output_tokens}
    if not server.reports_usage:
        yield "data: [DONE]\n\n"
        return
    yield _chunk_of(model, choices=[], usage={**usage, "prompt_tokens_details": details})
    yield "data: [DONE]\n\n"


def _deltas(block: Any, index: int, fault: str) -> Iterator[Json]:
    match block:
        case Text(text=text):
            yield from ({"content": piece} for piece in two_pieces(text))
        case Thinking(text=text):
            yield {"reasoning_content": text}
        case ToolCall() as call:
            function = {"name": call.name, "arguments": ""}
            yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
            for piece in two_pieces(input_json(call, fault)):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _chunk_of(model: str, **content: Any) -> str:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, **content}
    return f"data: {json.dumps(chunk)}\n\n"
