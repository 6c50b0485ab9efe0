"""Resources that the runs of one process share, one run after the other."""

from typing import Self

from aarlab.tools.evaluator.world_cache import WORLD_CACHE_BYTES, WorldCache
from aarlab.tools.sandbox import Sandbox, SandboxMode, SandboxUnavailable


class SharedResources:
    """A started sandbox and the worlds of the common panels. A context manager.

    They have no effect on results: each job of a sandbox is a new process, a fork of a server that never reads a job,
    and a cached world equals a newly drawn one.
    """

    def __init__(self, world_cache_bytes: int = WORLD_CACHE_BYTES) -> None:
        """Create resources that keep worlds of up to `world_cache_bytes` together; the sandbox starts when needed."""
        self.worlds = WorldCache(world_cache_bytes)
        """Drawn worlds."""
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def sandbox(self, mode: SandboxMode) -> Sandbox:
        """Return a working sandbox: that of the run before, or a new one if it has another mode or does not work.

        Raises:
            SandboxUnavailable: This machine does not support the sandbox mode.
        """
        if self._sandbox is not None and not (self._sandbox.mode == mode and _works(self._sandbox)):
            self.close()
        if self._sandbox is None:
            self._sandbox = Sandbox(mode)
        return self._sandbox


def _works(sandbox: Sandbox) -> bool:
    try:
        sandbox.self_test()
    except SandboxUnavailable:
        return False
    return True
