"""API keys: read from the environment, checked before they are sent, and removed from texts."""

import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

from aarlab.agents.models.base import ModelError

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_MIN_SECRET_LENGTH = 8


def read_key(variable: str) -> str | None:
    """Return the key in an environment variable without surrounding white space; None if there is none.

    Raises:
        ModelError: The key cannot be sent as an HTTP header. The message does not quote it.
    """
    if (problem := key_problem(variable)) is not None:
        raise ModelError(problem)
    return os.environ.get(variable, "").strip() or None


def key_problem(variable: str) -> str | None:
    """Return why the key in an environment variable cannot be an HTTP header, and the fix; None if it can be one."""
    key = os.environ.get(variable, "").strip()
    for position, character in enumerate(key, start=1):
        if not "!" <= character <= "~":
            name = unicodedata.name(character, f"U+{ord(character):04X}")
            return (
                f"{variable} is not a key: its character {position} is {name}, which no HTTP header with a key can "
                "have; copy the key again, without quotes and line breaks"
            )
    return None


def redacted(text: str, secret_names: Collection[str] = ()) -> str:
    """Return text without the values of environment variables that look like secrets, and of those in `secret_names`.

    A value is also found as it appears in a repr, in a URL, in JSON and without its surrounding white space.
    """
    forms = {
        form: name
        for name, value in os.environ.items()
        if name in secret_names or _SECRET_NAME.search(name)
        for form in _forms(value)
        if len(form) >= _MIN_SECRET_LENGTH
    }
    # A form may contain another one.
    for form in sorted(forms, key=len, reverse=True):
        if form in text:
            text = text.replace(form, f"[{forms[form]}]")
    return text


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which a value is written in texts."""
    for raw in {value, value.strip()}:
        data = os.fsencode(raw)
        escaped = [
            raw,
            repr(raw)[1:-1],
            repr(data)[2:-1],
            json.dumps(raw)[1:-1],
            json.dumps(raw, ensure_ascii=False)[1:-1],
        ]
        yield from escaped
        # A repr inside of a repr or of JSON: errors quote errors.
        yield from (json.dumps(form)[1:-1] for form in escaped)
        for url in (quote(data), quote(data, safe=""), quote_plus(data)):
            yield url
            yield re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), url)
