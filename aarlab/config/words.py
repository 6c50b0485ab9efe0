"""Values and types in a person's words."""

import types
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_LONGEST = 60
_PLAIN: Mapping[Any, str] = {
    int: "a whole number", float: "a number", str: "a word", bool: "true or false", type(None): "nothing",
    Any: "a value",
}  # fmt: skip


def shown(value: Any) -> str:
    """Return a YAML value in few words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return f"a section with the keys {listed(map(str, value))}" if value else "an empty section"
        case list():
            return f"a list of {len(value)}"
        case _:
            text = repr(value) if isinstance(value, str) else str(value)
            return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    return ", ".join(words)


def described(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return what a field of this type may hold."""
    origin = get_origin(annotation)
    if origin is Literal:
        return f"one of {listed(map(str, get_args(annotation)))}"
    if origin in (Union, types.UnionType):
        kinds = {int: "a number", float: "a number"}
        return " or ".join(dict.fromkeys(kinds.get(arm) or described(arm) for arm in get_args(annotation)))
    if origin is dict:
        return f"a section in which each key has {described(get_args(annotation)[1])}"
    if origin is Annotated:
        inner = [each.metadata if isinstance(each, FieldInfo) else [each] for each in annotation.__metadata__]
        return described(annotation.__origin__, chain.from_iterable(inner))
    if origin is list:
        return f"a list, each item {described(get_args(annotation)[0])}"
    if origin is tuple:
        return f"a list of {listed(map(described, get_args(annotation)))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a section with some of the keys {listed(annotation.model_fields)}"
    plain = _PLAIN.get(annotation, str(annotation))
    limits = [limit for limit in map(_limit, metadata) if limit]
    return f"{plain} {' and '.join(limits)}" if limits else plain


def _limit(constraint: Any) -> str | None:
    match constraint:
        case Ge(ge=least):
            return f"of {least} or more"
        case Gt(gt=bound):
            return f"greater than {bound}"
        case Le(le=most):
            return f"at most {most}"
        case Lt(lt=bound):
            return f"less than {bound}"
        case _:
            pattern = getattr(constraint, "pattern", None)
            return None if pattern is None else f"that matches {pattern}"
