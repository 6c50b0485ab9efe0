"""The trusted side: keeps a zygote, hands it jobs, and believes nothing that comes back."""

import contextlib
import itertools
import os
import select
import signal
import sys
import threading
import time
from io import FileIO
from types import TracebackType
from typing import Final, Self, get_args

import numpy as np

from aarlab.tools.sandbox import wire
from aarlab.tools.sandbox.defence import ALL_LAYERS, Mode, available
from aarlab.tools.sandbox.job import Job, Limits, Outcome, SandboxUnavailable
from aarlab.tools.sandbox.spawn import Zygote
from aarlab.tools.sandbox.view import view
from aarlab.tools.sandbox.wire import Ending

_DEATHS_IN_A_ROW = 3
_GRACE_S = 15.0  # past a job's deadline, before the zygote itself is taken to be stuck
_CLOSE_S = 5.0
_CHUNK = 1 << 16

_NUMBERS = itertools.count(os.getpid() * 61)
"""Numbers of jobs, from which their users are derived: one sequence for all of a process's sandboxes."""

_INPUTS: Final = {name: np.zeros(0) for name in ("features", "weak_labels", "test_features", "relations")}
_NOTHING: Final = Job("def method(world): return ()", _INPUTS, seed=0)
"""Run once at the start: what cannot lock itself down should say so before it is needed."""


class Sandbox:
    """Runs untrusted methods, several at a time.

    A context manager; `run` may be called from several threads at once, and the caller decides how many that is. The
    zygote behind it is started here and, should it die, again for the next job; the jobs it had are answered with an
    error.

    Args:
        mode: `"strict"`; `"docker"` for a container of Docker's or Podman's in place of namespaces and users of our
            own; or `"none"` for code that is trusted: then only resource limits and the deadline hold, and the code can
            read and do whatever this user can.
        layers: which layers of the strict mode to put on, and of the docker mode inside the container. All, except in
            tests that show what each is good for.

    Attributes:
        mode: as given.
        layers: names of the layers that are on.

    Raises:
        SandboxUnavailable: the mode cannot be had on this machine, or the zygote does not start.
        ValueError: an unknown mode or layer.
    """

    def __init__(self, mode: Mode = "strict", *, layers: frozenset[str] = ALL_LAYERS) -> None:
        if mode not in get_args(Mode):
            raise ValueError(f"there is no sandbox mode {mode!r}: use 'strict', 'docker' or, by name, 'none'")
        if sys.platform != "linux":
            raise SandboxUnavailable(
                "the sandbox exists on Linux only. Remedy: use a Linux machine or virtual machine."
            )
        if unknown := layers - ALL_LAYERS:
            raise ValueError(f"there are no layers {sorted(unknown)}: only {sorted(ALL_LAYERS)}")
        self.mode = mode
        self._wanted = available(mode, layers)
        self._view = view()
        self._lock = threading.Lock()
        self._deaths = 0
        self._closed = False
        self._zygote: Zygote | None = Zygote(self._wanted, self._view)
        self.layers = self._zygote.layers
        if (error := self.run(_NOTHING).error) is not None:
            self.close()
            raise SandboxUnavailable(f"the sandbox does not work here: {error}")

    def __enter__(self) -> Self:
        """Return the sandbox itself: it is already running."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sandbox."""
        self.close()

    def run(self, job: Job) -> Outcome:
        """Run a job and wait for its outcome. Whatever the job does becomes part of the outcome.

        Raises:
            SandboxUnavailable: the sandbox is closed, or its zygote died several times in a row.
            ValueError: the job's inputs are not plain arrays.
        """
        sealed = wire.seal_job(job)
        answer_from, answer_to = os.pipe()
        report_from, report_to = os.pipe()
        with FileIO(answer_from) as answer, FileIO(report_from) as report:
            try:
                zygote = self._order(job.limits, [sealed, answer_to, report_to])
            finally:
                for descriptor in (sealed, answer_to, report_to):
                    os.close(descriptor)
            written, ending = _collect(answer, report, job.limits)
        if ending is None:
            self._bury(zygote)
            return _failed("the sandbox ended before the method did")
        self._deaths = 0
        return _outcome(written, ending, job.limits)

    def close(self) -> None:
        """End the zygote and every job that is still running; their outcomes are errors. May be called twice."""
        with self._lock:
            self._closed = True
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.end(_CLOSE_S)

    def _order(self, limits: Limits, descriptors: list[int]) -> Zygote:
        """Give a job to the zygote, a new one if there is none, and return it."""
        with self._lock:
            if self._closed:
                raise SandboxUnavailable("the sandbox is closed")
            if self._deaths >= _DEATHS_IN_A_ROW:
                raise SandboxUnavailable(f"the sandbox died {self._deaths} times in a row: what ends its processes?")
            if self._zygote is None:
                self._zygote = Zygote(self._wanted, self._view)
            # An error means that it is dead: then nobody holds the report's other end, and whoever reads it will know.
            with contextlib.suppress(OSError):
                self._zygote.order(limits, next(_NUMBERS), descriptors)
            return self._zygote

    def _bury(self, zygote: Zygote) -> None:
        """Clear a dead or stuck zygote away, once, whoever of its jobs finds out first."""
        with self._lock:
            if self._zygote is not zygote:
                return
            self._zygote = None
            self._deaths += 1
        zygote.end(0.0)


