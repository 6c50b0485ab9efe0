"""A progress bar for those who wait: on a terminal, and only when it takes long."""

import time
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class DelayedProgressBar:
    """Told how far something is, from any thread, it shows a bar, and takes the bar away at the end.

    Args:
        console: Where to draw. What is not a terminal is left alone.
        patience_s: Seconds before the bar appears.
    """

    def __init__(self, console: Console, *, delay_s: float = 0.0) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._line = self._bar.add_task("", total=1.0)
        self._label = ""
        self._shows_at = time.monotonic() + delay_s
        self._started = False
        # What is waited for may be told of by several threads.
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Begin to wait."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        with self._lock:
            self._bar.stop()
            self._shows_at = float("inf")

    def __call__(self, label: str, share: float) -> None:
        """Take in what is waited for, and the share of it that is done, in [0, 1]."""
        with self._lock:
            if label != self._label:
                self._label = label
                self._bar.reset(self._line, description=label)
            self._bar.update(self._line, completed=share)
            if not self._started and time.monotonic() >= self._shows_at:
                self._started = True
                self._bar.start()
