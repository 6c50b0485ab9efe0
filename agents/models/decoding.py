"""Decoding of model output: tool arguments, and text that the run file can store."""

import json
from collections.abc import Mapping

from aarlab.memory.messages import INVALID_INPUT, Json

_MAX_DEPTH = 100


def parse_arguments(text: str) -> dict[str, Json]:
    """Return the arguments of a tool call.

    Text that is not a JSON object becomes `{INVALID_INPUT: text}`, which every tool rejects.
    """
    try:
        arguments = json.loads(text or "{}", parse_constant=_reject_constant)
        # A lone surrogate is valid in JSON but cannot be encoded.
        text.encode()
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
        check_depth(arguments)
    except (ValueError, RecursionError):
        arguments = None
    return arguments if isinstance(arguments, dict) else {INVALID_INPUT: replace_surrogates(text)}


def check_depth(value: Json, max_depth: int = _MAX_DEPTH) -> None:
    """Raise ValueError for JSON that is nested so deeply that it may exceed Python's recursion limit when stored."""
    if max_depth == 0:
        raise ValueError("the JSON is nested too deeply")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            check_depth(item, max_depth - 1)


def replace_surrogates(text: str) -> str:
    """Return the text with each lone surrogate replaced by a question mark, so that it can be stored."""
    return text.encode("utf-8", "replace").decode()


def _reject_constant(word: str) -> float:
    # Python accepts NaN and Infinity, JSON does not.
    raise ValueError(f"{word} is not JSON")


def string_list(arguments: Mapping[str, Json], name: str) -> list[str]:
    """Return the items of a list argument as strings; empty if the argument is missing or not a list."""
    value = arguments.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []
