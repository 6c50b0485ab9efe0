"""Values and types as text for faults."""

import types
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_MAX_VALUE_CHARS = 60
_PLAIN: Mapping[Any, str] = {
    int: "a whole number", float: "a number", str: "a string", bool: "true or false", type(None): "nothing",
    Any: "a value",
}  # fmt: skip


def value_text(value: Any) -> str:
    """Return a short description of a YAML value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return f"a section with the keys {comma_separated(map(str, value))}" if value else "an empty section"
        case list():
            text = f"[{', '.join(map(value_text, value))}]"
            return text if len(text) <= _MAX_VALUE_CHARS else f"a list of {len(value)}"
        case _:
            text = repr(value) if isinstance(value, str) else str(value)
            return text if len(text) <= _MAX_VALUE_CHARS else f"{text[: _MAX_VALUE_CHARS - 1]}…"


def comma_separated(words: Iterable[str]) -> str:
    """Return the words joined by commas."""
    return ", ".join(words)


def type_text(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return a description of the valid values of a type."""
    origin = get_origin(annotation)
    if origin is Literal:
        return f"one of {comma_separated(map(str, get_args(annotation)))}"
    if origin in (Union, types.UnionType):
        kinds = {int: "a number", float: "a number"}
        return " or ".join(dict.fromkeys(kinds.get(member) or type_text(member) for member in get_args(annotation)))
    if origin is dict:
        return f"a section in which each key has {type_text(get_args(annotation)[1])}"
    if origin is Annotated:
        inner = [item.metadata if isinstance(item, FieldInfo) else [item] for item in annotation.__metadata__]
        return type_text(annotation.__origin__, chain.from_iterable(inner))
    if origin is list:
        return f"a list, each item {type_text(get_args(annotation)[0])}"
    if origin is tuple:
        return f"a list of {comma_separated(map(type_text, get_args(annotation)))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a section with some of the keys {comma_separated(annotation.model_fields)}"
    plain = _PLAIN.get(annotation, str(annotation))
    limits = [limit for limit in map(_limit, metadata) if limit]
    return f"{plain} {' and '.join(limits)}" if limits else plain


def _limit(constraint: Any) -> str | None:
    match constraint:
        case Ge(ge=minimum):
            return f"of {minimum} or more"
        case Gt(gt=bound):
            return f"greater than {bound}"
        case Le(le=maximum):
            return f"at most {maximum}"
        case Lt(lt=bound):
            return f"less than {bound}"
        case _:
            pattern = getattr(constraint, "pattern", None)
            return None if pattern is None else f"that matches {pattern}"
