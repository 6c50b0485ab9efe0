"""Tables of texts and labels: reading a CSV file, with checks of every row."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from aarlab.scenarios.tasks.task_data import UnusableTaskData
from aarlab.scenarios.toolkit.inputs import BoolArray, IntArray

MIN_ROWS = 600
"""Fewest rows with different texts that a table needs."""
MIN_CLASS_ROWS = 250
"""Fewest rows of each class; half of them belong to a split."""
MAX_PROBLEMS = 20
MAX_VALUES = 8
"""Values of a column that a message lists."""
_DELIMITERS = ",;\t"
_MAX_CELL = 2**24
_PAIRS = (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("negative", "positive"))
"""Values of label 0 and label 1 that need no choice of the positive value."""


@dataclass(frozen=True, slots=True)
class TableProblem:
    """One problem in a table."""

    where: str
    """`file:line` or file."""
    field: str | None
    """The column."""
    problem: str
    expected: str | None = None
    fix: str | None = None


class UnusableTable(UnusableTaskData):
    """A table that cannot become a task."""

    def __init__(self, problems: Sequence[TableProblem]) -> None:
        """Create the error from at least one problem; the message has the first."""
        first = problems[0]
        super().__init__(f"{first.where}: {first.problem}" + (f"; {first.fix}" if first.fix else ""))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class TextTable:
    """Which columns of which CSV file are texts and labels."""

    file: str
    """Path, relative to the file of the task."""
    text: str
    """Column of the texts."""
    label: str
    """Column of the labels."""
    positive: str
    """Value of the label column that is label 1. All other values are label 0."""
    sha256: str
    """Hash of the file's content."""
    shifted: tuple[str, str] | None = None
    """Column and value of the rows from which the shifted worlds are made; None: there are no such rows."""


@dataclass(frozen=True, slots=True, eq=False)
class TableRows:
    """The n rows of a table with different texts, in the order of the file."""

    texts: tuple[str, ...]
    labels: IntArray
    """(n,) in {0, 1}."""
    is_shifted: BoolArray
    """(n,) whether a row is for shifted worlds."""
    positive: str
    """Value of label 1."""
    negative: str
    """Values of label 0, for messages."""
    notes: tuple[str, ...]
    """What was left out."""


