"""Fields of a server's JSON, read without trust: another type than the protocol's is a malformed response."""

from collections.abc import Mapping, Sequence

from aarlab.agents.models.decoding import check_depth, replace_surrogates
from aarlab.agents.models.provider_errors import MalformedResponse
from aarlab.memory.messages import Json, canonical_json

_MAX_TOKENS = 100_000_000
"""Largest credible number of tokens of one call."""


def read_object(value: Json, name: str) -> Mapping[str, Json]:
    """Return a JSON object; empty for null. Raises MalformedResponse for another type."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise MalformedResponse(f"{name} is {_type(value)} instead of an object")
    return value


def read_list(value: Json, name: str) -> Sequence[Json]:
    """Return a list; empty for null. Raises MalformedResponse for another type."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedResponse(f"{name} is {_type(value)} instead of a list")
    return value


def read_text(value: Json, name: str) -> str:
    """Return a text; empty for null. Raises MalformedResponse for another type."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedResponse(f"{name} is {_type(value)} instead of text")
    return value


def storable(value: Json) -> Json:
    """Return JSON with each lone surrogate replaced, so that it can be stored."""
    match value:
        case str():
            return replace_surrogates(value)
        case list():
            return [storable(item) for item in value]
        case dict():
            return {replace_surrogates(name): storable(item) for name, item in value.items()}
        case _:
            return value


def opaque(value: Json, name: str) -> Json:
    """Return JSON that is kept and sent back unread. Raises MalformedResponse if it cannot be stored."""
    try:
        check_depth(value)
        value = storable(value)
        canonical_json(value)
    except (ValueError, RecursionError) as error:
        raise MalformedResponse(f"{name} cannot be stored: {error}") from None
    return value


def token_count(value: Json) -> int | None:
    """Return a number of tokens; None if the value is not a credible number of tokens, so that none is known."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # NaN fails both comparisons.
    return int(value) if 0 <= value <= _MAX_TOKENS and value == int(value) else None


def _type(value: Json) -> str:
    return {"list": "a list", "dict": "an object", "str": "text"}.get(type(value).__name__, "a number")
