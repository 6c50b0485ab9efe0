"""How jobs and answers travel: a JSON line followed by arrays. Never a pickle in either direction.

A job comes from the trusted side. An answer was written by a process that ran
untrusted code: whatever its bytes are, `decode_result` returns or raises `InvalidResult`, in time and memory proportional
to their number.
"""

import fcntl
import json
import math
import operator
import os
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from aarlab.tools.sandbox import kernel
from aarlab.tools.sandbox.job import Job

_ALIGNED = 64
_MAX_LOG_DEPTH = 8
_MAX_ERROR_CHARS = 2000
_MAX_DIMENSIONS = 3
_MAX_DIMENSION_SIZE = 1 << 24
_MAX_LOG_INTEGER = 1 << 63


class InvalidResult(ValueError):
    """The answer is not one; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class ExitReport:
    """The fork server's report on how a job's process ended: measured outside of it, so not the untrusted code's word."""

    exit_status: int = 0
    """Exit status; minus the signal's number where a signal ended it."""
    past_deadline: bool = False
    """Whether it ended past its deadline."""
    seconds: float = 0.0
    """Time on the clock from fork to end."""
    cpu_seconds: float = 0.0
    """Processor time, user and system."""
    peak_mb: float = 0.0
    """Largest resident memory, in MiB."""
    start_error: str | None = None
    """Why the process could not even be started; None when it was."""

    def encode(self) -> bytes:
        """One JSON object, short enough for a pipe to take it whole."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, report: bytes) -> Self:
        """Read what `encode` wrote."""
        return cls(**json.loads(report))


def seal_job(job: Job) -> int:
    """Write a job to an anonymous file that nobody can change any more, and return its descriptor.

    A JSON line comes first, with code, seed and where each array lies; the arrays follow, aligned as numpy likes it.

    Raises:
        ValueError: an input is an object array.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in job.inputs.items()}
    if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
        raise ValueError(f"inputs of a job are plain arrays, and these hold objects: {', '.join(objects)}")
    places, end = [], 0
    for name, array in arrays.items():
        places.append((name, array.dtype.str, array.shape, end))
        end += _aligned(array.nbytes)
    head = json.dumps({"code": job.code, "seed": operator.index(job.seed), "inputs": places}).encode()
    descriptor = os.memfd_create("job", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(head.ljust(_aligned(len(head) + 1) - 1) + b"\n")
        for array in arrays.values():
            file.write(array.data)
            file.write(bytes(_aligned(array.nbytes) - array.nbytes))
    fcntl.fcntl(
        descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
    )
    return descriptor


def unseal_job(descriptor: int) -> Job:
    """Read a job that `seal_job` wrote, and close the descriptor. Its limits are not in it: the fork server has those.

    The arrays are the file itself, mapped: pages that the method only reads are never copied, and what it writes
    nobody else sees.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb") as file:
        head = json.loads(file.readline())
        first = file.tell()
        memory = kernel.map_private(descriptor)
    inputs: dict[str, NDArray[Any]] = {
        name: np.ndarray(shape, dtype, memory, first + place) for name, dtype, shape, place in head["inputs"]
    }
    return Job(head["code"], inputs, head["seed"])


def _aligned(size: int) -> int:
    """Return the next size at which an array may begin."""
    return -(-size // _ALIGNED) * _ALIGNED


def encode_result(predictions: NDArray[np.float64] | None, log: list[Any], error: str | None) -> bytes:
    """Encode an answer.

    Raises:
        TypeError, ValueError, RecursionError: the log is not plain JSON with finite numbers.
    """
    shape = None if predictions is None else list(predictions.shape)
    head = json.dumps(
        {"shape": shape, "log": log, "error": error and error[:_MAX_ERROR_CHARS]}, allow_nan=False, default=_plain
    )
    return head.encode() + b"\n" + (b"" if predictions is None else np.ascontiguousarray(predictions, "<f8").tobytes())


def _plain(value: object) -> object:
    """Numpy's numbers and arrays as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"world.log holds a {type(value).__name__}, which is not JSON")


def decode_result(encoded: bytes) -> tuple[NDArray[np.float64] | None, list[dict[str, Any]], str | None]:
    """Take an answer apart into predictions (any shape, float64), log and error; either predictions or error is None.

    Raises:
        BadAnswer: it is not what `encode_result` makes, or its log has numbers that are not finite or too large, broken
            text, or more than a few levels.
    """
    line, _, numbers = encoded.partition(b"\n")
    try:
        head = json.loads(line, parse_constant=_refuse_constant)
    except InvalidResult:
        raise
    except (ValueError, RecursionError) as exception:
        raise InvalidResult("no readable answer") from exception
    if not isinstance(head, dict) or head.keys() != {"shape", "log", "error"}:
        raise InvalidResult("an answer of another form")
    log, error = head["log"], head["error"]
    if not isinstance(log, list) or not all(isinstance(record, dict) for record in log):
        raise InvalidResult("world.log is not a list of records")
    _check_plain(log, "world.log")
    if error is None:
        return _array(head["shape"], numbers), log, None
    if not isinstance(error, str) or numbers or head["shape"] is not None:
        raise InvalidResult("an answer of another form")
    return None, log, printable(error[:_MAX_ERROR_CHARS])


def printable(text: str) -> str:
    """Text without control characters, line breaks, broken surrogates: fit for a terminal, a database and a prompt."""
    return "".join(
        letter if letter.isprintable() else " " if letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _array(shape: object, numbers: bytes) -> NDArray[np.float64]:
    """The predictions, if their shape accounts for the bytes that are there."""
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        raise InvalidResult(f"predictions of another form than an array of up to {_MAX_DIMENSIONS} dimensions")
    if not all(type(side) is int and 0 <= side <= _MAX_DIMENSION_SIZE for side in shape):
        raise InvalidResult("predictions of an impossible shape")
    if math.prod(shape) * 8 != len(numbers):
        raise InvalidResult("predictions of another size than they say")
    return np.frombuffer(numbers, "<f8").astype(np.float64).reshape(shape)


def _check_plain(value: object, where: str, depth: int = 0) -> None:
    """Refuse what JSON can say but no reader of a log should meet."""
    if depth > _MAX_LOG_DEPTH:
        raise InvalidResult(f"{where} is more than {_MAX_LOG_DEPTH} levels deep")
    match value:
        case dict():
            for key, part in value.items():
                _check_plain(key, where, depth)
                _check_plain(part, where, depth + 1)
        case list():
            for part in value:
                _check_plain(part, where, depth + 1)
        case str():
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise InvalidResult(f"{where} holds broken text")
        case float():
            if not math.isfinite(value):
                raise InvalidResult(f"{where} holds a number that is not finite")
        case int():
            if abs(value) >= _MAX_LOG_INTEGER:
                raise InvalidResult(f"{where} holds an integer of more than 63 bits")


def _refuse_constant(name: str) -> NoReturn:
    """Refuse the words NaN, Infinity and -Infinity, which are no JSON."""
    raise InvalidResult(f"world.log holds {name}")
