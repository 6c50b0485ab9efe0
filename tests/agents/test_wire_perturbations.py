"""Random perturbations of correct replies, on both wire formats, streamed and not.

One field is missing, null or of another type, or two events change places, or the reply ends early; and its bytes
arrive in random pieces. Whatever arrives: no traceback, no doubled effect, no wrong booking, and the next request is
one that a strict server accepts.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from model_clients import QUESTION, ModelClient
from model_servers import RawResponse, RawServer
from model_servers.strict import anthropic_faults, openai_faults

from aarlab.agents.models.base import ModelError, Reply, Request, TransientError
from aarlab.agents.models.pricing import Price
from aarlab.agents.models.request_settings import RequestSettings
from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
from aarlab.graph.calls.budget import Amount, Budget, Ledger
from aarlab.graph.calls.metered_model import MeteredModel
from aarlab.memory.messages import Json, Message, ToolResult

PERTURBATIONS = 100
"""For each of the two formats, streamed and not."""
CALLS = [("read_file", {"path": "a"}), ("write_file", {"path": "b", "text": "x"})]
USAGE = {"openai": (120, 30), "anthropic": (120, 30)}
OTHER_TYPES: list[Json] = [
    None,
    0.5,
    -1,
    1e300,
    float("nan"),
    "text",
    "\ud800",
    True,
    [],
    [[]],
    {},
    {"a": None},
    "9" * 50,
]


def chat_events(*, stream: bool) -> list[Json]:
    """Return a correct reply of the chat completions API."""
    usage = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
             "prompt_tokens_details": {"cached_tokens": 20}}  # fmt: skip
    calls = [
        {"index": i, "id": f"x{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for i, (name, arguments) in enumerate(CALLS)
    ]
    if not stream:
        message = {"role": "assistant", "reasoning_content": "Hm.", "content": "I look.", "tool_calls": calls}
        return [{"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
                 "usage": usage}]  # fmt: skip
    deltas: list[Json] = [{"role": "assistant", "content": ""}, {"reasoning_content": "Hm."}, {"content": "I look."}]
    for call in calls:
        text = call["function"]["arguments"]  # type: ignore[index]
        deltas += [
            {"tool_calls": [{**call, "function": {**call["function"], "arguments": text[:5]}}]},  # type: ignore[dict-item]
            {"tool_calls": [{"index": call["index"], "function": {"arguments": text[5:]}}]},
        ]
    chunks: list[Json] = [{"model": "m", "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    end = {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return [*chunks, end, {"model": "m", "choices": [], "usage": usage}]


def claude_events(*, stream: bool) -> list[Json]:
    """Return a correct reply of the Messages API."""
    inputs = {"input_tokens": 90, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 10}
    blocks: list[Json] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "I look."},
        *({"type": "tool_use", "id": f"x{i}", "name": name, "input": a} for i, (name, a) in enumerate(CALLS)),
    ]
    usage = {**inputs, "output_tokens": 30}
    message = {"type": "message", "role": "assistant", "model": "m"}
    if not stream:
        # Twice, as a stream has it, so that one missing number is not the only report.
        return [{**message, "content": blocks, "stop_reason": "tool_use", "usage": usage}]
    events: list[Json] = [
        {"type": "message_start", "message": {**message, "content": [], "usage": {**inputs, "output_tokens": 1}}}
    ]
    for index, block in enumerate(blocks):
        start, deltas = _parts(block)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    return [*events, {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage},
            {"type": "message_stop"}]  # fmt: skip


def _parts(block: dict[str, Json]) -> tuple[dict[str, Json], list[dict[str, Json]]]:
    match block["type"]:
        case "tool_use":
            text = json.dumps(block["input"])
            pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in (text[:5], text[5:])]
            return {**block, "input": {}}, pieces
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case _:
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}]
            return {**block, "thinking": "", "signature": ""}, [
                *deltas, {"type": "signature_delta", "signature": block["signature"]},
            ]  # fmt: skip


EVENTS: dict[str, Callable[..., list[Json]]] = {"openai": chat_events, "anthropic": claude_events}


def places(value: Json) -> Iterator[tuple[Json, Any]]:
    """Yield every place in JSON: the container, and the key or index in it."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


def perturb(events: list[Json], draw: random.Random) -> str:
    """Change the events in place, and return a description."""
    container, key = draw.choice(list(places(events)))
    match draw.choice(["missing", "null", "type", "type", "reordered"]):
        case "missing":
            del container[key]
            return f"without {key}"
        case "null":
            container[key] = None
            return f"{key} is null"
        case "type":
            container[key] = draw.choice(OTHER_TYPES)
            return f"{key} is {container[key]!r}"
        case _:
            first, second = draw.randrange(len(events)), draw.randrange(len(events))
            events[first], events[second] = events[second], events[first]
            return f"events {first} and {second} change places"


