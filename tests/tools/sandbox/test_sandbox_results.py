"""Bytes that a job may write never crash, block or exhaust the trusted side. They become errors."""

import json
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aarlab.tools.sandbox import Job, JobResult, Sandbox
from aarlab.tools.sandbox.job_protocol import InvalidResult, decode_result, encode_result

_FORGER = """
import os

def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True

def method(world):
    pipe, = filter(is_open, range(3, 1024))
    result = {result!r}
    while result:
        result = result[os.write(pipe, result):]
    os._exit(0)
"""


def _head(**changes: object) -> bytes:
    """Return the first line of a result, with changes."""
    return json.dumps({"shape": [1], "log": [], "error": None} | changes).encode() + b"\n"


def _nested(levels: int) -> bytes:
    """Return a result with a log of this many levels."""
    return b'{"shape": [1], "error": null, "log": ' + b"[" * levels + b"]" * levels + b"}\n" + bytes(8)


FORGED = {
    "nothing": b"",
    "all byte values": bytes(range(256)),
    "a pickle": pickle.dumps({"shape": [1], "log": [], "error": None}),
    "an npz": b"PK\x03\x04" + bytes(100),
    "JSON that is not an object": b"[1, 2, 3]\n",
    "no predictions": _head(),
    "fewer predictions than claimed": _head(shape=[10**9]) + bytes(8),
    "more predictions than claimed": _head() + bytes(800),
    "a shape of exabytes": _head(shape=[1 << 62, 1 << 62]),
    "an empty shape of exabytes": _head(shape=[0, 1 << 62]),
    "a negative shape": _head(shape=[-1]) + bytes(8),
    "a shape of booleans": _head(shape=[True]) + bytes(8),
    "a shape that is a text": _head(shape="1") + bytes(8),
    "a thousand dimensions": _head(shape=[1] * 1000) + bytes(8),
    "an unknown field": _head(labels=[1]) + bytes(8),
    "two results": (_head() + bytes(8)) * 2,
    "an error with predictions": _head(error="no") + bytes(8),
    "an error that is a number": _head(error=3, shape=None),
    "a log that is a number": _head(log=3) + bytes(8),
    "a log of lists": _head(log=[[]]) + bytes(8),
    "a deep log": _head(log=[{"a": [[[[[[[[[]]]]]]]]]}]) + bytes(8),
    "a log of 100,000 levels": _nested(100_000),
    "NaN in the log": _head(log=[{"a": math.nan}]) + bytes(8),
    "infinity in the log": _head(log=[{"a": -math.inf}]) + bytes(8),
    "infinity as 1e999": _head(log=[{"a": 1}]).replace(b"1}", b"1e999}") + bytes(8),
    "an integer past 63 bits": _head(log=[{"a": 1 << 63}]) + bytes(8),
    "an integer of many digits": _head(log=[{"a": 1}]).replace(b"1}", b"1" * 100_000 + b"}") + bytes(8),
    "invalid text": _head(log=[{"a": "\ud800"}]) + bytes(8),
    "invalid keys": _head(log=[{"\udfff": 1}]) + bytes(8),
    "one byte too many": bytes((1 << 20) + 1),
    "eight times too many bytes": bytes(1 << 23),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_result_becomes_an_error(kind: str, strict: Sandbox, job: Callable[..., Job]):
    job_result = strict.run(job(_FORGER.format(result=FORGED[kind]) if len(FORGED[kind]) < 1 << 20 else _flood(kind)))
    assert job_result.error
    assert job_result.predictions is None
    assert job_result.log == []


def _flood(kind: str) -> str:
    """Return the code of a job that writes a result which is too long to be a literal in its code."""
    return _FORGER.format(result=b"x").replace("b'x'", f"bytes({len(FORGED[kind])})")


def test_an_endless_result_is_cut_off(strict: Sandbox, job: Callable[..., Job]):
    code = _FORGER.format(result=b"x").replace(
        "result = result[os.write(pipe, result):]", "os.write(pipe, bytes(65536))"
    )
    job_result = strict.run(job(code, wall_s=5))
    assert job_result.error == "result too large: more than 1048576 bytes"


def test_a_well_formed_forged_result_is_accepted(strict: Sandbox, job: Callable[..., Job]):
    job_result = strict.run(job(_FORGER.format(result=_head() + np.float64(0.25).tobytes())))
    assert job_result.error is None
    assert job_result.predictions is not None
    assert job_result.predictions.tolist() == [0.25]
    assert job_result.seconds > 0, "the method cannot change the measured time"


def test_a_pickle_is_never_loaded(strict: Sandbox, job: Callable[..., Job], tmp_path: Path):
    pickled = pickle.dumps(_MakesFolder(str(tmp_path / "loaded")))
    assert strict.run(job(_FORGER.format(result=pickled))).error
    assert not (tmp_path / "loaded").exists()
    pickle.loads(pickled)
    assert (tmp_path / "loaded").exists(), "loading this pickle must have an effect"


class _MakesFolder:
    """An object with a pickle that creates a folder when it is loaded."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self._path,)


def test_an_error_message_is_one_short_printable_line(run: Callable[..., JobResult]):
    error = run("def method(world):\n    raise ValueError('\\x1b[2J\\r\\nred\\ud800' + 'x' * 100_000)").error
    assert error is not None
    assert error.startswith(
        "ValueError at line 2: \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER} red\N{REPLACEMENT CHARACTER}xxx"
    )
    assert error.isprintable()
    assert len(error) <= 2000


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda head, rest: json.dumps(head).encode() + b"\n" + rest,
        st.dictionaries(
            st.sampled_from(["shape", "log", "error"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner),
                max_leaves=5,
            ),
        ),
        st.binary(max_size=64),
    )
)
def test_any_bytes_decode_or_raise_invalid_result(encoded: bytes):
    try:
        predictions, log, error = decode_result(encoded)
    except InvalidResult:
        return
    assert (predictions is None) != (error is None)
    assert all(isinstance(record, dict) for record in log)


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)),
    st.lists(
        st.dictionaries(
            st.text(st.characters(codec="utf-8")),
            st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False),
        )
    ),
)
def test_results_round_trip(predictions: np.ndarray, log: list[dict[str, object]]):
    decoded, decoded_log, error = decode_result(encode_result(predictions, log, None))
    np.testing.assert_array_equal(decoded, predictions)
    assert decoded is not None
    assert decoded.shape == predictions.shape
    assert decoded_log == log
    assert error is None
