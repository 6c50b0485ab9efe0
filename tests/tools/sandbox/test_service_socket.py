"""Tests of requests from a job to a service in the evaluator's process."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, RefusedRequest
from aarlab.tools.sandbox import Job, Sandbox

INPUTS = Inputs(
    np.zeros((3, 1)), np.full(3, 0.5), np.zeros((2, 1)), np.empty((0, 3), dtype=np.int64), 1,
    texts=("eins", "zwei", "dreißig"), test_texts=("", "vier"),
)  # fmt: skip


class Recorder:
    """A service that answers with the sums of its arrays, and refuses a request for more than four epochs."""

    def __init__(self) -> None:
        self.requests: list[Mapping[str, Any]] = []

    def __call__(self, request: Mapping[str, Any], arrays: FloatArray) -> FloatArray:
        self.requests.append(request)
        if request["call"] == "predict":
            return np.full(2, 0.25)
        if request["epochs"] == 9:
            raise MemoryError("does not fit")
        if request["epochs"] > 4:
            raise RefusedRequest("at most 4 epochs")
        return arrays.sum(axis=1)


def job(code: str, service: Recorder) -> Job:
    return Job(code, INPUTS.arrays(), 1, service=lambda: service)


def test_a_job_gets_texts_and_answers_of_the_service(strict: Sandbox):
    service = Recorder()
    code = """
def method(world):
    assert world.texts == ("eins", "zwei", "dreißig") and world.test_texts == ("", "vier")
    student = world.finetune([1, 0, 1], epochs=2)
    assert (student.number, student.loss) == (2, 3.0)
    return world.predict(student)
"""
    result = strict.run(job(code, service))
    assert result.error is None
    assert result.predictions is not None
    assert result.predictions.tolist() == [0.25, 0.25]
    assert [request["call"] for request in service.requests] == ["finetune", "predict"]


def test_a_refused_request_is_an_error_of_the_method(strict: Sandbox):
    code = "def method(world): return world.finetune([1, 0, 1], epochs=5)"
    assert strict.run(job(code, Recorder())).error == "RefusedRequest at line 1: at most 4 epochs"


def test_a_failing_service_ends_the_job_and_is_raised(strict: Sandbox):
    code = "def method(world):\n    try: world.finetune([1, 0, 1], epochs=9)\n    finally: return [0, 0]"
    with pytest.raises(MemoryError, match="does not fit"):
        strict.run(job(code, Recorder()))
    assert strict.run(job("def method(world): return [1, 1]", Recorder())).error is None


@pytest.mark.parametrize(
    "message",
    ["(1 << 40).to_bytes(8, 'big')", "bytes(7)", "(3).to_bytes(8, 'big') + b'abc' * 9", "b'\\x00' * 8 + b'x'"],
)
def test_bytes_that_are_no_request_do_not_hurt_the_evaluator(strict: Sandbox, message: str):
    service = Recorder()
    code = f"""
import os
def method(world):
    for descriptor in range(64):
        try: os.write(descriptor, {message})
        except OSError: pass
    return [0, 1]
"""
    result = strict.run(job(code, service))
    assert service.requests == []
    assert result.error is not None or result.predictions is not None


def test_without_a_service_a_method_is_told_that_no_model_is_trained(strict: Sandbox):
    result = strict.run(Job("def method(world): return world.finetune([1, 0, 1])", INPUTS.arrays(), 1))
    assert result.error is not None
    assert "the student of this task is a readout of the features" in result.error
