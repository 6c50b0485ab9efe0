"""Tests of the progress bar."""

from io import StringIO
from threading import Thread

import pytest
from rich.console import Console

from aarlab.cli.progress_bar import DelayedProgressBar


def rendered(*, terminal: bool, delay_s: float = 0.0) -> str:
    """Return the output of a bar with two steps."""
    page = StringIO()
    console = Console(file=page, force_terminal=terminal, width=80)
    with DelayedProgressBar(console, delay_s=delay_s) as waiting:
        waiting("pretraining", 0.5)
        waiting("measuring", 0.25)
    return page.getvalue()


def test_terminal_shows_label_and_share() -> None:
    page = rendered(terminal=True)
    assert "measuring" in page
    assert "25 %" in page


@pytest.mark.parametrize(("terminal", "delay_s"), [(False, 0.0), (True, 3600.0)])
def test_no_output_without_terminal_or_before_the_delay(terminal: bool, delay_s: float) -> None:
    assert rendered(terminal=terminal, delay_s=delay_s) == ""


def test_threads_may_call_it_even_after_the_end() -> None:
    page = StringIO()
    with DelayedProgressBar(Console(file=page, force_terminal=True, width=80)) as waiting:
        threads = [Thread(target=waiting, args=("working", i / 20)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    before = page.getvalue()
    waiting("late", 1.0)
    assert page.getvalue() == before
