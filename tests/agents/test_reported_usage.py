"""Usage as servers report it: a reply is kept whatever they report, and what is not known is not booked."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from model_clients import KINDS, QUESTION, ModelClient, each_provider
from model_servers import RawResponse, RawServer, event_stream, json_response

from aarlab.agents.models.base import Reply, UsageUnknown
from aarlab.agents.models.decoding import parse_arguments
from aarlab.agents.models.pricing import FREE, Price
from aarlab.agents.models.request_settings import RequestSettings
from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
from aarlab.graph.calls.budget import Amount, Budget, Ledger
from aarlab.graph.calls.metered_model import MeteredModel
from aarlab.memory.messages import INVALID_INPUT, Usage

BAD_COUNTS: list[Any] = [None, "12", -1, 1e300, 10**12, 3.5, True, [], {}]
PRICE = Price(1.0, 2.0, 1.0, 1.0)


def chat_response(usage: Any, *, stream: bool = True) -> RawResponse:
    """Return a reply of the chat completions API with this usage; the usage "missing" is left out."""
    reported = {} if usage == "missing" else {"usage": usage}
    message = {"role": "assistant", "content": "Hello."}
    if not stream:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json_response({"model": "m", "choices": [choice], **reported})
    first = {"model": "m", "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
    last = {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return event_stream([first, last, {"model": "m", "choices": [], **reported}])


def claude_response(usage: Any, *, stream: bool = True) -> RawResponse:
    """Return a reply of the Messages API with this usage at its end; the usage "missing" is left out."""
    reported = {} if usage == "missing" else {"usage": usage}
    if not stream:
        content = [{"type": "text", "text": "Hello."}]
        return json_response({"model": "m", "content": content, "stop_reason": "end_turn", **reported})
    start = {"model": "m", "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}}
    return event_stream(
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hello."}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, **reported},
        ],
        named=True,
    )


RESPONSES = {"openai": chat_response, "anthropic": claude_response}
FIELDS = {"openai": ("prompt_tokens", "completion_tokens"), "anthropic": ("input_tokens", "output_tokens")}


@each_provider
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("usage", ["missing", None, "many", [1], {}])
def test_a_reply_without_usage_is_kept(
    provider: str, stream: bool, usage: Any, opened: Callable[..., ModelClient]
) -> None:
    with RawServer(lambda body: RESPONSES[provider](usage, stream=stream)) as server:
        reply = opened(provider, server, request=RequestSettings(stream=stream))()
    assert (reply.message.text, reply.usage.output_tokens, reply.usage.tokens) == ("Hello.", None, None)
    assert server.requests[0]["stream"] == stream


@each_provider
@pytest.mark.parametrize("count", BAD_COUNTS, ids=repr)
@pytest.mark.parametrize("which", [0, 1])
def test_numbers_that_are_not_credible_are_unknown(
    provider: str, count: Any, which: int, opened: Callable[..., ModelClient]
) -> None:
    fields = FIELDS[provider]
    usage = {fields[which]: count, fields[1 - which]: 7}
    with RawServer(lambda body: RESPONSES[provider](usage, stream=False)) as server:
        reply = opened(provider, server, request=RequestSettings(stream=False))()
    known = (reply.usage.input_tokens, reply.usage.output_tokens)
    assert known == ((None, 7), (7, None))[which]
    assert PRICE.cost_usd(reply.usage) is None
    assert FREE.cost_usd(reply.usage) == 0


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(9, 2, 4)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 40}}, Usage(9, 2)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(9, 2)),
        # xAI counts reasoning apart from the completion.
        (
            {
                "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 111,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(9, 102),
        ),
        ({"prompt_tokens": 9.0, "completion_tokens": 2, "total_tokens": 111}, Usage(9, 2)),
    ],
)  # fmt: skip
def test_usage_of_other_servers_is_read(
    usage: dict[str, Any], expected: Usage, opened: Callable[..., ModelClient]
) -> None:
    with RawServer(lambda body: chat_response(usage)) as server:
        assert opened("openai", server)().usage == expected


def test_google_counts_thinking_in_the_total_only(opened: Callable[..., ModelClient]) -> None:
    with RawServer(lambda body: chat_response({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 50})) as raw:
        assert opened("openai", raw, request=RequestSettings(output_from_total=True))().usage == Usage(9, 41)


def test_usage_in_the_choice_is_read(opened: Callable[..., ModelClient]) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    choice = {"index": 0, "delta": {"content": "Hello."}, "finish_reason": "stop", "usage": usage}
    with RawServer(lambda body: event_stream([{"choices": [choice]}])) as server:
        assert opened("openai", server)().usage == Usage(9, 2)


def metered(model: Any, ledger: Ledger) -> RetryingModel:
    """Return a model with a budget and retries."""
    meter = MeteredModel(model, "r1", ledger, PRICE, max_tokens=100)
    return RetryingModel(meter, "openai/m", RetryPolicy(max_total_s=5.0), seed=1, agent="r1")


@each_provider
@pytest.mark.parametrize("limit", [{"usd": 100.0}, {"tokens": 10**9}, {"tokens_per_agent": 10**9}])
def test_unknown_usage_is_refused_once_if_a_limit_needs_it(
    provider: str, limit: dict[str, Any], opened: Callable[..., ModelClient]
) -> None:
    with RawServer(lambda body: RESPONSES[provider]("missing")) as server:
        client, ledger = opened(provider, server), Ledger(Budget(**limit))
        with pytest.raises(UsageUnknown, match=r"does not report how many tokens .* limit budget.calls") as raised:
            client.run(metered(client.model, ledger).reply(QUESTION))
    assert len(server.requests) == 1, "it is not asked again"
    (attempt,) = raised.value.failed_attempts
    assert attempt.cost_usd is None
    assert ledger.spent["r1"].tokens > 100, "it counts as the most that it can have used"
    assert ledger.reserved["r1"] == Amount()


@each_provider
@pytest.mark.parametrize("limit", [{}, {"calls": 5}])
def test_unknown_usage_is_kept_if_no_limit_needs_it(
    provider: str, limit: dict[str, Any], opened: Callable[..., ModelClient]
) -> None:
    with RawServer(lambda body: RESPONSES[provider]("missing")) as server:
        client, ledger = opened(provider, server), Ledger(Budget(**limit))
        reply: Reply = client.run(metered(client.model, ledger).reply(QUESTION))
    assert (reply.usage.tokens, reply.cost_usd, reply.failed_attempts) == (None, None, ())
    assert ledger.spent["r1"].calls == 1


@pytest.mark.parametrize("text", ['{"a": 1e999}', "[" * 500 + "]" * 500, '{"a": ' * 200 + "1" + "}" * 200])
def test_arguments_that_cannot_be_stored_are_invalid(text: str) -> None:
    assert parse_arguments(text).keys() == {INVALID_INPUT}
    json.dumps(parse_arguments(text), allow_nan=False)


def test_a_server_that_does_not_stream_is_understood(opened: Callable[..., ModelClient]) -> None:
    for provider in KINDS:
        usage = dict.fromkeys(FIELDS[provider], 3)
        with RawServer(lambda body, p=provider, u=usage: RESPONSES[p](u, stream=False)) as server:  # type: ignore[misc]
            reply = opened(provider, server)()
        assert (reply.message.text, reply.usage) == ("Hello.", Usage(3, 3))
