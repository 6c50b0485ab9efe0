"""The bar for those who wait: there on a terminal when it takes long, and gone afterwards."""

from io import StringIO
from threading import Thread

import pytest
from rich.console import Console

from aarlab.cli.progress_bar import DelayedProgressBar


def drawn(*, terminal: bool, delay_s: float = 0.0) -> str:
    """Return what a wait of two parts writes."""
    page = StringIO()
    console = Console(file=page, force_terminal=terminal, width=80)
    with DelayedProgressBar(console, delay_s=delay_s) as waiting:
        waiting("pretraining", 0.5)
        waiting("measuring", 0.25)
    return page.getvalue()


def test_on_a_terminal_it_says_what_is_waited_for() -> None:
    page = drawn(terminal=True)
    assert "measuring" in page
    assert "25%" in page


@pytest.mark.parametrize(("terminal", "delay_s"), [(False, 0.0), (True, 3600.0)])
def test_elsewhere_and_for_what_is_quick_it_writes_nothing(terminal: bool, delay_s: float) -> None:
    assert drawn(terminal=terminal, delay_s=delay_s) == ""


def test_it_may_be_told_by_many_threads_and_after_the_end() -> None:
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