def read_table(
    content: bytes,
    name: str,
    *,
    text: str,
    label: str,
    positive: str | None = None,
    shifted: tuple[str, str] | None = None,
) -> TableRows:
    """Return the rows of a CSV file with a header.

    Rows with the same text are reduced to the first of them, and left out if their labels differ. Texts that differ in
    spaces and capital letters only are the same.

    Args:
        content: Content of the file, UTF-8. Columns are separated by commas, semicolons or tabs.
        name: Path of the file, for messages.
        text: Column of the texts.
        label: Column of the labels.
        positive: Value of label 1; None: clear from the two values, such as 0 and 1.
        shifted: Column and value of the rows for shifted worlds.

    Raises:
        UnusableTable: A problem with the file, its columns or rows; all malformed rows are listed, up to a limit.
    """
    header, rows = _parsed(content, name)
    for column in (text, label, *([shifted[0]] if shifted else [])):
        _require_column(column, header, name)
    _check_rows(rows, (text, label), name)
    value, other = _label_values(Counter(row[label].strip() for _, row in rows), name, label, positive)
    kept, notes = _distinct([row for _, row in rows], text, label, value)
    labels = np.array([row[label].strip() == value for row in kept], dtype=np.int64)
    is_shifted = np.array([shifted is not None and row[shifted[0]].strip() == shifted[1] for row in kept], dtype=bool)
    if shifted is not None:
        _check_shifted(is_shifted, [row[shifted[0]].strip() for row in kept], name, shifted)
    _check_counts(labels[~is_shifted], name, label, MIN_ROWS, MIN_CLASS_ROWS)
    if shifted is not None:
        _check_counts(labels[is_shifted], f"{name}: {'='.join(shifted)}", label, MIN_ROWS // 2, MIN_CLASS_ROWS // 2)
    for array in (labels, is_shifted):
        array.setflags(write=False)
    return TableRows(tuple(row[text] for row in kept), labels, is_shifted, value, other, tuple(notes))


def normalised(text: str) -> str:
    """Return a text without differences in spaces and capital letters."""
    return " ".join(text.split()).casefold()


def _parsed(content: bytes, name: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and line number and cells of each row by column. Empty lines are skipped."""
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the byte {content[error.start]:#04x} is not UTF-8 text"
        raise _error(f"{name}:{line}", None, problem, "UTF-8", "save the file as UTF-8") from None
    first = decoded.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = list(_lines(decoded, delimiter, name))
    if not lines:
        raise _error(name, None, "the file is empty", "a header and rows")
    header = [column.strip() for column in lines[0][1]]
    if repeated := [column for column, count in Counter(header).items() if count > 1]:
        raise _error(f"{name}:1", repeated[0], "two columns have this name", "different names", "rename one of them")
    fix = "put quotes around a text with the separator in it"
    expected = f"{len(header)}, like the header"
    problems = [
        TableProblem(f"{name}:{number}", None, f"the row has {len(cells)} cells", expected, fix)
        for number, cells in lines[1:]
        if len(cells) != len(header)
    ]
    _raise_if_any(problems, name)
    return header, [(number, dict(zip(header, cells, strict=True))) for number, cells in lines[1:]]


def _lines(decoded: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line number and the cells of each row that is not empty."""
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(_MAX_CELL)
    try:
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fix = "write a quote inside quotes twice, and close every quote"
                raise _error(f"{name}:{number}", None, f"the row is malformed: {error}", "CSV", fix) from None
            if any(cells):
                yield number, cells
    finally:
        csv.field_size_limit(limit)


def _require_column(column: str, header: Sequence[str], name: str) -> None:
    if column not in header:
        near = {known.casefold(): known for known in header}
        close = get_close_matches(column.casefold(), near, n=3, cutoff=0.5)
        fix = f"did you mean {' or '.join(near[found] for found in close)}?" if close else None
        raise _error(f"{name}:1", column, "no column has this name", f"one of: {', '.join(header)}", fix)


def _check_rows(rows: Sequence[tuple[int, Mapping[str, str]]], columns: Sequence[str], name: str) -> None:
    problems = [
        TableProblem(f"{name}:{number}", column, "the cell is empty", None, "fill in the cell, or remove the row")
        for number, row in rows
        for column in columns
        if not row[column].strip()
    ]
    _raise_if_any(problems, name)


def _label_values(values: Counter[str], name: str, column: str, positive: str | None) -> tuple[str, str]:
    """Return the value of label 1, and the values of label 0 as text."""
    listed = ", ".join(
        f"{value!r} ({count:,} row{'s' * (count != 1)})" for value, count in values.most_common(MAX_VALUES)
    )
    listed += f" and {len(values) - MAX_VALUES:,} more" if len(values) > MAX_VALUES else ""
    if len(values) < 2:
        raise _error(name, column, f"fewer than two values: {listed or 'no rows'}", "two values, such as 0 and 1")
    if positive is None:
        spelled = {value.casefold(): value for value in values}
        pair = next((pair for pair in _PAIRS if set(pair) == set(spelled)), None)
        if pair is None:
            problem = f"{len(values)} values: {listed}" if len(values) > 2 else f"label 1 is not clear: {listed}"
            choose = "choose the value that is label 1, against all others: --positive VALUE"
            raise _error(name, column, problem, "two values, such as 0 and 1", choose)
        positive = spelled[pair[1]]
    if positive not in values:
        close = get_close_matches(positive, list(values), n=1)
        fix = f"did you mean {close[0]}?" if close else None
        raise _error(name, column, f"no row has the positive value {positive!r}", listed, fix)
    others = [value for value in sorted(values) if value != positive]
    return positive, others[0] if len(others) == 1 else f"one of {len(others)} other values"


def _distinct(
    rows: Sequence[Mapping[str, str]], text: str, label: str, positive: str
) -> tuple[list[Mapping[str, str]], list[str]]:
    """Return the first row of each text whose labels agree, and notes about the others."""
    labels: dict[str, set[bool]] = defaultdict(set)
    first: dict[str, Mapping[str, str]] = {}
    for row in rows:
        key = normalised(row[text])
        labels[key].add(row[label].strip() == positive)
        first.setdefault(key, row)
    kept = [row for key, row in first.items() if len(labels[key]) == 1]
    contradictory = len(first) - len(kept)
    notes = []
    if repeated := len(rows) - len(first):
        notes.append(f"Repeated texts that were left out: {repeated:,}.")
    if contradictory:
        notes.append(f"Texts with both labels that were left out: {contradictory:,}.")
    return kept, notes


def _check_shifted(is_shifted: BoolArray, values: Sequence[str], name: str, shifted: tuple[str, str]) -> None:
    if not is_shifted.any():
        known = [value for value, _ in Counter(values).most_common(MAX_VALUES)]
        close = get_close_matches(shifted[1], known, n=1)
        fix = f"did you mean {close[0]}?" if close else None
        raise _error(name, shifted[0], f"no row has the value {shifted[1]!r}", f"one of: {', '.join(known)}", fix)


def _check_counts(labels: IntArray, where: str, column: str, min_rows: int, min_class_rows: int) -> None:
    if len(labels) < min_rows:
        problem = f"{len(labels):,} rows with different texts are too few for the splits"
        raise _error(where, None, problem, f"at least {min_rows}")
    smaller = min(int(labels.sum()), int((1 - labels).sum()))
    if smaller < min_class_rows:
        raise _error(where, column, f"the smaller class has {smaller:,} rows", f"at least {min_class_rows}")


def _error(
    where: str, field: str | None, problem: str, expected: str | None = None, fix: str | None = None
) -> UnusableTable:
    return UnusableTable([TableProblem(where, field, problem, expected, fix)])


def _raise_if_any(problems: Sequence[TableProblem], name: str) -> None:
    if problems:
        more = len(problems) - MAX_PROBLEMS
        last = [TableProblem(name, None, f"{more:,} more errors are not listed")] if more > 0 else []
        raise UnusableTable([*problems[:MAX_PROBLEMS], *last])
