"""Signatures of people under the audit of a finished run: events in a stream of their own, after the close.

No digest covers this stream, and no replay repeats it: it is not part of what the team did.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from sqlite3 import OperationalError

from aarlab.memory.events import AUDIT, AuditSigned, LogEntry, RunClosed
from aarlab.memory.file_lock import FileLock
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter, open_for_writing
from aarlab.memory.schema import connect_read_only, require_schema
from aarlab.memory.schema_sql import SCHEMA_VERSION


class SignatureRefused(ValueError):
    """The file cannot be signed. The message names the problem, `expected` what is possible."""

    def __init__(self, problem: str, expected: str) -> None:
        """Store the problem and what is possible instead."""
        super().__init__(problem)
        self.expected = expected


def signatures(file: RunReader) -> Iterator[LogEntry[AuditSigned]]:
    """Yield the signatures in a run file, oldest first."""
    yield from file.entries(AuditSigned, stream=AUDIT)


def check_can_be_signed(path: Path) -> None:
    """Raise SignatureRefused unless the run is closed and its file is of this schema."""
    with closing(connect_read_only(path)) as connection:
        if require_schema(path, connection) != SCHEMA_VERSION:
            raise SignatureRefused("its file is of an earlier schema version", "a run of this version of aarlab")
    with RunReader.open(path) as file:
        info = file.info()
        if info.summary is None or next(file.entries(RunClosed), None) is None:
            raise SignatureRefused(f"the run is not closed ({info.status})", "a run that was closed and scored")


def sign(path: Path, signature: AuditSigned) -> None:
    """Append a signature to the file of a closed run. What was recorded before, and the digest, stay as they are.

    Raises:
        SignatureRefused: The run is not closed.
        FileLocked: Another process writes the file.
        FileNotFoundError, SchemaError: The file cannot be read.
        sqlite3.OperationalError: The file cannot be written.
    """
    check_can_be_signed(path)
    lock = FileLock.acquire(path)
    with lock.release_on_error():
        writer = RunWriter(path, open_for_writing(path), lock)
    with writer as file:
        (closed,) = file.entries(RunClosed)
        file.continue_stream(AUDIT)
        file.append(AUDIT, signature, round=closed.round, hours=closed.hours)
        with suppress(OperationalError):  # while another process reads the file
            file.use_single_file()
