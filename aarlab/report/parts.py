"""Parts of a report: tables, figures, lists and sections, independent of the output format."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aarlab.config.data_frames import data_frame
from aarlab.export.csv_cells import safe_cell
from aarlab.memory.atomic_file import atomic_output
from aarlab.report.drawing import Drawing
from aarlab.statistics import Estimate

if TYPE_CHECKING:
    import pandas

Cell = str | float | int | None
_NUMBER = re.compile(r"[+\N{MINUS SIGN}]?\$?[\d,]+(\.\d+)?( ?%)?")
"""A number as text."""
_ZERO_TOLERANCE = 1e-12
"""Smaller absolute values are rounding errors and are printed as zero."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows. Numbers are exact; `cell_text` rounds them."""

    name: str
    """Name of the CSV file."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def is_numeric(self, column: int) -> bool:
        """Return whether every cell of a column is a number, a share or a dollar amount, or is empty."""
        cells = (row[column] for row in self.rows)
        return all(not isinstance(cell, str) or _NUMBER.fullmatch(cell) is not None for cell in cells)

    def records(self) -> list[dict[str, Cell]]:
        """Return the rows as dictionaries by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def frame(self) -> "pandas.DataFrame":
        """Return the table as a data frame. Raises ImportError if pandas is not installed."""
        return data_frame(self.records())


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure. Formats without figures omit it."""

    name: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Note:
    """An explanation of a figure. Formats without figures omit it."""

    text: str


@dataclass(frozen=True, slots=True)
class BulletList:
    """A list of sentences."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A command or a configuration."""

    text: str
    title: str = ""
    """Title of a block that HTML shows on demand and Markdown omits; empty: always shown."""


@dataclass(frozen=True, slots=True)
class FoldedTables:
    """Tables that HTML shows on demand."""

    title: str
    tables: tuple[Table, ...]


Part = str | BulletList | Table | FoldedTables | Figure | Note | CodeBlock
"""A part of a section. A string is a paragraph."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the parts below it."""

    title: str
    parts: tuple[Part, ...]


def write_csv(table: Table, folder: Path) -> Path:
    """Write a table into a folder and return the file. Raises OSError."""
    path = folder / f"{table.name}.csv"
    with atomic_output(path, replace=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows([safe_cell(cell) for cell in row] for row in table.rows)
    return path


def ends(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    """Return an estimate with the ends of its interval; None where there is none."""
    return (None, None, None) if estimate is None else (estimate.value, *(estimate.interval or (None, None)))


def cell_text(cell: Cell) -> str:
    """Return a cell as text. Numbers have three decimals, one decimal from 10 on, or one digit near zero."""
    match cell:
        case None:
            return "–"
        case float() if abs(cell) < _ZERO_TOLERANCE:
            return "0.000"
        case float():
            text = f"{cell:.1g}" if 0 < abs(cell) < 0.0005 else f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}"
            return text.replace("-", "\N{MINUS SIGN}", 1)
        case _:
            return str(cell)
