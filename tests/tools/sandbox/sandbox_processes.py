"""Functions that find processes and wait for their end, and the code of two jobs."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

FINE = "def method(world): return [1]"
ENDLESS = "while True: pass"


def descendants(process: int) -> list[int]:
    """Return the ids of all descendants of a process, parents before children."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(folder.name))
    descendants, pending = [], [process]
    while pending:
        pending += (children := sorted(parents.get(pending.pop(), [])))
        descendants += children
    return descendants


def eventually(condition: Callable[[], bool], timeout_s: float = 120) -> bool:
    """Wait until a condition holds. Return False if it does not hold before the timeout."""
    deadline = time.monotonic() + timeout_s
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds


def gone(processes: list[int]) -> bool:
    """Wait until processes have ended. Return False after a timeout."""
    return eventually(lambda: not any(map(_alive, processes)))


def _alive(process: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
