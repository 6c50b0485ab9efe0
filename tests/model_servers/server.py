"""A model server on loopback that implements two providers' APIs, with faults on request.

The test provides the replies: it receives each request as a base model would, and the server streams its reply. The
server keeps every request and counts tokens, so that tests can compare its counts with the run's.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.memory.messages import Json, canonical_json, content_hash
from model_servers.faults import CORRUPTING_FAULTS
from model_servers.handler import Handler
from model_servers.loopback import LoopbackServer

Answer = Callable[[Request], Reply]


@dataclass
class ModelServer(LoopbackServer):
    """The server, a context manager."""

    answer: Answer
    faults: Sequence[str] = ()
    """Faults, applied in turn to every `every`th call."""
    every: int = 10
    key: str = "sk-test-0123456789abcdef"
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Request bodies in order of arrival, including those of failed calls."""
    billed: Counter[str] = field(default_factory=Counter)
    """Tokens reported to clients, and completed calls."""
    cached_prefixes: set[str] = field(default_factory=set)
    """Hashes of the cached prefixes."""
    applied_faults: Counter[str] = field(default_factory=Counter)
    """Faults applied so far."""
    pending_faults: list[str] = field(default_factory=list)
    """Faults to apply next."""
    allowed_fields: frozenset[str] = frozenset()
    """Fields of chat completions messages that the server accepts, besides those of OpenAI."""
    reports_usage: bool = True
    """Whether a stream of the chat completions API reports its usage."""
    window: int | None = None
    """Maximum number of tokens of a prompt; None: no limit."""
    counts_tokens: bool = True
    """Whether it serves token counts."""
    counted: int = 0
    """Number of token counts requested."""
    max_concurrent: int | None = None
    """Maximum number of concurrent calls; more get a rate limit error. None: no limit."""
    in_flight_calls: int = 0
    """Calls in progress."""

    def handler(self) -> type[Handler]:
        """Return the class that answers for this server."""
        server = self

        class BoundHandler(Handler):
            model_server = server

        self._lock = threading.Lock()
        return BoundHandler

    def receive(self, body: dict[str, Any]) -> str:
        """Record a request and return the fault to apply; empty if there is none."""
        with self._lock:
            self.requests.append(body)
            number = len(self.requests)
            if self.faults and number % self.every == 0:
                self.pending_faults.append(self.faults[(number // self.every - 1) % len(self.faults)])
            return self.pending_faults.pop(0) if self.pending_faults else ""

    def applied_fault(self, fault: str, reply: Reply) -> str:
        """Return the fault if it applies to this reply. A corrupting fault waits for a reply with a tool call."""
        with self._lock:
            if fault in CORRUPTING_FAULTS and not reply.message.tool_calls:
                self.pending_faults.append(fault)
                return ""
            self.applied_faults.update([fault] if fault else [])
            return fault

    def cached(self, blocks: Sequence[tuple[Json, bool]]) -> tuple[int, int, int]:
        """Return the tokens read from the cache, the tokens written to it, and the other tokens.

        `blocks` are the blocks of the prompt, in order, each with whether it ends a prefix to cache.
        """
        key, tokens, read, written = "", 0, 0, 0
        new_prefixes: set[str] = set()
        with self._lock:
            for block, marked in blocks:
                text = canonical_json(block)
                key = content_hash(key, text)
                tokens += len(text.encode()) // 4 + 1
                if key in self.cached_prefixes:
                    read = tokens
                if marked:
                    new_prefixes.add(key)
                    written = tokens
            self.cached_prefixes |= new_prefixes
        return read, max(0, written - read), tokens - max(read, written)

    def admit(self) -> bool:
        """Return whether another call may start. If it may, it is counted."""
        with self._lock:
            if self.max_concurrent is not None and self.in_flight_calls >= self.max_concurrent:
                return False
            self.in_flight_calls += 1
            return True

    def finish_call(self) -> None:
        """Register the end of a call."""
        with self._lock:
            self.in_flight_calls -= 1

    def count_usage(self, **tokens: int) -> None:
        """Add to the billed tokens and calls."""
        with self._lock:
            self.billed.update(tokens)
