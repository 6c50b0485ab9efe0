"""Translation of SDK errors into aarlab's errors, transient or not. Both official SDKs raise similar errors."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import ModuleType

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import ContextTooLong, ModelError, TransientError
from aarlab.agents.models.decoding import replace_surrogates
from aarlab.agents.models.error_classes import error_class, error_details, wait_in_text
from aarlab.memory.messages import Usage

_OVERLOADED_STATUS = frozenset({429, 503, 529})
_OVERLOADED_TYPE = frozenset({"overloaded_error", "rate_limit_error"})
_MAX_ERROR_LENGTH = 300


class MalformedResponse(Exception):
    """The response violates the protocol."""


class ServerError(Exception):
    """A stream contains an error instead of an event."""

    def __init__(self, body: object) -> None:
        """Store the error, as JSON."""
        super().__init__()
        self.body = body


@contextmanager
def reading_stream() -> Iterator[None]:
    """Raise MalformedResponse for the errors that malformed stream events cause."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise MalformedResponse(f"{type(error).__name__}: {error}") from None


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
    except ServerError as error:
        raise _error_from_body(200, error.body, "the stream has an error", {}, model, key, usage_so_far()) from None
    except sdk.APIStatusError as error:
        headers = error.response.headers
        raise _error_from_body(
            error.status_code, error.body, error.message, headers, model, key, usage_so_far()
        ) from None
    except (sdk.APIConnectionError, _transport_error()) as error:
        raise _connection_error(error.__cause__ or error, model, usage_so_far()) from None
    except TimeoutError:
        raise _transient("no response before the timeout", usage_so_far()) from None
    except (sdk.APIResponseValidationError, MalformedResponse, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _transient(f"malformed response: {error}", usage_so_far()) from None
    except sdk.APIError as error:
        raise _error_from_body(200, error.body, error.message, {}, model, key, usage_so_far()) from None


def _transient(error: str, usage: Usage) -> TransientError:
    return TransientError(_one_line(error), usage=usage)


def _transport_error() -> type[Exception]:
    # Imported here because it loads as slowly as the SDKs, which depend on it.
    import httpx2

    return httpx2.TransportError


def _error_from_body(
    status: int, body: object, sdk_message: str, headers: Mapping[str, str], model: str, key: str, usage: Usage
) -> ModelError:
    """Return the error for a response that is an error; the status is 200 for an error inside a stream."""
    kind, message = error_details(body, sdk_message)
    number = f"{status} " if status >= 400 else ""
    text = _one_line(f"{number}{kind or 'error'}: {message}")
    match error_class(status, kind, message):
        case "too_long":
            return ContextTooLong(f"the conversation is too long for {model} ({text})")
        case "no_credit":
            return ModelError(
                f"{model}: the account has no credit or is at a spending limit ({text}); add credit or raise the "
                "limit, then run or resume again"
            )
        case "transient":
            overloaded = status in _OVERLOADED_STATUS or kind in _OVERLOADED_TYPE
            wait_s = retry_after_s(headers)
            wait_s = wait_in_text(message) if wait_s is None else wait_s
            return TransientError(text, retry_after_s=wait_s, usage=usage, overloaded=overloaded)
        case "key":
            return ModelError(f"{model}: the key was refused ({text}); check {key}")
        case "no_model":
            return ModelError(f"the server has no model {model} ({text}); check the name and live.base_urls")
        case "rejected":
            return ModelError(f"{model} rejected the request ({text}); docs/models.md lists settings for servers")


_PERMANENT_CONNECTION_ERRORS = (
    (
        re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", re.IGNORECASE),
        "the certificate of the server is not trusted; name the file of its authority in SSL_CERT_FILE",
    ),
    (re.compile(r"WRONG_VERSION_NUMBER"), "the server does not use https; begin its address with http://"),
    (re.compile(r"UnsupportedProtocol|InvalidURL"), "the address of the server is not valid; check live.base_urls"),
    (re.compile(r"ProxyError.*407"), "the proxy requires a password; write it into the proxy's address"),
)
"""Errors of the connection that a retry does not fix, each with the problem and the fix."""


def _connection_error(error: BaseException, model: str, usage: Usage) -> ModelError:
    text = f"{type(error).__name__} {error}"
    for pattern, explanation in _PERMANENT_CONNECTION_ERRORS:
        if pattern.search(text):
            return ModelError(_one_line(f"{model}: {explanation} ({text})"))
    return _transient(f"the connection failed: {text}", usage)


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
    line = " ".join(replace_surrogates(redacted(error)).split())
    return line if len(line) <= _MAX_ERROR_LENGTH else f"{line[: _MAX_ERROR_LENGTH - 1]}…"
