"""The Messages API as the model server implements it."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aarlab.agents.models.base import Reply, Request
from aarlab.memory.messages import (
    Conversation,
    Json,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    block_from_json,
    tool_from_json,
)
from model_servers.faults import input_json, two_pieces

if TYPE_CHECKING:
    from model_servers.server import ModelServer


def read_anthropic(body: dict[str, Any]) -> tuple[Request, list[tuple[Json, bool]]]:
    """Return the request, and the blocks of the prompt, each with whether it has a cache breakpoint."""
    tools = tuple(map(tool_from_json, body["tools"]))
    system = "".join(block["text"] for block in body.get("system", []))
    conversation = Conversation.begin(system)
    blocks: list[tuple[Json, bool]] = [(tool, False) for tool in body["tools"]]
    for block in (*body.get("system", []), *(block for message in body["messages"] for block in message["content"])):
        plain = {name: value for name, value in block.items() if name != "cache_control"}
        blocks.append((plain, "cache_control" in block))
    for message in body["messages"]:
        assert message["content"], "the API rejects a message without content"
        conversation = conversation.then(Message(message["role"], tuple(map(block_from_json, message["content"]))))
    return Request(conversation, tools), blocks


def stream_anthropic(
    server: "ModelServer", reply: Reply, blocks: list[tuple[Json, bool]], fault: str, model: str
) -> Iterator[str]:
    """Yield the events of a reply."""
    read, written, plain = server.cached(blocks)
    usage = {
        "input_tokens": plain, "cache_read_input_tokens": read, "cache_creation_input_tokens": written,
        "output_tokens": 1,
    }  # fmt: skip
    start = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    server.count_usage(input=plain + read + written, read=read, written=written, output=1)
    yield _event("message_start", message=start)
    if fault == "overloaded inside":
        yield _event("error", error={"type": "overloaded_error", "message": "Overloaded"})
        return
    output_tokens = 0
    for index, block in enumerate(reply.message.blocks):
        content, deltas = _parts(block, fault)
        yield _event("content_block_start", index=index, content_block=content)
        yield 'event: ping\ndata: {"type": "ping"}\n\n'
        for delta in deltas:
            output_tokens += len(json.dumps(delta)) // 4
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    server.count_usage(output=output_tokens, calls=1)
    yield _event("message_delta", delta={"stop_reason": reply.stop_reason, "stop_sequence": None},
                 usage={"output_tokens": output_tokens + 1})  # fmt: skip
    yield _event("message_stop")


def _parts(block: Any, fault: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the start of a content block, and its deltas."""
    match block:
        case Text(text=text):
            pieces = [{"type": "text_delta", "text": piece} for piece in two_pieces(text)]
            return {"type": "text", "text": ""}, pieces
        case Thinking(text=text, signature=signature):
            pieces = [{"type": "thinking_delta", "thinking": piece} for piece in two_pieces(text)]
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                *pieces, {"type": "signature_delta", "signature": signature},
            ]  # fmt: skip
        case RedactedThinking(data=data):
            return {"type": "redacted_thinking", "data": data}, []
        case ToolCall() as call:
            pieces = [
                {"type": "input_json_delta", "partial_json": piece} for piece in two_pieces(input_json(call, fault))
            ]
            return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, pieces
        case _:
            raise AssertionError(block)


def _event(kind: str, **content: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n"
