"""Rendering of tool arguments and tool results."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from aarlab.cli.formatting import counted, printable
from aarlab.cli.show.display_options import DisplayOptions
from aarlab.cli.show.layout import Indented, WrappedText
from aarlab.cli.tables import data_table

_CODE_LINES = 16
_TEXT_LINES = 10
_ROWS = 8
_NUMBERS = 20
_GAP = 2
"""Columns between those of a table."""
_INDENT = 16
"""Columns to the left of a table."""
_MAX_INLINE_CHARS = 120
"""Maximum length of a value on a line with others."""
_MAX_CELL_CHARS = 30
"""Maximum length of a value in a table."""
_LEADING_KEYS = (
    "error", "id", "number", "action", "subject", "panel", "finding", "experiment", "operator", "type", "title", "path",
    "fidelity", "pgr", "se", "worlds", "author", "round", "family",
)  # fmt: skip
_MAX_FIELDS = 60
"""Maximum number of fields of an object that is shortened."""
_MAX_STYLED_CHARS = 50_000
"""Maximum length of a text with styles."""
_MAX_STYLED_ITEMS = 5_000
"""Maximum number of values in a tree that is shown as fields and tables."""
_EMPTY: tuple[Any, ...] = (None, [], {})


def render_json(content: str, options: DisplayOptions) -> RenderableType:
    """Return a rendered tool result. Text that is not JSON is returned as text."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return _text(content, options)
    return render_value(value, options)


def render_value(value: Any, options: DisplayOptions) -> RenderableType:
    """Return a rendered JSON value: short values on one line, code highlighted, lists of records as a table."""
    if options.full and not isinstance(value, str) and _item_count(value) > _MAX_STYLED_ITEMS:
        return WrappedText(printable(json.dumps(value, indent=1, ensure_ascii=False)))
    if _fits_in(value, _MAX_INLINE_CHARS):
        return Text(_short(value))
    match value:
        case dict():
            return Group(*_fields(value, options))
        case list() if all(isinstance(item, int | float) for item in value):
            shown = value if options.full or len(value) <= _NUMBERS + 1 else value[:_NUMBERS]
            return Group(Text(_short(shown)), *omission_notice(_omitted(value, shown, "item")))
        case list() if _is_table(value, options):
            return _table(value, options)
        case list():
            return Group(*_items(value, options))
        case _:
            return _text(str(value), options)


def one_line(value: Mapping[str, Any]) -> str | None:
    """Return the fields of an object on one line; None if a field is too long."""
    keys = _ordered_keys(value)
    if not all(_fits_in(value[key], _MAX_INLINE_CHARS) for key in keys):
        return None
    return " · ".join(f"{_label(key)} {_short(value[key])}" for key in keys)


def omission_notice(omitted: str) -> Iterator[RenderableType]:
    """Yield a notice of what is omitted, such as `3 more lines`; nothing if it is empty."""
    if omitted:
        yield Text(f"… {omitted} (--full)", style="dim italic")


def plain_or_none(text: str) -> RenderableType | None:
    """Return a long text without styles, because styles take seconds for megabytes; None if it is short."""
    return WrappedText(text) if len(text) > _MAX_STYLED_CHARS else None


def _fields(value: Mapping[str, Any], options: DisplayOptions) -> Iterator[RenderableType]:
    keys = [key for key in _ordered_keys(value) if value[key] not in ([], {})]
    n_omitted = 0 if options.full else max(len(keys) - _MAX_FIELDS, 0)
    keys = keys[: len(keys) - n_omitted]
    short = [key for key in keys if _fits_in(value[key], _MAX_INLINE_CHARS)]
    if short:
        yield Text(" · ".join(f"{_label(key)} {_short(value[key])}" for key in short))
    yield from omission_notice(counted(n_omitted, "more field") if n_omitted else "")
    for key in keys:
        if key not in short:
            yield Text(f"{_label(key)}:", style="dim")
            yield Indented(render_value(value[key], _indented_options(options)), 2)


