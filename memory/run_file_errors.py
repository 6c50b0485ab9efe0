"""Errors of run files."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class SchemaError(ValueError):
    """Not a run file, damaged, or written by another version of aarlab. The message gives the reason."""


class NotARunFile(SchemaError):
    """The file belongs to another program: it is no SQLite file, or has no tables of a run."""


CONTENT_ERRORS = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""Errors that reading content of an unexpected form causes."""
ALTERED = "was altered after the run was scored: do not trust what it says (aarlab check)"
"""What is said about a run file whose events, settings or summary are not those that were recorded."""


class AlteredRun(SchemaError):
    """The events, the settings or the summary of a scored run are not those that were recorded."""


class RunAlreadyFinished(ValueError):
    """The run is finished and scored, so it cannot be resumed."""

    @classmethod
    def of(cls, path: Path, status: str) -> Self:
        """Return the error for a run file, given the status of the run."""
        return cls(f"{path} is already finished (status {status}) and scored; fork it to continue")


class PartialRun(SchemaError):
    """The run file has imported findings only, so the run cannot be replayed, resumed or forked."""


class ContentNotFound(SchemaError, KeyError):
    """The file has no message or text under a hash that one of its events refers to."""

    def __str__(self) -> str:
        return Exception.__str__(self)


@contextmanager
def damage_as_schema_error(path: Path, *, writable: bool = False) -> Iterator[None]:
    """Raise SchemaError for the errors that reading a damaged run file causes.

    In a file that is being written, SQLite's OperationalError passes through: the cause is the disk or another process.
    """
    try:
        yield
    except SchemaError:
        raise
    except (sqlite3.DatabaseError, *CONTENT_ERRORS) as error:
        if writable and isinstance(error, sqlite3.OperationalError):
            raise
        raise SchemaError(f"{path} is damaged ({type(error).__name__}: {error})") from None
