"""Whose a run file is just now: one process at a time writes it, and whoever comes second is told who is at work."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_SUFFIX = ".lock"
"""Ending of the file beside a run file that is held while the run is at work."""


class RunFileBusy(RuntimeError):
    """Another process is at work on the run."""


class FileLock:
    """The right to write a run file, held until it is released or the process is gone, however it goes."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Wrap a held lock; use `acquire` instead."""
        self._path, self._descriptor = path, descriptor

    @classmethod
    def acquire(cls, run: Path) -> "FileLock":
        """Take the lock of a run file. Raises Busy, naming the process that holds it."""
        path = run.with_name(run.name + LOCK_SUFFIX)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
                os.close(descriptor)
                raise RunFileBusy(f"{run} is being written by {holder}") from None
            if _is_same_file(path, descriptor):
                break
            os.close(descriptor)  # its holder was done with it, and has removed it, in between
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        return cls(path, descriptor)

    @contextmanager
    def release_on_error(self) -> Iterator[None]:
        """Release the lock if the block raises."""
        try:
            yield
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Release the lock."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        there, held = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)
