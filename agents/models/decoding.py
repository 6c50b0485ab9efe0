"""What comes over the wire made fit for the transcript."""

import json

from aarlab.memory.messages import INVALID_INPUT, Json


def parse_arguments(text: str) -> dict[str, Json]:
    """Return the arguments that a model wrote; what is not a JSON object becomes one that every tool refuses."""
    try:
        arguments = json.loads(text or "{}", parse_constant=_reject_constant)
        # Half a character, written as an escape, is JSON but no text.
        text.encode()
        json.dumps(arguments, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        arguments = None
    return arguments if isinstance(arguments, dict) else {INVALID_INPUT: replace_surrogates(text)}


def replace_surrogates(text: str) -> str:
    """Return text that can be stored: a character of which only half arrived becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _reject_constant(word: str) -> float:
    # Python reads NaN, JSON does not.
    raise ValueError(f"{word} is not JSON")