def _indented_options(options: DisplayOptions) -> DisplayOptions:
    """Return the options for a part that is indented by two columns."""
    return replace(options, width=options.width - 2)


def _items(value: Sequence[Any], options: DisplayOptions) -> Iterator[RenderableType]:
    shown = _first_of(value, options)
    for item in shown:
        grid = Table.grid(padding=(0, 1))
        grid.add_row("-", render_value(item, _indented_options(options)))
        yield grid
    yield from omission_notice(_omitted(value, shown, "item"))


def _table(rows: Sequence[Mapping[str, Any]], options: DisplayOptions) -> RenderableType:
    shown = _first_of(rows, options)
    columns = _ordered_keys({key for row in shown for key in row if row[key] not in _EMPTY})
    table = data_table()
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in shown)
        widest = max(len(_short(row.get(column, ""))) for row in shown)
        table.add_column(Text(_label(column)), justify="right" if numeric else "left", min_width=widest)
    for row in shown:
        table.add_row(*(Text(_short(row[column]) if row.get(column) not in _EMPTY else "") for column in columns))
    return Group(table, *omission_notice(_omitted(rows, shown, "row")))


def _omitted(items: Sequence[Any], shown: Sequence[Any], noun: str) -> str:
    count = len(items) - len(shown)
    return counted(count, f"more {noun}") if count else ""


def _text(text: str, options: DisplayOptions) -> RenderableType:
    code = "\n" in text and ("def " in text or "import " in text)
    cut, omitted = options.cut(text, _CODE_LINES if code else _TEXT_LINES)
    cut = printable(cut)
    body: RenderableType = Text(cut)
    if (plain := plain_or_none(cut)) is not None:
        body = plain
    elif code:
        body = Syntax(cut, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    return Group(body, *omission_notice(omitted))


def _first_of(items: Sequence[Any], options: DisplayOptions) -> Sequence[Any]:
    # The notice of an omission would be as long as one omitted item.
    return items if options.full or len(items) <= _ROWS + 1 else items[:_ROWS]


def _ordered_keys(keys: Iterable[str]) -> list[str]:
    """Return keys in reading order. Stored JSON has them in alphabetical order."""
    rank = {key: position for position, key in enumerate(_LEADING_KEYS)}
    return sorted(keys, key=lambda key: (rank.get(key, len(rank)), key))


def _is_table(value: Sequence[Any], options: DisplayOptions) -> bool:
    """Return whether a list holds records with fields that fit side by side on the page."""
    value = _first_of(value, options)
    if len(value) < 2 or not all(isinstance(row, dict) and row for row in value):
        return False
    if not all(_fits_in(cell, _MAX_CELL_CHARS) for row in value for cell in row.values()):
        return False
    width: dict[str, int] = {}
    for key, cell in ((key, cell) for row in value for key, cell in row.items() if cell not in _EMPTY):
        heading = max(map(len, _label(key).split()), default=0)
        width[key] = max(width.get(key, 0), heading, len(_short(cell)))
    return sum(width.values()) + _GAP * len(width) <= options.width - _INDENT


def _fits_in(value: Any, max_chars: int) -> bool:
    match value:
        case str():
            return "\n" not in value and len(value) <= max_chars
        case list():
            flat = len(value) <= max_chars and all(
                _fits_in(item, max_chars) and not isinstance(item, list) for item in value
            )
            return flat and len(_short(value)) <= max_chars
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


def _item_count(value: Any) -> int:
    """Return the number of values in a tree; counting ends soon after `_MAX_STYLED_ITEMS`."""
    waiting, count = [value], 0
    while waiting and count <= _MAX_STYLED_ITEMS:
        item = waiting.pop()
        parts: Iterable[Any] = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        added = list(islice(parts, _MAX_STYLED_ITEMS + 1))
        count += len(added)
        waiting += added
    return count


def _label(key: str) -> str:
    return printable(key).replace("_", " ")
