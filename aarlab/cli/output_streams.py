"""Standard output and standard error: characters that an encoding lacks, closed pipes, lost terminals, full disks.

The exit status of a command tells how its work ended. A reader that closes the pipe, or a terminal that is gone, does
not change it: the rest of the output is discarded.
"""

import codecs
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ENCODING_ERRORS = "aarlab.readable"
"""Name of the error handler for characters that an output stream cannot encode."""
_STREAMS = ("stdout", "stderr")
_READER_GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO)
"""Errors of a closed pipe and of a lost terminal."""
_REPLACEMENTS: Mapping[str, str] = {
    "±": "+-", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "⇢": "~>", "·": "|", "×": "x", "≥": ">=",
    "≤": "<=", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*", "▸": ">", "⤷": "->", "✓": "yes", "✗": "no",
    **dict(zip("▁▂▃▄▅▆▇█", "__--==##", strict=True)),
}  # fmt: skip
"""ASCII text for characters of the screens."""


class _Output(io.FileIO):
    """A file descriptor. It discards its input after the first error."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.error: OSError | None = None
        """The first error."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some bytes and return their number."""
        size = memoryview(data).nbytes
        if self.error is not None:
            return size
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            return size


def output_closed() -> bool:
    """Return whether nobody can read the standard output any more."""
    output = _output_of(sys.stdout)
    return output is not None and output.error is not None


def output_encoding_is_utf8() -> bool:
    """Return whether the standard output can encode every character."""
    return _codec_name(sys.stdout) == "utf-8"


def make_streams_tolerant() -> None:
    """Make the standard streams accept every character, and discard what nobody can read."""
    _open_missing_descriptors()
    codecs.register_error(ENCODING_ERRORS, _readable)
    for name in _STREAMS:
        _replace_stream(name)


def unwritable_output() -> str | None:
    """Write what is buffered. Return why standard output lost something, unless its reader is gone; None if nothing."""
    for name in _STREAMS:
        if (stream := getattr(sys, name)) is not None:
            stream.flush()
    output = _output_of(sys.stdout)
    if output is None or output.error is None or output.error.errno in _READER_GONE:
        return None
    return (output.error.strerror or str(output.error)).lower()


def _open_missing_descriptors() -> None:
    """Open the descriptors 0 to 2 if they are closed, so that no file of the run gets one of them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _replace_stream(name: str) -> None:
    stream: TextIO | None = getattr(sys, name)
    if not isinstance(stream, io.TextIOWrapper):
        return
    stream.reconfigure(errors=ENCODING_ERRORS)
    try:
        descriptor = stream.fileno()
    except OSError:
        return  # Tests replace the stream by one in memory.
    if _output_of(stream) is not None or descriptor != getattr(sys, f"__{name}__").fileno():
        return
    buffer = io.BufferedWriter(_Output(descriptor))
    line_buffering = name == "stderr" or stream.isatty()
    setattr(sys, name, io.TextIOWrapper(buffer, stream.encoding, ENCODING_ERRORS, line_buffering=line_buffering))


def _output_of(stream: TextIO | None) -> _Output | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Output) else None


def _codec_name(stream: TextIO) -> str:
    return codecs.lookup(stream.encoding or "ascii").name


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Return a readable text for characters that cannot be encoded, and the position after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_ascii_text, text)), error.end


def _ascii_text(character: str) -> str:
    if 0xD800 <= ord(character) <= 0xDFFF:  # half of a character, from an undecodable file name or a model
        return f"\\u{ord(character):04x}"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _REPLACEMENTS.get(character) or plain or "?"
