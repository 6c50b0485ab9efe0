"""Checked reading of JSON files that another project wrote."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aarlab.config.errors import ConfigError, Fault

MAX_FILE_BYTES = 100 * 2**20
"""Largest file that is read, in bytes."""
MAX_NAME_LENGTH = 200
"""Longest name of a task, method, model or agent, in characters."""


def input_error(where: Path | str, field: str | None, problem: str, expected: str | None = None) -> ConfigError:
    """Return an error with one fault: the file, the field, the problem and what is valid there."""
    return ConfigError([Fault(str(where), field, problem, expected)])


def read_text(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        ConfigError: The file cannot be read, is too large, or is not UTF-8.
    """
    try:
        if (size := path.stat().st_size) > max_bytes:
            raise input_error(path, None, f"the file has {size:,} bytes", f"at most {max_bytes:,}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise input_error(path, None, f"the file cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise input_error(path, None, "the file is not UTF-8 text") from None


def parse_json(text: str, where: Path | str) -> Any:
    """Return the value of a JSON text.

    NaN and infinite numbers, which Python's `json` writes, are parsed; `number` refuses them in the fields that are
    used, and names the field.

    Raises:
        ConfigError: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or a number that is too long"
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise input_error(where, None, f"the file is not JSON ({reason}{line})", "a JSON object") from None


def number(record: Mapping[str, Any], field: str, where: Path | str) -> float | None:
    """Return a field as a finite number; None if it is missing or null.

    Raises:
        ConfigError: The field is not a finite number.
    """
    value = record.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise input_error(where, field, f"a value of type {type(value).__name__}", "a number or null")
    try:
        converted = float(value)
    except OverflowError:
        converted = math.inf
    if not math.isfinite(converted):
        raise input_error(where, field, "a number that is not finite", "a finite number or null")
    return converted


def accuracy(record: Mapping[str, Any], field: str, where: Path | str) -> float | None:
    """Return a field as an accuracy; None if it is missing or null.

    Raises:
        ConfigError: The field is not a number in [0, 1].
    """
    value = number(record, field, where)
    if value is not None and not 0 <= value <= 1:
        raise input_error(where, field, f"the accuracy {value:g}", "a number from 0 to 1, or null")
    return value


def string(record: Mapping[str, Any], field: str, where: Path | str, max_length: int = MAX_NAME_LENGTH) -> str | None:
    """Return a field as text that UTF-8 can encode; None if it is missing, null or empty.

    Raises:
        ConfigError: The field is not a string, or is too long.
    """
    value = record.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise input_error(where, field, f"a value of type {type(value).__name__}", "a string or null")
    if len(value) > max_length:
        raise input_error(where, field, f"a text of {len(value):,} characters", f"at most {max_length:,}")
    return value.encode("utf-8", "replace").decode()  # JSON can contain lone surrogates, which SQLite cannot store.
