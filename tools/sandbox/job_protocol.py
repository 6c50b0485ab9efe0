"""The encoding of jobs and results: a JSON line followed by arrays, without pickles.

Untrusted code may have written the bytes of a result. For any bytes, `decode_result` returns a result or raises
`InvalidResult`, in time and memory proportional to their number.
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
    """The bytes are not a valid result. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class ExitReport:
    """The fork server's report on how a job process ended. Untrusted code cannot change it."""

    exit_status: int = 0
    """Exit status, or the negative number of the signal that ended it."""
    past_deadline: bool = False
    """Whether it ended after its deadline."""
    seconds: float = 0.0
    """Wall-clock time from fork to end."""
    cpu_seconds: float = 0.0
    """Processor time, user and system."""
    peak_mb: float = 0.0
    """Peak resident memory in MiB."""
    start_error: str | None = None
    """Why the process could not be started; None if it was started."""

    def encode(self) -> bytes:
        """Return the report as one JSON object, short enough for one atomic write to a pipe."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, report: bytes) -> Self:
        """Return the report that `encode` wrote."""
        return cls(**json.loads(report))


def seal_job(job: Job) -> int:
    """Write a job to an anonymous file, seal the file against changes, and return its file descriptor.

    The first line is JSON with the code, the seed and the offset of each array. The aligned arrays follow.

    Raises:
        ValueError: An input is an object array.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in job.inputs.items()}
    if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
        raise ValueError(f"inputs of a job must be plain arrays, but these contain objects: {', '.join(objects)}")
    layout, end = [], 0
    for name, array in arrays.items():
        layout.append((name, array.dtype.str, array.shape, end))
        end += _aligned(array.nbytes)
    head = json.dumps({"code": job.code, "seed": operator.index(job.seed), "inputs": layout}).encode()
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
    """Return the job in a file that `seal_job` wrote, without its limits, and close the file descriptor.

    The arrays are a private mapping of the file: pages are copied only when the method writes to them.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb") as file:
        head = json.loads(file.readline())
        first = file.tell()
        memory = kernel.map_private(descriptor)
    inputs: dict[str, NDArray[Any]] = {
        name: np.ndarray(shape, dtype, memory, first + offset) for name, dtype, shape, offset in head["inputs"]
    }
    return Job(head["code"], inputs, head["seed"])


def _aligned(size: int) -> int:
    """Return the size rounded up to the alignment of arrays."""
    return -(-size // _ALIGNED) * _ALIGNED


def encode_result(predictions: NDArray[np.float64] | None, log: list[Any], error: str | None) -> bytes:
    """Return the encoded result.

    Raises:
        TypeError, ValueError, RecursionError: The log is not plain JSON with finite numbers.
    """
    shape = None if predictions is None else list(predictions.shape)
    head = json.dumps(
        {"shape": shape, "log": log, "error": error and error[:_MAX_ERROR_CHARS]},
        allow_nan=False,
        default=_numpy_to_python,
    )
    return head.encode() + b"\n" + (b"" if predictions is None else np.ascontiguousarray(predictions, "<f8").tobytes())


def _numpy_to_python(value: object) -> object:
    """Return numpy numbers and arrays as Python numbers and lists."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"world.log contains a {type(value).__name__}, which is not JSON")


def decode_result(encoded: bytes) -> tuple[NDArray[np.float64] | None, list[dict[str, Any]], str | None]:
    """Return predictions (float64, any shape), log and error of an encoded result; predictions or error is None.

    Raises:
        InvalidResult: `encode_result` does not write such bytes, or the log has numbers that are not finite or too
            large, invalid text, or too many levels.
    """
    line, _, numbers = encoded.partition(b"\n")
    try:
        head = json.loads(line, parse_constant=_refuse_constant)
    except InvalidResult:
        raise
    except (ValueError, RecursionError) as exception:
        raise InvalidResult("the result is not valid JSON") from exception
    if not isinstance(head, dict) or head.keys() != {"shape", "log", "error"}:
        raise InvalidResult("the result has unexpected fields")
    log, error = head["log"], head["error"]
    if not isinstance(log, list) or not all(isinstance(record, dict) for record in log):
        raise InvalidResult("world.log is not a list of records")
    _check_log_value(log, "world.log")
    if error is None:
        return _array(head["shape"], numbers), log, None
    if not isinstance(error, str) or numbers or head["shape"] is not None:
        raise InvalidResult("the result has unexpected fields")
    return None, log, printable(error[:_MAX_ERROR_CHARS])


def printable(text: str) -> str:
    """Return a text without control characters, line breaks and surrogates, for terminals, databases and prompts."""
    return "".join(
        letter if letter.isprintable() else " " if letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _array(shape: object, numbers: bytes) -> NDArray[np.float64]:
    """Return the predictions, if their shape fits the number of bytes."""
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        raise InvalidResult(f"the predictions are not an array of up to {_MAX_DIMENSIONS} dimensions")
    if not all(type(side) is int and 0 <= side <= _MAX_DIMENSION_SIZE for side in shape):
        raise InvalidResult("the shape of the predictions is invalid")
    if math.prod(shape) * 8 != len(numbers):
        raise InvalidResult("the size of the predictions does not fit their shape")
    return np.frombuffer(numbers, "<f8").astype(np.float64).reshape(shape)


def _check_log_value(value: object, where: str, depth: int = 0) -> None:
    """Raise InvalidResult for JSON that a log must not contain."""
    if depth > _MAX_LOG_DEPTH:
        raise InvalidResult(f"{where} is more than {_MAX_LOG_DEPTH} levels deep")
    match value:
        case dict():
            for key, part in value.items():
                _check_log_value(key, where, depth)
                _check_log_value(part, where, depth + 1)
        case list():
            for part in value:
                _check_log_value(part, where, depth + 1)
        case str():
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise InvalidResult(f"{where} contains invalid text")
        case float():
            if not math.isfinite(value):
                raise InvalidResult(f"{where} contains a number that is not finite")
        case int():
            if abs(value) >= _MAX_LOG_INTEGER:
                raise InvalidResult(f"{where} contains an integer of more than 63 bits")


def _refuse_constant(name: str) -> NoReturn:
    """Raise InvalidResult for NaN, Infinity and -Infinity, which are not JSON."""
    raise InvalidResult(f"world.log contains {name}")
