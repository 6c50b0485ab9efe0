"""JSON for browsers, of values that came from models."""

import json
import math
from typing import Any


def json_text(value: Any) -> str:
    """Return JSON in ASCII: escapes keep characters that are not valid Unicode. A number that JSON lacks is null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_without_nan(value), separators=(",", ":"))


def _without_nan(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
    return value
