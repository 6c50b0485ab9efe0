"""A lock on a file or folder, held by one process at a time."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

LOCK_SUFFIX = ".lock"
"""Suffix of the lock file, which is in the folder of the locked path."""


class FileLocked(RuntimeError):
    """Another process holds the lock."""


class FileLock:
    """A held lock. `release` ends it; so does the end of the process, even if the process is killed.

    The lock file names process and host of the holder. It exists only while the lock is held.
    """

    def __init__(self, lock_file: Path, descriptor: int) -> None:
        """Wrap a held lock; use `acquire` instead."""
        self._lock_file, self._descriptor = lock_file, descriptor

    @classmethod
    def acquire(cls, path: Path) -> "FileLock":
        """Lock a path, which need not exist; its folder must. A symbolic link and its target have the same lock.

        Raises:
            FileLocked: Another process has the lock, which the message names; or the lock file is a link.
            OSError: The folder cannot be written to.
        """
        target = path.resolve()
        lock_file = target.with_name(target.name + LOCK_SUFFIX)
        while True:
            try:
                # A link in a folder of another person could name any file of this user, which would be emptied below.
                descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise FileLocked(f"{lock_file} is a link to another file: remove it") from None
                raise
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
                os.close(descriptor)
                raise FileLocked(f"{path} is in use by {holder}: wait until it ends, or stop it") from None
            if _is_same_file(lock_file, descriptor):
                break
            os.close(descriptor)  # The holder has deleted this lock file since it was opened.
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        return cls(lock_file, descriptor)

    def release(self) -> None:
        """Release the lock and delete the lock file."""
        self._lock_file.unlink(missing_ok=True)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    @contextmanager
    def release_on_error(self) -> Iterator[None]:
        """Release the lock if the block raises."""
        try:
            yield
        except BaseException:
            self.release()
            raise


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        at_path, opened = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (at_path.st_dev, at_path.st_ino) == (opened.st_dev, opened.st_ino)
