"""Training logs of methods: bounded, printable and finite; for other agents, the fields of the toolkit only.

A method is untrusted code, and its log becomes part of prompts, of the run file and of the screen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aarlab.memory.messages import canonical_json
from aarlab.scenarios.toolkit.diagnostics import WARNINGS
from aarlab.scenarios.toolkit.operators import operator_families
from aarlab.tools.sandbox.job_protocol import printable

MAX_LOG_BYTES = 4096
"""Bytes of the JSON of a log. The entry of an operator has about 150, and the longest log of a baseline 867."""
_CUT_RESERVE = 128
"""Bytes for the entry that says that a log was cut."""
_MAX_NUMBER = 1e15
"""Larger numbers are clipped: sums over worlds stay finite, and integers stay exact as floats."""
_MAX_WARNINGS = 4

_SHARES = ("kept", "agreement", "entropy", "balance", "relation_violations", "train_agreement", "test_balance")
"""Fields of `toolkit.diagnostics.log_entry` and `toolkit.finish` with a number in [0, 1]."""
_OPERATORS = frozenset({"start", "finish", *operator_families()})


def bounded_log(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a log of at most MAX_LOG_BYTES, without control, ANSI and bidirectional characters and huge numbers.

    The first entries that fit are kept. A last entry says how many were left out.

    Args:
        log: Entries as JSON with finite numbers, as `job_protocol.decode_result` returns them.
    """
    kept: list[dict[str, Any]] = []
    left = MAX_LOG_BYTES - 2
    for number, entry in enumerate(log):
        cleaned = _cleaned(entry)
        size = len(canonical_json(cleaned).encode()) + 1
        last = number == len(log) - 1
        if size > left - (0 if last else _CUT_RESERVE):
            warning = f"{len(log) - number} of {len(log)} entries left out: a log has at most {MAX_LOG_BYTES} bytes"
            return [*kept, {"operator": "log", "warnings": [warning]}]
        kept.append(cleaned)
        left -= size
    return kept


def known_fields(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of operators of the toolkit, with the fields and warnings that the toolkit writes.

    Other agents see nothing else of a log, so a method cannot address them through it.
    """
    return [
        {"operator": entry["operator"]}
        | {name: _FIELDS[name](value) for name, value in entry.items() if _valid(name, value)}
        for entry in log
        if isinstance(entry.get("operator"), str) and entry["operator"] in _OPERATORS
    ]


def _cleaned(value: Any) -> Any:
    match value:
        case dict():
            return {printable(str(key)): _cleaned(part) for key, part in value.items()}
        case list() | tuple():
            return [_cleaned(part) for part in value]
        case str():
            return printable(value)
        case float() | int() if not isinstance(value, bool) and abs(value) > _MAX_NUMBER:
            return _MAX_NUMBER if value > 0 else -_MAX_NUMBER
    return value


def _valid(name: str, value: object) -> bool:
    if name in _SHARES:
        return value is None or (isinstance(value, int | float) and 0 <= value <= 1)
    return name == "warnings" and isinstance(value, list)


def _known_warnings(value: list[Any]) -> list[str]:
    return [warning for warning in value[:_MAX_WARNINGS] if isinstance(warning, str) and warning in WARNINGS]


_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_SHARES, lambda value: value),
    "warnings": _known_warnings,
}
