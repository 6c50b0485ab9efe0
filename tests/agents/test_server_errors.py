"""Errors in the words of real servers: each has the right class, and its own text is always shown."""

from collections.abc import Callable
from typing import Any

import pytest
from model_clients import ModelClient, each_provider
from model_servers import RawResponse, RawServer, event_stream, json_response

from aarlab.agents.models.base import ContextTooLong, ModelError, ModelUnavailable, TransientError
from aarlab.agents.models.retrying import RetryPolicy


def openai_error(message: str, code: str | int | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    """Return an error in OpenAI's form."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


TOO_LONG: dict[str, tuple[int, Any]] = {
    "OpenAI": (400, openai_error(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. "
        "Please reduce the length of the messages.", "context_length_exceeded")),
    "OpenAI, newer": (400, openai_error(
        "Your input exceeds the context window of this model. Please adjust your input and try again.")),
    "OpenAI, GPT-5": (400, openai_error(
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300100 tokens.")),
    "OpenAI, per minute": (429, openai_error(
        "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 40000. The "
        "input or output tokens must be reduced in order to run successfully.", "rate_limit_exceeded", "tokens")),
    "vLLM": (400, {"object": "error", "type": "BadRequestError", "param": None, "code": 400, "message":
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, "
        "1000 in the completion). Please reduce the length of the messages or completion."}),
    "vLLM, decoder": (400, {"error": {"code": 400, "type": "BadRequestError", "message":
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096."}}),
    "Ollama": (400, openai_error("prompt too long; exceeded max context length by 120 tokens", None, "api_error")),
    "Ollama, string": (400, {"error": "input length exceeds maximum context length"}),
    "llama.cpp": (400, {"error": {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9000,
        "n_ctx": 4096, "message": "the request exceeds the available context size, try increasing it"}}),
    "llama.cpp, status 500": (500, {"error": {"code": 500, "message": "Context size has been exceeded.",
        "type": "server_error"}}),
    "Groq": (400, openai_error(
        "Please reduce the length of the messages or completion.", "context_length_exceeded")),
    "Groq, per minute": (413, openai_error(
        "Request too large for model `llama-3.1-8b-instant` in organization `org_1` service tier `on_demand` on tokens "
        "per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.",
        "rate_limit_exceeded", "tokens")),
    "Google": (400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message":
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."}}]),
    "xAI": (400, {"code": "Client specified an invalid argument", "error":
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens."}),
    "OpenRouter": (400, {"error": {"code": 400, "message":
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens (139000 "
        "of text input, 1000 in the output). Please reduce the length of either one."}}),
    "OpenRouter, wrapped": (400, {"error": {"code": 400, "message": "Provider returned error", "metadata": {
        "provider_name": "Together", "raw": '{"error":{"message":"prompt is too long"}}'}}}),
    "LM Studio": (400, {"error":
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the "
        "model with a larger context length, or provide a shorter input"}),
    "LM Studio, overflow": (400, {"error":
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context "
        "length of only 4096 tokens, which is not enough."}),
    "TGI": (422, {"error_type": "validation", "error":
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and "
        "1000 `max_new_tokens`"}),
    "Kimi": (400, openai_error(
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)")),
    "Mistral": (400, {"object": "error", "type": "invalid_request_error", "code": "3051", "message":
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"}),
}  # fmt: skip
CLAUDE_TOO_LONG: dict[str, tuple[int, str]] = {
    "prompt": (400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "with reply": (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input "
                        "length or `max_tokens` and try again"),
    "bytes": (413, "Request exceeds the maximum size"),
    "long context": (429, "Extra usage is required for long context requests."),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LONG)
def test_each_server_is_understood_if_the_conversation_is_too_long(
    name: str, opened: Callable[..., ModelClient]
) -> None:
    status, body = TOO_LONG[name]
    with RawServer(lambda request: json_response(body, status)) as server, pytest.raises(ContextTooLong) as raised:
        opened("openai", server)()
    assert "Error code" not in str(raised.value)


@pytest.mark.parametrize("name", CLAUDE_TOO_LONG)
def test_claude_is_understood_if_the_conversation_is_too_long(name: str, opened: Callable[..., ModelClient]) -> None:
    status, message = CLAUDE_TOO_LONG[name]
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    with RawServer(lambda request: json_response(body, status)) as server, pytest.raises(ContextTooLong) as raised:
        opened("anthropic", server)()
    assert message[:30] in str(raised.value)


def test_an_overflow_inside_a_stream_is_understood(opened: Callable[..., ModelClient]) -> None:
    error = {"error": {"message": "the request exceeds the available context size", "code": 400}}
    with RawServer(lambda body: event_stream([error])) as server, pytest.raises(ContextTooLong):
        opened("openai", server)()


@pytest.mark.parametrize(
    ("status", "body", "shown"),
    [
        (400, "the model is asleep", "the model is asleep"),
        (400, ["first", {"msg": "second"}], "first; second"),
        (400, [{"error": {"message": "API key not valid.", "code": 400}}], "API key not valid."),
        (422, {"detail": [{"loc": ["body", "tools"], "msg": "field required"}]}, "field required"),
        (422, {"detail": "not like this"}, "not like this"),
        (400, {"error": "does not support tools"}, "does not support tools"),
        (400, {"error": ["a", "b"]}, "a; b"),
        (400, {"message": "bad \ud800 text"}, "bad ? text"),
        (400, {"error": {"message": "Provider returned error", "metadata": {"raw": "upstream is gone"}}},
         "Provider returned error: upstream is gone"),
    ],
)  # fmt: skip
def test_the_text_of_an_error_is_shown(status: int, body: Any, shown: str, opened: Callable[..., ModelClient]) -> None:
    with RawServer(lambda request: json_response(body, status)) as server, pytest.raises(ModelError) as raised:
        opened("openai", server)()
    assert shown in str(raised.value)
    assert "Error code" not in str(raised.value)
    assert not isinstance(raised.value, TransientError | ContextTooLong)


def test_pages_are_shown_as_text(opened: Callable[..., ModelClient]) -> None:
    page = b"<html><head><title>502 Bad Gateway</title><style>b{}</style></head><body><h1>nginx</h1></body></html>"
    answer = RawResponse([page], 502, "text/html")
    with RawServer(lambda request: answer) as server, pytest.raises(TransientError) as raised:
        opened("openai", server)()
    assert str(raised.value) == "502 error: 502 Bad Gateway nginx"


NO_CREDIT: dict[str, tuple[int, Any]] = {
    "Claude, limit": (400, {"type": "error", "error": {"type": "invalid_request_error", "message":
        "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}),
    "OpenAI": (429, openai_error("You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota", "insufficient_quota")),
    "OpenAI, hard limit": (400, openai_error("Billing hard limit has been reached", "billing_hard_limit_reached")),
    "OpenRouter": (402, {"error": {"message": "This request requires more credits, or fewer tokens.", "code": 402}}),
    "OpenRouter, key": (403, {"error": {"message": "Key limit exceeded (total limit).", "code": 403}}),
    "OpenRouter, day": (429, {"error": {"message": "Rate limit exceeded: free-models-per-day.", "code": 429}}),
    "xAI": (403, {"code": "The caller does not have permission", "error":
        "Your team has either used all available credits or reached its monthly spending limit."}),
    "DeepSeek": (402, openai_error("Insufficient Balance", "invalid_request_error", "unknown_error")),
    "Kimi": (429, openai_error("Your account is suspended, please check your plan and billing details",
        None, "exceeded_current_quota_error")),
    "Google, no quota": (429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message":
        "You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: "
        "free_tier_requests, limit: 0. Please retry in 30.5s."}}]),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_CREDIT)
def test_spending_limits_are_permanent(name: str, opened: Callable[..., ModelClient]) -> None:
    status, body = NO_CREDIT[name]
    provider = "anthropic" if name.startswith("Claude") else "openai"
    with (
        RawServer(lambda request: json_response(body, status)) as server,
        pytest.raises(ModelError, match=r"no credit or is at a spending limit \(") as raised,
    ):
        opened(provider, server)()
    assert not isinstance(raised.value, TransientError)


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("You exceeded your current quota, please check your plan and billing details. limit: 15. Please retry in "
         "30.5s.", 30.5),
        ("Rate limit reached for model `x` on tokens per minute (TPM): Limit 6000, Used 5000, Requested 2000. Please "
         "try again in 1m2.5s. Need more tokens? Upgrade at https://console.groq.com/settings/billing", 62.5),
        ("Rate limit reached. Please try again in 250ms.", 0.25),
        ("Too many requests", None),
    ],
)  # fmt: skip
def test_rate_limits_pass(message: str, wait_s: float | None, opened: Callable[..., ModelClient]) -> None:
    with (
        RawServer(lambda request: json_response(openai_error(message, None, "tokens"), 429)) as server,
        pytest.raises(TransientError) as raised,
    ):
        opened("openai", server)()
    assert raised.value.retry_after_s == wait_s
    assert raised.value.overloaded


@each_provider
def test_a_wait_longer_than_the_patience_ends_at_once(provider: str, opened: Callable[..., ModelClient]) -> None:
    answer = json_response(openai_error("slow down"), 429, **{"retry-after": "86400"})
    with (
        RawServer(lambda request: answer) as server,
        pytest.raises(ModelUnavailable, match=r"asks to wait 1,440 minutes, more than live\.max_retry_minutes"),
    ):
        opened(provider, server).with_retries(RetryPolicy(max_total_s=600.0))
    assert len(server.requests) == 1
