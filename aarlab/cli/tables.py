"""Tables for the terminal, in one style for all commands."""

from collections.abc import Mapping

from rich import box
from rich.console import RenderableType
from rich.table import Column, Table


def data_table(*columns: Column | str, title: str | None = None, expand: bool = False) -> Table:
    """Return an empty table with these columns.

    Args:
        columns: Headings, or columns with more settings.
        title: Printed in bold above the table.
        expand: Whether the table takes the whole width of the terminal.
    """
    return Table(
        *columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="dim",
        pad_edge=False, padding=(0, 1, 0, 0), expand=expand,
    )  # fmt: skip


def number_column(heading: str, style: str | None = None) -> Column:
    """Return a column of numbers, aligned to the right."""
    return Column(heading, justify="right", no_wrap=True, style=style or "")


def name_column(heading: str) -> Column:
    """Return a column of names, which are never wrapped."""
    return Column(heading, no_wrap=True, style="cyan")


def labelled_rows(rows: Mapping[str, RenderableType]) -> Table:
    """Return a line for each label with its value."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows.items():
        grid.add_row(label, value)
    return grid
