"""Signals that stop a command: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_REPEAT_S = 0.05


@contextmanager
def stop_signals_as_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGHUP in the block, so that the command stops cleanly."""
    # `nohup` makes a command ignore SIGHUP.
    caught = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in caught}
    hook = sys.unraisablehook

    def repeat_lost_interrupt(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            # Python ignores exceptions in some callbacks, such as those of its import locks: send the signal again.
            Timer(_REPEAT_S, os.kill, (os.getpid(), caught[0] if caught else signal.SIGINT)).start()
        else:
            hook(unraisable)

    sys.unraisablehook = repeat_lost_interrupt
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(*_: object) -> None:
    # A shell that starts a command in the background makes it ignore SIGINT, but not SIGTERM.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
