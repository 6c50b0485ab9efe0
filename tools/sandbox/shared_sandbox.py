"""The sandboxes that all runs of a process share, because a sandbox takes over a second to start."""

import atexit
import os
import threading

from aarlab.tools.sandbox.isolation_layers import SandboxMode
from aarlab.tools.sandbox.job import SandboxUnavailable
from aarlab.tools.sandbox.sandbox_client import Sandbox


class _SharedSandboxes:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_mode: dict[SandboxMode, Sandbox] = {}

    def get(self, mode: SandboxMode) -> Sandbox:
        with self._lock:
            sandbox = self._by_mode.get(mode)
            if sandbox is not None and not _works(sandbox):
                self._by_mode.pop(mode).close()
                sandbox = None
            if sandbox is None:
                sandbox = self._by_mode[mode] = Sandbox(mode)
            return sandbox

    def check(self, mode: SandboxMode) -> None:
        with self._lock:
            sandbox = self._by_mode.get(mode)
        if sandbox is None or not _works(sandbox):
            Sandbox(mode).close()

    def close(self) -> None:
        for sandbox in self._by_mode.values():
            sandbox.close()

    def forget(self) -> None:
        """Start anew in a forked process: the sandboxes belong to its parent."""
        self._lock, self._by_mode = threading.Lock(), {}


def _works(sandbox: Sandbox) -> bool:
    try:
        sandbox.self_test()
    except SandboxUnavailable:
        return False
    return True


_shared = _SharedSandboxes()
atexit.register(_shared.close)
os.register_at_fork(after_in_child=_shared.forget)


def shared_sandbox(mode: SandboxMode) -> Sandbox:
    """Return the working sandbox of this process in a mode; start it if there is none. It ends with the process.

    Sharing it has no effect on results: each job is a new process, a fork of a server that never reads a job. Several
    threads can use it.

    Raises:
        SandboxUnavailable: This machine does not support the sandbox mode.
    """
    return _shared.get(mode)


def check_sandbox(mode: SandboxMode) -> None:
    """Raise SandboxUnavailable if this machine does not support a mode. A sandbox that is started for this is closed.

    It is for a process whose children execute the methods.
    """
    _shared.check(mode)