def response(provider: str, events: list[Json], draw: random.Random, *, stream: bool, whole: bool) -> RawResponse:
    """Return the response in random pieces; if it is not to be whole, perhaps cut off."""
    texts = [json.dumps(event) for event in events] or ["null"]
    if stream:
        kinds = [event.get("type") if isinstance(event, dict) else None for event in events]
        named = [f"event: {kind}\n" if provider == "anthropic" and isinstance(kind, str) else "" for kind in kinds]
        ends = [] if provider == "anthropic" else ["data: [DONE]\n\n"]
        texts = [*(f"{name}data: {text}\n\n" for name, text in zip(named, texts, strict=False)), *ends]
    content = "".join(texts).encode("utf-8", "surrogatepass")
    if not whole and draw.random() < 0.15:
        content = content[: draw.randrange(len(content))]
    cuts = sorted(draw.sample(range(len(content) + 1), k=min(len(content), draw.randrange(4))))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    return RawResponse(pieces, content_type="text/event-stream" if stream else "application/json")


@dataclass
class Session:
    """A server that answers the first request with a perturbed reply and the others correctly."""

    provider: str
    stream: bool
    draw: random.Random
    asked: int = 0
    description: str = ""
    perturbed: list[Json] = field(default_factory=list)

    def start(self, seed: int) -> None:
        """Begin a session."""
        self.draw, self.asked = random.Random(seed), 0
        self.perturbed = EVENTS[self.provider](stream=self.stream)
        self.description = f"seed {seed}: {perturb(self.perturbed, self.draw)}"

    def respond(self, body: dict[str, Any]) -> RawResponse:
        """Return the response to a request."""
        self.asked += 1
        first = self.asked == 1
        events = self.perturbed if first else EVENTS[self.provider](stream=self.stream)
        return response(self.provider, events, self.draw, stream=self.stream, whole=not first)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", EVENTS)
def test_perturbed_replies_do_no_harm(provider: str, stream: bool, opened: Callable[..., ModelClient]) -> None:
    session = Session(provider, stream, random.Random())
    kept = 0
    with RawServer(session.respond) as server:
        client = opened(provider, server, request=RequestSettings(stream=stream))
        for seed in range(PERTURBATIONS):
            session.start(seed)
            ledger = Ledger(Budget())
            meter = MeteredModel(client.model, "r1", ledger, Price(1.0, 2.0, 0.1, 1.25), max_tokens=8192)
            policy = RetryPolicy(max_total_s=20.0, initial_wait_s=0.001)
            try:
                reply = client.run(RetryingModel(meter, "m", policy, seed=1, agent="r1").reply(QUESTION))
            except ModelError as error:
                check_error(error, ledger, session)
                continue
            kept += session.asked == 1
            check_reply(reply, session)
            check_booking(reply, ledger, session)
            check_next_request(client, reply, server, session)
    assert kept >= PERTURBATIONS / 10, "harmless perturbations are survived without another request"


def check_error(error: ModelError, ledger: Ledger, session: Session) -> None:
    """Check that an error is permanent, one line, and not booked as a reply."""
    assert not isinstance(error, TransientError), session.description
    assert "\n" not in str(error), session.description
    assert ledger.spent["r1"].calls == 0, session.description


def check_reply(reply: Reply, session: Session) -> None:
    """Check that the reply can be stored, and that each call of the correct reply is in it once at most."""
    key, content = reply.message.stored()
    assert Message.read(key, "assistant", content.encode().decode()) == reply.message, session.description
    calls = reply.message.tool_calls
    assert len({call.id for call in calls}) == len(calls), session.description
    assert all(call.id for call in calls), session.description
    for name, arguments in CALLS:
        assert [(c.name, c.arguments) for c in calls].count((name, arguments)) <= 1, session.description
    if session.asked > 1:
        assert [(call.name, call.arguments) for call in calls] == CALLS, session.description


def check_booking(reply: Reply, ledger: Ledger, session: Session) -> None:
    """Check that what is booked is what the server reported, or unknown."""
    true_input, true_output = USAGE[session.provider]
    assert reply.usage.input_tokens in known_inputs(session), session.description
    assert reply.usage.output_tokens in (None, true_output), session.description
    assert 0 <= reply.usage.cache_read_tokens <= 20, session.description
    failed = sum(attempt.usage.known_tokens for attempt in reply.failed_attempts)
    assert 0 <= failed <= (true_input + true_output) * len(reply.failed_attempts), session.description
    spent = ledger.spent["r1"]
    assert (spent.tokens, spent.calls) == (reply.usage.known_tokens + failed, 1), session.description
    assert ledger.reserved["r1"] == Amount(), session.description
    assert (reply.cost_usd is None) == (reply.usage.tokens is None), session.description
    assert session.asked == 1 + len(reply.failed_attempts) <= 2, session.description


def known_inputs(session: Session) -> tuple[int | None, ...]:
    """Return the possible numbers of input tokens: a message that is not streamed reports its cached tokens once."""
    whole_claude = session.provider == "anthropic" and not session.stream
    return (None, 120, 100, 110) if whole_claude else (None, 120)


def check_next_request(client: ModelClient, reply: Reply, server: RawServer, session: Session) -> None:
    """Check that a strict server accepts the next request."""
    results = Message("user", tuple(ToolResult(call.id, "{}") for call in reply.message.tool_calls))
    conversation = QUESTION.conversation.then(reply.message, *([results] if results.blocks else []))
    client(Request(conversation, QUESTION.tools))
    body = server.requests[-1]
    faults = anthropic_faults(body) if session.provider == "anthropic" else openai_faults(body, frozenset({"cache"}))
    assert next(faults, None) is None, session.description
