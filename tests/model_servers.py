"""A server on loopback that speaks the wire formats of two providers, and has the bad days that servers have.

What it answers is up to the test: it hands over the request as a base model would see it, read back from the wire, and
sends the reply, streamed. It keeps every request and its own count of tokens, to compare with the lab's books.
"""

import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.researcher import summary_request
from aarlab.memory.messages import (
    Conversation,
    Json,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    canonical_json,
    content_hash,
    message_from_json,
    tool_from_json,
)

Answer = Callable[[Request], Reply]
TRANSIENT_FAULTS = ("429 later", "429", "529", "500", "reset", "cut", "garbage", "small chunks", "overloaded inside")
"""Faults after which asking again helps; a small chunks is only slow."""
CORRUPTING_FAULTS = ("unknown tool", "invalid input", "refusal", "max_tokens")
"""Answers that are whole, and not what one hoped for."""
_SLOW = {"stall": 3.0, "slowly": 0.01}
"""Seconds between two events of an answer."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a closed connection is torn down at once."""


class SimulatedTeam:
    """Simulated researchers behind a wire: each is told by its system prompt who it is."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._members: dict[str, SimulatedResearcher] = {}

    def __call__(self, request: Request) -> Reply:
        """Answer as the researcher that is asked."""
        named = re.match(r"You are (\w+), (one of|the only)", request.conversation.system)
        assert named, request.conversation.system[:80]
        member = self._members.setdefault(named[1], SimulatedResearcher(self._seed, named[1]))
        coroutine = member.reply(request)
        try:
            coroutine.send(None)
        except StopIteration as done:
            reply: Reply = done.value
            return reply
        raise AssertionError("a simulated researcher waits for nothing")


@dataclass
class SummarisingTeam:
    """A team that sums up when it is asked to, and thinks of what it wrote as little as it can."""

    team: SimulatedTeam = field(default_factory=lambda: SimulatedTeam(7))
    call_numbers: Iterator[int] = field(default_factory=count)
    summary_count: int = 0

    def __call__(self, request: Request) -> Reply:
        """Answer as whoever is asked."""
        last = request.conversation.messages[-1]
        if last.text == summary_request():
            self.summary_count += 1
            words = (Text(f"Summary {self.summary_count}: $cost was {{not}} counted. "),)
            return Reply(Message("assistant", words), "end_turn", Usage(), "", None)
        reply = self.team(request)
        # It numbers its tool uses by the turns it is shown, and those begin anew.
        blocks = tuple(
            replace(block, id=f"use-{next(self.call_numbers)}") if isinstance(block, ToolCall) else block
            for block in reply.message.blocks
        )
        return replace(reply, message=Message("assistant", blocks))


@dataclass
class ModelServer:
    """The server. Use it as a context."""

    answer: Answer
    faults: Sequence[str] = ()
    """What happens at every `every`th call, in turn."""
    every: int = 10
    key: str = "sk-test-0123456789abcdef"
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies, in order of arrival, those of failed calls too."""
    billed: Counter[str] = field(default_factory=Counter)
    """Tokens that the client has been told of, and calls that were answered."""
    seen: set[str] = field(default_factory=set)
    """Hashes of the prefixes in the cache."""
    applied_faults: Counter[str] = field(default_factory=Counter)
    """Faults that have happened."""
    pending_faults: list[str] = field(default_factory=list)
    """Faults that are due."""
    window: int | None = None
    """Most tokens of a prompt; a longer one is refused."""
    counts_tokens: bool = True
    """Whether it counts tokens for those who ask."""
    counted: int = 0
    """How often it was asked to."""
    max_concurrent: int | None = None
    """Most calls that it answers at a time; more are told that they come too fast."""
    in_flight_calls: int = 0
    """Calls that it is answering."""

    def __enter__(self) -> Self:
        server = self

        class Handler(_Handler):
            model_server = server

        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def receive(self, body: dict[str, Any]) -> str:
        """Take down a request and return the fault that is due, or nothing."""
        with self._lock:
            self.requests.append(body)
            number = len(self.requests)
            if self.faults and number % self.every == 0:
                self.pending_faults.append(self.faults[(number // self.every - 1) % len(self.faults)])
            return self.pending_faults.pop(0) if self.pending_faults else ""

    def applied_fault(self, fault: str, reply: Reply) -> str:
        """Return the fault if this answer can have it; else a later one has to. What nobody does cannot be spoilt."""
        with self._lock:
            if fault in CORRUPTING_FAULTS and not reply.message.tool_calls:
                self.pending_faults.append(fault)
                return ""
            self.applied_faults.update([fault] if fault else [])
            return fault

    def cached(self, blocks: Sequence[tuple[Json, bool]]) -> tuple[int, int, int]:
        """Return the tokens that came from the cache, went into it, and did neither.

        `blocks` are what the prompt is made of, in order, each with whether the prefix that it ends is to be cached.
        """
        key, tokens, read, written = "", 0, 0, 0
        fresh: set[str] = set()
        with self._lock:
            for block, marked in blocks:
                text = canonical_json(block)
                key = content_hash(key, text)
                tokens += len(text.encode()) // 4 + 1
                if key in self.seen:
                    read = tokens
                if marked:
                    fresh.add(key)
                    written = tokens
            self.seen |= fresh
        return read, max(0, written - read), tokens - max(read, written)

    def admit(self) -> bool:
        """Tell whether another call can be answered beside those under way, and count it among them."""
        with self._lock:
            if self.max_concurrent is not None and self.in_flight_calls >= self.max_concurrent:
                return False
            self.in_flight_calls += 1
            return True

    def finish_call(self) -> None:
        """Take in that a call has been answered."""
        with self._lock:
            self.in_flight_calls -= 1

    def count_usage(self, **tokens: int) -> None:
        """Add to the count."""
        with self._lock:
            self.billed.update(tokens)


def tokens_of(blocks: Sequence[tuple[Json, bool]]) -> int:
    """Return the tokens of a prompt."""
    return sum(len(canonical_json(block).encode()) // 4 + 1 for block, _ in blocks)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model_server: ModelServer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer a request."""
        server = self.model_server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        anthropic = self.path.endswith("/messages")
        key = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if key != server.key:
            self._error(401, "authentication_error", f"invalid key {key}")
            return
        if self.path.endswith("/count_tokens"):
            self._count(body)
            return
        fault = server.receive(body)
        if not server.admit():
            self._error(429, "rate_limit_error", "too many at a time", {"retry-after": "0.01"})
            return
        try:
            if self._sent_error(fault):
                server.applied_faults.update([fault])
                return
            request, blocks = read_anthropic(body) if anthropic else read_openai(body)
            if server.window is not None and tokens_of(blocks) > server.window:
                self._sent_error("too long")
                return
            reply = server.answer(request)
            fault = server.applied_fault(fault, reply)
            speak = stream_anthropic if anthropic else stream_openai
            events = speak(server, _corrupted(reply, fault), blocks, fault, body["model"])
            self._stream(events, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            server.finish_call()

    def _count(self, body: dict[str, Any]) -> None:
        server = self.model_server
        server.counted += 1
        if not server.counts_tokens:
            self._error(404, "not_found_error", "nothing is counted here")
            return
        self._json(200, {"input_tokens": tokens_of(read_anthropic(body)[1])})

    def _sent_error(self, fault: str) -> bool:
        match fault:
            case "429 later":
                self._error(429, "rate_limit_error", "too fast", {"retry-after": "0.1"})
            case "429":
                self._error(429, "rate_limit_error", "too fast")
            case "529":
                self._error(529, "overloaded_error", "Overloaded")
            case "500":
                self._error(500, "api_error", "Internal server error")
            case "telling 500" | "telling 429" | "telling 403":
                self._error(int(fault[-3:]), "api_error", f"something is wrong with {self.model_server.key}")
            case "no credit":
                self._error(400, "invalid_request_error", "Your credit balance is too low to access the API.")
            case "no model":
                self._error(404, "not_found_error", "model: nonsense")
            case "too long":
                self._error(400, "invalid_request_error", "prompt is too long")
            case _:
                return False
        return True

    def _error(self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self._json(status, {"type": "error", "error": {"type": kind, "message": message}}, headers)

    def _json(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: Iterator[str], fault: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events):
            if number == 3 and fault == "reset":
                # What was sent has to be read before the connection is torn down, or it is lost with it.
                time.sleep(0.1)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.connection.close()
                raise ConnectionResetError
            if number == 3 and fault == "cut":
                break
            if number == 3 and fault == "garbage":
                self._chunk("event: content_block_delta\ndata: {oops\n\n")
                break
            if fault in _SLOW:
                time.sleep(_SLOW[fault])
            for piece in _small_pieces(event) if fault == "small chunks" else (event,):
                self._chunk(piece)
        self._chunk("")

    def _chunk(self, text: str) -> None:
        content = text.encode()
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


def _small_pieces(event: str) -> Iterator[str]:
    for start in range(0, len(event), 40):
        time.sleep(0.002)
        yield event[start : start + 40]


def _corrupted(reply: Reply, fault: str) -> Reply:
    """Return the answer, or what a model has made of it that has a bad day."""
    message = reply.message
    match fault:
        case "unknown tool":
            blocks = tuple(replace(b, name="no_such_tool") if isinstance(b, ToolCall) else b for b in message.blocks)
        case "refusal":
            blocks = (Text("I cannot help with that."), *message.blocks)
        case "max_tokens":
            blocks = (Text("Let me think about this for a very long ti"),)
        case _:
            return reply
    reason = fault if fault in ("refusal", "max_tokens") else reply.stop_reason
    return replace(reply, message=Message("assistant", blocks), stop_reason=reason)


def _input_json(use: ToolCall, fault: str) -> str:
    text = json.dumps(dict(use.arguments))
    return text[: len(text) // 2] + "\\" if fault == "invalid input" else text


# -- the Messages API -------------------------------------------------------------------------------------------------


def read_anthropic(body: dict[str, Any]) -> tuple[Request, list[tuple[Json, bool]]]:
    """Return what the model is shown, and the blocks of the prompt with the marks of the cache."""
    tools = tuple(map(tool_from_json, body["tools"]))
    system = "".join(block["text"] for block in body.get("system", []))
    conversation = Conversation.begin(system)
    blocks: list[tuple[Json, bool]] = [(tool, False) for tool in body["tools"]]
    for block in (*body.get("system", []), *(block for message in body["messages"] for block in message["content"])):
        plain = {name: value for name, value in block.items() if name != "cache_control"}
        blocks.append((plain, "cache_control" in block))
    for message in body["messages"]:
        assert message["content"], "the API does not take a message without content"
        conversation = conversation.then(message_from_json(message))
    return Request(conversation, tools), blocks


def stream_anthropic(
    server: ModelServer, reply: Reply, blocks: list[tuple[Json, bool]], fault: str, model: str
) -> Iterator[str]:
    """Yield the events of an answer."""
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
    """Return how a content block begins, and what is added to it."""
    match block:
        case Text(text=text):
            pieces = [{"type": "text_delta", "text": piece} for piece in _two_pieces(text)]
            return {"type": "text", "text": ""}, pieces
        case Thinking(text=text, signature=signature):
            pieces = [{"type": "thinking_delta", "thinking": piece} for piece in _two_pieces(text)]
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                *pieces, {"type": "signature_delta", "signature": signature},
            ]  # fmt: skip
        case RedactedThinking(data=data):
            return {"type": "redacted_thinking", "data": data}, []
        case ToolCall() as use:
            pieces = [
                {"type": "input_json_delta", "partial_json": piece} for piece in _two_pieces(_input_json(use, fault))
            ]
            return {"type": "tool_use", "id": use.id, "name": use.name, "input": {}}, pieces
        case _:
            raise AssertionError(block)


def _two_pieces(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _event(kind: str, **content: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n"


# -- chat completions -------------------------------------------------------------------------------------------------


def read_openai(body: dict[str, Any]) -> tuple[Request, list[tuple[Json, bool]]]:
    """Return what the model is shown, and the blocks of the prompt; this provider caches all of it by itself."""
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
    server: ModelServer, reply: Reply, blocks: list[tuple[Json, bool]], fault: str, model: str
) -> Iterator[str]:
    """Yield the chunks of an answer."""
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
    yield _chunk_of(model, choices=[], usage={**usage, "prompt_tokens_details": details})
    yield "data: [DONE]\n\n"


def _deltas(block: Any, index: int, fault: str) -> Iterator[Json]:
    match block:
        case Text(text=text):
            yield from ({"content": piece} for piece in _two_pieces(text))
        case Thinking(text=text):
            yield {"reasoning_content": text}
        case ToolCall() as use:
            function = {"name": use.name, "arguments": ""}
            yield {"tool_calls": [{"index": index, "id": use.id, "type": "function", "function": function}]}
            for piece in _two_pieces(_input_json(use, fault)):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _chunk_of(model: str, **content: Any) -> str:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, **content}
    return f"data: {json.dumps(chunk)}\n\n"
