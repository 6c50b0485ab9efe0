"""Recognise that a file cannot be written because of its disk: full, over a quota, read-only or gone."""

import errno
import sqlite3
from collections.abc import Iterator

_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_SQLITE_MESSAGES = ("database or disk is full", "disk I/O error", "readonly database", "unable to open database file")


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error or one of its causes means that a file cannot be written."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _ERRNOS:
            return True
        if isinstance(cause, sqlite3.OperationalError) and any(text in str(cause) for text in _SQLITE_MESSAGES):
            return True
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    causes = [error.__cause__, error.__context__, *(error.exceptions if isinstance(error, BaseExceptionGroup) else ())]
    for cause in causes:
        if cause is not None:
            yield from _causes(cause)
