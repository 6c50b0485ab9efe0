"""Text in CSV cells: spreadsheets execute some of it, and terminals obey control characters."""

from aarlab.cli.formatting import printable

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets execute a cell that begins so (OWASP, CSV injection)."""


def safe_cell(value: object) -> object:
    """Return the content of a cell: text without control characters, after an apostrophe if it is like a formula."""
    if not isinstance(value, str):
        return value
    text, content = printable(value), value.lstrip(" \n")
    # A sign alone is no formula.
    is_formula = content.startswith(_FORMULA_STARTS) and content not in ("+", "-") and not _is_number(value)
    return f"'{text}" if is_formula else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
