"""Execution of runs from programs that have an event loop, such as notebooks.

A run has an event loop of its own, and a thread can have one only. So a run that is started in a thread with a running
loop is executed in another thread.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from threading import Event, Thread
from typing import Generic, TypeVar

from aarlab.memory.events import LogEntry

T = TypeVar("T")
Listener = Callable[[LogEntry], None]
"""Receives every event of a run."""
_INTERRUPT_POLL_S = 0.2
"""Seconds after which an interrupt is noticed at the latest."""


def blocking(execute: Callable[[Listener], T]) -> T:
    """Execute a run and return its result; in another thread if this thread has a running event loop.

    An interrupt by the user stops a run in another thread, also while it waits for a base model.

    Args:
        execute: Executes the run, and calls the listener that it receives with every event.
    """
    if not _has_running_loop():
        return execute(lambda entry: None)
    worker = _Worker(execute)
    worker.start()
    try:
        # Another thread may receive the signal. Then it does not end a wait of this thread, which handles it.
        while not worker.done.wait(_INTERRUPT_POLL_S):
            pass
    except KeyboardInterrupt:
        worker.stop()
        worker.done.wait()
    return worker.result()


async def awaited(execute: Callable[[Listener], T]) -> T:
    """Execute a run in another thread and return its result, while the event loop continues.

    If the task is cancelled, the run stops, and the cancellation is raised when it has stopped.

    Args:
        execute: As for `blocking`.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    worker = _Worker(execute, lambda: loop.call_soon_threadsafe(ended.set))
    worker.start()
    try:
        await ended.wait()
    except asyncio.CancelledError:
        worker.stop()
        await ended.wait()
        raise
    return worker.result()


class _Worker(Generic[T]):
    """A thread that executes a run."""

    def __init__(self, execute: Callable[[Listener], T], on_end: Callable[[], object] = lambda: None) -> None:
        self.done = Event()
        self._stopping = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop of the run; None before its first event."""
        self._execute, self._on_end = execute, on_end
        self._results: list[T] = []
        self._error: BaseException | None = None
        # Context variables tell a notebook to which cell output belongs.
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="aarlab run", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the run: cancel what it waits for, and raise KeyboardInterrupt at its next event if it computes."""
        self._stopping.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(_cancel_tasks)

    def result(self) -> T:
        """Return the result of the ended run, or raise its error."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._execute(self._raise_if_stopped))
        except asyncio.CancelledError as error:
            self._error = KeyboardInterrupt() if self._stopping.is_set() else error
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()
            self._on_end()

    def _raise_if_stopped(self, entry: LogEntry) -> None:
        if self._stopping.is_set():
            raise KeyboardInterrupt
        if self._loop is None and _has_running_loop():
            self._loop = asyncio.get_running_loop()


def _cancel_tasks() -> None:
    for task in asyncio.all_tasks():
        task.cancel()


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
