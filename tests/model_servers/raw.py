"""A server on loopback that sends what a test gives it, byte by byte if need be."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from aarlab.memory.messages import Json
from model_servers.loopback import LoopbackServer


@dataclass(frozen=True)
class RawResponse:
    """An HTTP response."""

    pieces: Sequence[bytes]
    """The body, in the pieces in which it is sent."""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(body: Json, status: int = 200, **headers: str) -> RawResponse:
    """Return a response with a JSON body."""
    return RawResponse([json.dumps(body).encode()], status, headers=headers)


def event_stream(events: Iterable[Json], *, named: bool = False) -> RawResponse:
    """Return a stream of events; `named`: with the names that the Messages API gives."""
    texts = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events]
    end = [] if named else ["data: [DONE]\n\n"]
    return RawResponse([text.encode() for text in texts + end], content_type="text/event-stream")


@dataclass
class RawServer(LoopbackServer):
    """The server, a context manager."""

    respond: Callable[[dict[str, Any]], RawResponse]
    """Returns the response to the body of a request."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return the class that sends the responses."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                """Write no log."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.requests.append(body)
                server.paths.append(self.path)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                self._send(server.respond(body))

            def _send(self, response: RawResponse) -> None:
                self.send_response(response.status)
                self.send_header("content-type", response.content_type)
                self.send_header("transfer-encoding", "chunked")
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in response.pieces:
                    if piece:
                        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

        return Handler
