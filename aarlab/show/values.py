"""Arguments and results of tools, laid out for reading."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from aarlab.show.layout import Indented
from aarlab.show.reading import Reading
from aarlab.wording import counted, printable

_CODE_LINES = 16
_TEXT_LINES = 10
_ROWS = 8
_GAP = 2
"""Columns between those of a table."""
_INDENT = 16
"""Columns of the page that stand to the left of a table."""
_ON_A_LINE = 120
"""Characters of a value that stands on a line with others."""
_IN_A_CELL = 30
"""Characters of a value that stands in a table."""
_FIRST = (
    "error", "id", "number", "action", "subject", "panel", "finding", "experiment", "operator", "type", "title", "path",
    "fidelity", "pgr", "se", "worlds", "author", "round", "family",
)  # fmt: skip
_EMPTY: tuple[Any, ...] = (None, [], {})


def readable_json(content: str, reading: Reading) -> RenderableType:
    """Return a tool result, which is JSON, for reading; text that is not JSON as it is."""
    try:
        value = json.loads(content)
    except ValueError:
        return _words(content, reading)
    return readable(value, reading)


def readable(value: Any, reading: Reading) -> RenderableType:
    """Return a JSON value for reading: short things on one line, code highlighted, like records as a table."""
    if _is_short(value, _ON_A_LINE):
        return Text(_short(value))
    match value:
        case dict():
            return Group(*_fields(value, reading))
        case list() if _is_table(value, reading):
            return _table(value, reading)
        case list():
            return Group(*_items(value, reading))
        case _:
            return _words(str(value), reading)


def one_line(value: Mapping[str, Any]) -> str | None:
    """Return an object's fields on one line; None if one of them is too long for that."""
    keys = _in_order(value)
    if not all(_is_short(value[key], _ON_A_LINE) for key in keys):
        return None
    return " · ".join(f"{_label(key)} {_short(value[key])}" for key in keys)


def left_out(count: int, noun: str) -> Iterator[RenderableType]:
    """Yield the notice that something was shortened, if it was."""
    if count > 0:
        yield Text(f"… {counted(count, f'more {noun}')} (--full)", style="dim italic")


def _fields(value: Mapping[str, Any], reading: Reading) -> Iterator[RenderableType]:
    keys = [key for key in _in_order(value) if value[key] not in ([], {})]
    short = [key for key in keys if _is_short(value[key], _ON_A_LINE)]
    if short:
        yield Text(" · ".join(f"{_label(key)} {_short(value[key])}" for key in short))
    for key in keys:
        if key not in short:
            yield Text(f"{_label(key)}:", style="dim")
            yield Indented(readable(value[key], _further_in(reading)), 2)


def _further_in(reading: Reading) -> Reading:
    """Return the reading for what stands two columns further to the right."""
    return replace(reading, width=reading.width - 2)


def _items(value: Sequence[Any], reading: Reading) -> Iterator[RenderableType]:
    shown = _first_of(value, reading)
    for item in shown:
        grid = Table.grid(padding=(0, 1))
        grid.add_row("-", readable(item, _further_in(reading)))
        yield grid
    yield from left_out(len(value) - len(shown), "item")


def _table(rows: Sequence[Mapping[str, Any]], reading: Reading) -> RenderableType:
    shown = _first_of(rows, reading)
    columns = _in_order({key for row in shown for key in row if row[key] not in _EMPTY})
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in shown)
        whole = max(len(_short(row.get(column, ""))) for row in shown)
        table.add_column(Text(_label(column)), justify="right" if numeric else "left", min_width=whole)
    for row in shown:
        table.add_row(*(Text(_short(row[column]) if row.get(column) not in _EMPTY else "") for column in columns))
    return Group(table, *left_out(len(rows) - len(shown), "row"))


def _words(text: str, reading: Reading) -> RenderableType:
    code = "\n" in text and ("def " in text or "import " in text)
    cut, more = reading.cut(printable(text), _CODE_LINES if code else _TEXT_LINES)
    body: RenderableType = Text(cut)
    if code:
        body = Syntax(cut, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    return Group(body, *left_out(more, "line"))


def _first_of(items: Sequence[Any], reading: Reading) -> Sequence[Any]:
    # One item more is no longer than the notice that it was left out.
    return items if reading.full or len(items) <= _ROWS + 1 else items[:_ROWS]


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return keys with those first that say what it is about; stored JSON has them in the order of the alphabet."""
    rank = {key: place for place, key in enumerate(_FIRST)}
    return sorted(keys, key=lambda key: (rank.get(key, len(rank)), key))


def _is_table(value: Sequence[Any], reading: Reading) -> bool:
    """Whether a list holds records whose fields fit beside each other on the page."""
    if len(value) < 2 or not all(isinstance(row, dict) and row for row in value):
        return False
    if not all(_is_short(cell, _IN_A_CELL) for row in value for cell in row.values()):
        return False
    width: dict[str, int] = {}
    for key, cell in ((key, cell) for row in value for key, cell in row.items() if cell not in _EMPTY):
        heading = max(map(len, _label(key).split()), default=0)
        width[key] = max(width.get(key, 0), heading, len(_short(cell)))
    return sum(width.values()) + _GAP * len(width) <= reading.width - _INDENT


def _is_short(value: Any, most: int) -> bool:
    match value:
        case str():
            return "\n" not in value and len(value) <= most
        case list():
            flat = all(_is_short(item, most) and not isinstance(item, list) for item in value)
            return flat and len(_short(value)) <= most
        case dict():
            return not value
        case _:
            return True


def _short(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list():
            return ", ".join(map(_short, value)) or "none"
        case dict():
            return "nothing"
        case _:
            return printable(str(value))


def _label(key: str) -> str:
    return printable(key).replace("_", " ")