def _collect(answer: FileIO, report: FileIO, limits: Limits) -> tuple[bytes, Ending | None]:
    """Read a job's answer until the zygote reports its end, and no more of it than one byte past what is allowed.

    Returns:
        The answer, and the report, which is None when the zygote died or is stuck.
    """
    written = bytearray()
    os.set_blocking(answer.fileno(), False)
    poll = select.poll()
    poll.register(answer, select.POLLIN)
    poll.register(report, select.POLLIN)
    until = time.monotonic() + limits.wall_s + _GRACE_S
    while ready := {descriptor for descriptor, _ in poll.poll(max(0.0, 1000 * (until - time.monotonic())))}:
        if not answer.closed and answer.fileno() in ready and not _read_some(answer, written, limits.result_bytes):
            poll.unregister(answer)
            answer.close()  # whoever still writes finds a broken pipe
        if report.fileno() in ready:
            ending = report.read(_CHUNK)
            while not answer.closed and _read_some(answer, written, limits.result_bytes, last=True):
                pass
            return bytes(written), Ending.decode(ending) if ending else None
    return bytes(written), None


def _read_some(answer: FileIO, written: bytearray, limit: int, last: bool = False) -> bool:
    """Read what is there; False when there will be no more, or nothing more that is wanted.

    Args:
        answer: the reading end, which does not block.
        written: is added to.
        limit: bytes that are allowed.
        last: whether the writer has ended, so that what is not there now will never be.
    """
    chunk = answer.read(limit + 1 - len(written))
    if chunk is None:
        return not last
    written += chunk
    return bool(chunk) and len(written) <= limit


def _outcome(written: bytes, ending: Ending, limits: Limits) -> Outcome:
    """Judge how a job ended and what it wrote."""
    if (error := _violation(len(written), ending, limits)) is not None:
        return _failed(error, ending)
    try:
        predictions, log, error = wire.decode_answer(written)
    except wire.BadAnswer as trouble:
        return _failed(str(trouble), ending)
    return Outcome(predictions, log, error, ending.seconds, ending.cpu_seconds, ending.peak_mb)


def _violation(size: int, ending: Ending, limits: Limits) -> str | None:
    """The limit that a job hit, or the way it ended if not as it should; None when its answer may be read."""
    if ending.failure is not None:
        return f"the job could not be started: {ending.failure}"
    if size > limits.result_bytes:
        return f"result too large: more than {limits.result_bytes} bytes"
    if ending.late and ending.exit == -signal.SIGKILL:
        return f"stopped after {limits.wall_s:g} s"
    if ending.exit == -signal.SIGXCPU or (ending.exit == -signal.SIGKILL and ending.cpu_seconds >= limits.cpu_s):
        return f"used more than {limits.cpu_s} s of processor time"
    if ending.exit < 0:
        return f"ended by signal {-ending.exit} ({signal.strsignal(-ending.exit)})"
    if ending.exit > 0 or not size:
        return f"ended without an answer (exit status {ending.exit})"
    return None


def _failed(error: str, ending: Ending | None = None) -> Outcome:
    """An outcome that is an error."""
    if ending is None:
        return Outcome(None, [], error, 0.0, 0.0, 0.0)
    return Outcome(None, [], error, ending.seconds, ending.cpu_seconds, ending.peak_mb)
