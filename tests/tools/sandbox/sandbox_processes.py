"""Watching processes come and go."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def descendants(process: int) -> list[int]:
    """The ids of all processes below one, parents before children."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(folder.name))
    found, waiting = [], [process]
    while waiting:
        waiting += (below := sorted(parents.get(waiting.pop(), [])))
        found += below
    return found


def eventually(condition: Callable[[], bool], timeout_s: float = 20) -> bool:
    """Wait until a condition holds, and return whether it came to."""
    until = time.monotonic() + timeout_s
    while not (holds := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return holds


def gone(processes: list[int]) -> bool:
    """Wait until processes have ended."""
    return eventually(lambda: not any(map(_alive, processes)))


def _alive(process: int) -> bool:
    """Whether a process exists and is more than an entry nobody has collected yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
