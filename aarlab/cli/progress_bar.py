"""A progress bar for slow steps."""

import time
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_PERCENT = "[progress.percentage]{task.percentage:>3.0f} %"


class DelayedProgressBar:
    """Show a progress bar on a terminal once a delay has passed, and remove it at the end. Thread-safe.

    Args:
        console: Where to draw. Nothing is drawn if it is not a terminal.
        delay_s: Seconds before the bar appears.
    """

    def __init__(self, console: Console, *, delay_s: float = 0.0) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(_PERCENT), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=1.0)
        self._label = ""
        self._shows_at = time.monotonic() + delay_s
        self._started = False
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Start the delay."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        with self._lock:
            self._bar.stop()
            self._shows_at = float("inf")

    def __call__(self, label: str, share: float) -> None:
        """Set the name of the current step and the finished share of it, in [0, 1]."""
        with self._lock:
            if label != self._label:
                self._label = label
                self._bar.reset(self._task, description=label)
            self._bar.update(self._task, completed=share)
            if not self._started and time.monotonic() >= self._shows_at:
                self._started = True
                self._bar.start()
