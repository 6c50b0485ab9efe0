"""The progress of a run and its results in Jupyter notebooks."""

import base64
import io
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from pkgutil import resolve_name
from threading import Lock
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType

from aarlab.cli.output import stderr_console
from aarlab.cli.run_display import RunDisplay, open_display, render
from aarlab.cli.run_progress import TeamProgress
from aarlab.cli.run_summary import result_text
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import LogEntry, RoundStarted
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_COLUMNS, _ROWS = 100, 60
"""Size of a page in a notebook, in characters."""
_SECONDS_BETWEEN_UPDATES = 0.5
_PAGE = "<pre style='line-height:1.25;font-family:monospace;white-space:pre'>{code}</pre>"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def progress_display(scenario: Scenario, shown: bool | None) -> AbstractContextManager[RunDisplay | None]:
    """Return the display of a run; None inside the context if no progress is shown.

    Args:
        scenario: Scenario of the run.
        shown: Whether to show progress, in a notebook below the cell, else on stderr; None: only in a notebook.
    """
    if in_notebook() and shown is not False:
        return NotebookDisplay(scenario)
    return open_display(scenario, stderr_console()) if shown else nullcontext()


class NotebookDisplay(RunDisplay):
    """Shows the whole team below the cell that executes the run, twice a second."""

    def __init__(self, scenario: Scenario) -> None:
        """Show the progress of a run of this scenario. It needs IPython."""
        self._scenario = scenario
        self._progress = TeamProgress()
        self._slow_step: tuple[str, float] | None = None
        self._updated_at = 0.0
        self._output: Any = None
        # Slow steps report from several threads.
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Show the first page."""
        self._output = resolve_name("IPython.display:display")(self._page(), display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last page."""
        self._output.update(self._page())

    def handle_event(self, entry: LogEntry) -> None:
        """Show the next event."""
        with self._lock:
            if isinstance(entry.event, RoundStarted):
                self._slow_step = None
            self._progress.handle_event(entry)
            self._update()

    def progress(self, label: str, share: float) -> None:
        """Show the name of a slow step and its finished share, in [0, 1]."""
        with self._lock:
            self._slow_step = (label, share) if share < 1 else None
            self._update()

    def _update(self) -> None:
        if time.monotonic() - self._updated_at >= _SECONDS_BETWEEN_UPDATES:
            self._output.update(self._page())
            self._updated_at = time.monotonic()

    def _page(self) -> Any:
        page = as_html(render(self._progress, self._scenario, (_COLUMNS, _ROWS), self._slow_step))
        return resolve_name("IPython.display:HTML")(page)


class RunSummary(dict[str, Any]):
    """The summary of a run, as `aarlab run --json` prints it. A notebook shows it as text with the main results."""

    def _repr_html_(self) -> str | None:
        """Return the results as HTML; None if the run file is not there any more."""
        try:
            with RunReader.open(Path(self["file"])) as file:
                return as_html(result_text(self, file))
        except (OSError, SchemaError, KeyError):
            return None


def framed(page: str, height: int = 860) -> str:
    """Return a self-contained page as HTML for the output of a cell.

    The frame has an origin of its own, so that no text of a model reaches the notebook. It is a data URL, because links
    inside a page that is the `srcdoc` of a frame lead to the notebook.

    Args:
        page: The page.
        height: Height of the frame in pixels.
    """
    data = base64.b64encode(page.encode()).decode()
    style = f"width:100%;height:{height}px;border:1px solid #d9dde2;background:white"
    return f'<iframe src="data:text/html;charset=utf-8;base64,{data}" sandbox="allow-scripts" style="{style}"></iframe>'


def as_html(content: RenderableType) -> str:
    """Return text for a terminal as HTML."""
    console = Console(file=io.StringIO(), width=_COLUMNS, record=True, highlight=False, force_jupyter=False)
    console.print(content)
    return console.export_html(inline_styles=True, code_format=_PAGE)
