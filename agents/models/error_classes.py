"""What a server's error means, from its status and its text, in the words of the servers in `docs/models.md`."""

import json
import re
from collections.abc import Mapping
from typing import Literal

from aarlab.memory.messages import Json

ErrorClass = Literal["too_long", "no_credit", "transient", "key", "no_model", "rejected"]

_CLASS_BY_STATUS: Mapping[int, ErrorClass] = {401: "key", 403: "key", 404: "no_model"}
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
_TRANSIENT_KIND = frozenset(
    {"overloaded_error", "api_error", "rate_limit_error", "timeout_error", "server_error", "429", "500", "502", "503"}
)
"""Types and codes of errors that arrive inside a stream, after status 200."""

_TOO_LONG = re.compile(
    r"prompt (is )?too long"  # Claude, Ollama
    r"|exceed context limit"  # Claude, if the reply would not fit
    r"|exceeds? the context (window|limit)|context window exceeds|context_window_exceeded"  # OpenAI, MiniMax
    r"|context[_ ]length[_ ]exceeded|maximum context length|max context length"  # OpenAI, vLLM, OpenRouter, Ollama
    r"|reduce the length of (the|your) (messages|prompt|input)"  # OpenAI, Groq
    r"|exceed the configured limit of \d+ tokens"  # OpenAI
    r"|maximum length 1\d{6,}"  # OpenAI, for a single text
    r"|maximum model length|too long to fit into the model"  # vLLM
    r"|exceeds? the (available )?context (size|length)|context size has been exceeded|exceed_context_size"  # llama.cpp
    r"|input token count.*exceeds the maximum"  # Google
    r"|maximum prompt length is \d+"  # xAI
    r"|greater than the context length|context length of only \d+"  # LM Studio
    r"|`inputs` tokens \+ `max_new_tokens` must be|`inputs` must have less than"  # TGI
    r"|exceeded model token limit"  # Kimi
    r"|too large for model with \d+"  # Mistral
    r"|input is too long for requested model|token count of \d+ exceeds the limit"  # Bedrock, Copilot
    r"|request too large"  # Groq and OpenAI: more than the tokens of a minute, so waiting does not help
    r"|usage is required for long context",  # Claude
    re.IGNORECASE | re.DOTALL,
)
_NO_CREDIT = re.compile(
    r"credit balance|insufficient[_ ](quota|credit|balance|funds)|billing|exceeded_current_quota"
    r"|(spend|spending|usage) limits?\b|available credits|hard limit|key limit exceeded|payment required"
    r"|per-day|PerDay|quota.{0,200}limit: 0\b",
    re.IGNORECASE | re.DOTALL,
)
_WAIT = re.compile(
    r"(?:retry|try again) in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)\s?s(?:econds)?)?(?:(\d+)ms)?", re.IGNORECASE
)
_TAG = re.compile(r"<(script|style).*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TEXT_FIELDS = ("message", "error", "detail", "msg", "errors", "error_description", "title")


def error_class(status: int, kind: str, text: str) -> ErrorClass:
    """Return what an error means.

    Args:
        status: HTTP status; 200 for an error inside a stream.
        kind: Type or code of the error; empty: none.
        text: The error's text.
    """
    described = f"{kind} {text}"
    if status == 413 or _TOO_LONG.search(described):
        return "too_long"
    # Google says of a rate limit that the quota is exceeded, and when it ends.
    passes = wait_in_text(text) is not None and not re.search(r"limit: 0\b|PerDay", text)
    if status == 402 or kind == "402" or (_NO_CREDIT.search(described) and status < 500 and not passes):
        return "no_credit"
    if status in _TRANSIENT_STATUS or status >= 500 or (status < 400 and (kind in _TRANSIENT_KIND or not kind)):
        return "transient"
    return _CLASS_BY_STATUS.get(status, "rejected")


def error_details(body: object, message: str) -> tuple[str, str]:
    """Return the type or code of an error, which may be empty, and its text.

    Args:
        body: The body of the response: JSON, or text.
        message: The SDK's message, for a body without text.
    """
    kind, text = _details(body, depth=0)
    return kind, text or message


def _details(body: Json, depth: int) -> tuple[str, str]:
    if depth > 4:
        return "", ""
    match body:
        case str():
            return "", " ".join(_TAG.sub(" ", body).split())
        case list():
            found = [_details(item, depth + 1) for item in body[:3]]
            return next((kind for kind, _ in found if kind), ""), "; ".join(text for _, text in found if text)
        case Mapping():
            return _details_of_object(body, depth)
        case _:
            return "", ""


def _details_of_object(body: Mapping[str, Json], depth: int) -> tuple[str, str]:
    inner = next((_details(body[name], depth + 1) for name in _TEXT_FIELDS if body.get(name)), ("", ""))
    named = [body.get(name) for name in ("type", "code", "status")]
    kind = inner[0] or next((str(value) for value in named if isinstance(value, str | int) and value != ""), "")
    metadata = body.get("metadata")
    # OpenRouter passes the error of the provider behind it as a text.
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return ("" if kind == "error" else kind), f"{inner[1]}: {_plain(raw)}" if raw else inner[1]


def _plain(raw: Json) -> str:
    try:
        return _details(json.loads(raw), depth=1)[1] or str(raw)
    except (ValueError, TypeError):
        return str(raw)


def wait_in_text(text: str) -> float | None:
    """Return the seconds after which an error asks to try again; None if it does not say."""
    if (found := _WAIT.search(text)) is None or not any(found.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part.rstrip(".") or 0) if part else 0.0 for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds + milliseconds / 1000
