"""Translation of SDK errors into aarlab's errors, transient or not. Both official SDKs raise similar errors."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any

from aarlab.agents.models.base import ContextTooLong, ModelError, TransientError
from aarlab.memory.messages import Usage

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
_MIN_SECRET_LENGTH = 8
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
_TRANSIENT_TYPE = frozenset({"overloaded_error", "api_error", "rate_limit_error", "timeout_error", "server_error"})
"""Types of errors that arrive inside a stream, after status 200."""
_OVERLOADED_STATUS = frozenset({429, 503, 529})
_OVERLOADED_TYPE = frozenset({"overloaded_error", "rate_limit_error"})
_NO_CREDIT = re.compile(r"credit balance|insufficient_quota|billing", re.IGNORECASE)
_TOO_LONG = re.compile(r"too long|context (length|window)|maximum context", re.IGNORECASE)
_MAX_ERROR_LENGTH = 300


class MalformedResponse(Exception):
    """The response violates the protocol."""


@contextmanager
def reading_stream() -> Iterator[None]:
    """Raise MalformedResponse for the errors that malformed stream events cause."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise MalformedResponse(f"{type(error).__name__}: {error}") from None


def redacted(text: str) -> str:
    """Return text without the values of environment variables that look like secrets."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _MIN_SECRET_LENGTH:
            text = text.replace(value, f"[{name}]")
    return text


@contextmanager
def translate_errors(sdk: ModuleType, *, model: str, key: str, usage_so_far: Callable[[], Usage]) -> Iterator[None]:
    """Translate errors of an SDK or of the network into a TransientError or a ModelError.

    Args:
        sdk: `anthropic` or `openai`.
        model: `provider/model`, for messages.
        key: Environment variable that holds the API key.
        usage_so_far: Returns the known number of tokens of the call when it fails.
    """
    try:
        yield
    except ModelError:
        raise
    except sdk.APIStatusError as error:
        raise _error_from_status(error, model, key, usage_so_far()) from None
    except (sdk.APIConnectionError, _transport_error()) as error:
        cause = error.__cause__ or error
        raise _transient(f"the connection failed: {type(cause).__name__} {cause}", usage_so_far()) from None
    except TimeoutError:
        raise _transient("no response before the timeout", usage_so_far()) from None
    except (sdk.APIResponseValidationError, MalformedResponse, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _transient(f"malformed response: {error}", usage_so_far()) from None
    except sdk.APIError as error:
        raise _transient(f"server error: {error}", usage_so_far()) from None


def _transient(error: str, usage: Usage) -> TransientError:
    return TransientError(_one_line(error), usage=usage)


def _transport_error() -> type[Exception]:
    # Imported here because it loads as slowly as the SDKs, which depend on it.
    import httpx2

    return httpx2.TransportError


def _error_from_status(error: Any, model: str, key: str, usage: Usage) -> ModelError:
    status, (kind, provider_message) = int(error.status_code), _details(error)
    # An error inside a stream has the status of the stream's start, 200.
    number = f"{status} " if status >= 400 else ""
    text = _one_line(f"{number}{kind or 'error'}: {provider_message}")
    if _NO_CREDIT.search(f"{kind} {provider_message}") and status in (400, 402, 403, 429):
        return ModelError(f"{model}: the account has no credit ({text}); add some, then run again")
    if status in _TRANSIENT_STATUS or status >= 500 or (status < 400 and (kind in _TRANSIENT_TYPE or not kind)):
        overloaded = status in _OVERLOADED_STATUS or kind in _OVERLOADED_TYPE
        wait_s = retry_after_s(error.response.headers)
        return TransientError(text, retry_after_s=wait_s, usage=usage, overloaded=overloaded)
    if status == 413 or _TOO_LONG.search(provider_message):
        return ContextTooLong(f"the conversation is too long for {model} ({text})")
    match status:
        case 401 | 403:
            return ModelError(f"{model}: the key was refused ({text}); check {key}")
        case 404:
            return ModelError(f"the server has no model {model} ({text}); check the name and live.base_urls")
        case _:
            return ModelError(f"{model} rejected the request ({text})")


def _details(error: Any) -> tuple[str, str]:
    """Return the type and the message of a provider's error; the type may be empty."""
    details = error.body.get("error", error.body) if isinstance(error.body, Mapping) else {}
    if not isinstance(details, Mapping):
        return "", str(error.message)
    return str(details.get("type") or details.get("code") or ""), str(details.get("message") or error.message)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait before a retry; None: not given."""
    milliseconds, after = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        if after is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", after.strip()):
            return float(after)
        return max(0.0, (parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _one_line(error: str) -> str:
    line = " ".join(redacted(error).split())
    return line if len(line) <= _MAX_ERROR_LENGTH else f"{line[: _MAX_ERROR_LENGTH - 1]}…"
