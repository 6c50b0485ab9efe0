"""The reproductions, and their execution on several cores."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from aarlab.reproduce import barkoczi_galesic, fang, lazer_friedman, march, mason, zollman
from aarlab.reproduce.known_answers import Progress, Reproduced, Reproduction

REPRODUCTIONS = {
    module.REPRODUCTION.name: module.REPRODUCTION
    for module in (zollman, lazer_friedman, fang, barkoczi_galesic, march, mason)
}
"""By name, in the order of the table."""


@dataclass(frozen=True, slots=True)
class TimedReproduction:
    """The results of one reproduction and its time."""

    reproduction: Reproduction
    results: Reproduced
    seconds: float
    """Wall-clock time."""


def run_reproductions(names: Sequence[str], *, quick: bool, progress: Progress) -> list[TimedReproduction]:
    """Return the results of the named reproductions, in this order.

    Several are executed in processes, as many at a time as there are cores. Results depend on neither.

    Args:
        names: Keys of REPRODUCTIONS.
        quick: Whether to run the short form.
        progress: Called with what is being computed and the completed share.
    """
    if len(names) == 1:
        return [_timed(names[0], quick=quick, progress=progress)]
    finished: dict[str, TimedReproduction] = {}
    for result in _in_processes(names, quick=quick):
        finished[result.reproduction.name] = result
        progress(f"{len(finished)} of {len(names)} reproductions", len(finished) / len(names))
    return [finished[name] for name in names]


def _in_processes(names: Sequence[str], *, quick: bool) -> Iterator[TimedReproduction]:
    """Yield results in order of completion."""
    processes = min(len(names), os.cpu_count() or 1)
    # New interpreters: a fork of a process with threads may hang.
    with multiprocessing.get_context("spawn").Pool(processes, _ignore_interrupts) as pool:
        for name, results, seconds in pool.imap_unordered(partial(_in_worker, quick=quick), names):
            yield TimedReproduction(REPRODUCTIONS[name], results, seconds)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent process, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_worker(name: str, *, quick: bool) -> tuple[str, Reproduced, float]:
    timed = _timed(name, quick=quick, progress=lambda step, share: None)
    return name, timed.results, timed.seconds


def _timed(name: str, *, quick: bool, progress: Progress) -> TimedReproduction:
    started = time.monotonic()
    results = REPRODUCTIONS[name].reproduce(quick, progress)
    return TimedReproduction(REPRODUCTIONS[name], results, time.monotonic() - started)
