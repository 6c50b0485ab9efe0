"""The HTTP handler of the model server: errors, token counts and streamed replies."""

import json
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from aarlab.memory.messages import Json, canonical_json
from model_servers.anthropic_wire import read_anthropic, stream_anthropic
from model_servers.faults import corrupted
from model_servers.openai_wire import read_openai, stream_openai
from model_servers.strict import anthropic_faults, openai_faults

if TYPE_CHECKING:
    from model_servers.server import ModelServer

_SLOW = {"stall": 3.0, "slowly": 0.01}
"""Seconds between two events of a reply."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER value that resets the connection when it is closed."""


def tokens_of(blocks: Sequence[tuple[Json, bool]]) -> int:
    """Return the number of tokens of a prompt."""
    return sum(len(canonical_json(block).encode()) // 4 + 1 for block, _ in blocks)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model_server: "ModelServer"

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""

    def do_POST(self) -> None:
        """Serve a request."""
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
            faults = anthropic_faults(body) if anthropic else openai_faults(body, server.allowed_fields)
            if (text := next(faults, None)) is not None:
                self._error(400, "invalid_request_error", text)
                return
            request, blocks = read_anthropic(body) if anthropic else read_openai(body)
            if server.window is not None and tokens_of(blocks) > server.window:
                self._sent_error("too long")
                return
            reply = server.answer(request)
            fault = server.applied_fault(fault, reply)
            stream = stream_anthropic if anthropic else stream_openai
            events = stream(server, corrupted(reply, fault), blocks, fault, body["model"])
            self._stream(events, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            server.finish_call()

    def _count(self, body: dict[str, Any]) -> None:
        server = self.model_server
        server.counted += 1
        if not server.counts_tokens:
            self._error(404, "not_found_error", "this server does not count tokens")
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
            case "leaking 500" | "leaking 429" | "leaking 403":
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
                # The client must read the sent events before the reset, which would discard them.
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
