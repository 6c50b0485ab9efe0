"""Plain pipelines are executed without a job process, with the results of the sandbox."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from aarlab.scenarios import baselines
from aarlab.scenarios.task import PILOT, World
from aarlab.scenarios.task_registry import make_task
from aarlab.scenarios.toolkit.pipeline import MAX_STEPS, PipelineStep, parse_pipeline
from aarlab.tools.evaluator.pipeline_runner import PipelineRunner
from aarlab.tools.sandbox import Job, JobResult, Limits, Sandbox

PIPELINE = """
'''A method.'''
from aarlab.scenarios import toolkit as tk

def method(world):
    '''Relabel, then fit.'''
    s = tk.start(world)
    s = tk.sharpen(s, temperature=0.5)  # makes targets harder
    s = tk.lowrank(s, dims=20, whiten=False)
    return tk.finish(s)
"""
BASELINES = [baseline.code for baseline in baselines.load().values()]


class NoSandbox:
    """Refuses all jobs."""

    def run(self, job: Job) -> JobResult:
        raise AssertionError("the method ran in the sandbox")


@pytest.fixture(scope="module")
def world() -> World:
    return make_task("chat").world(3, size=PILOT)


def test_a_plain_pipeline_is_parsed() -> None:
    steps = (
        PipelineStep("sharpen", {"temperature": 0.5}),
        PipelineStep("lowrank", {"dims": 20, "whiten": False}),
    )
    assert parse_pipeline(PIPELINE) == steps


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def method", "import os\ndef method"),
        ("def method", "@print\ndef method"),
        ("(world):", "(world, x=print(1)):"),
        ("'''Relabel, then fit.'''", "print(1)"),
        ("toolkit as tk", "toolkit as tk, task"),
        ("import toolkit", "import task"),
        ("tk.start(world)", "tk.start(world) or print()"),
        ("tk.finish(s)", "tk.finish(s) * 1"),
        ("temperature=0.5", "temperature=print()"),
        ("temperature=0.5", "temperature=10**9"),
        ("temperature=0.5", "**world"),
        ("tk.sharpen(s,", "tk.sharpen(world,"),
        ("tk.sharpen(", "tk.generator("),
        ("tk.sharpen(", "tk.no_operator("),
        ("    s = tk.sharpen", "    s.weights = tk.sharpen"),
        ("    return", "    while True: pass\n    return"),
        ("    return", "    s = tk.harden(s)\n" * MAX_STEPS + "    return"),
        ("return tk", "return ("),
    ],
)
def test_other_code_is_no_pipeline(old: str, new: str) -> None:
    assert parse_pipeline(PIPELINE.replace(old, new, 1)) is None


def test_most_baselines_are_pipelines() -> None:
    assert sum(parse_pipeline(code) is not None for code in BASELINES) > len(BASELINES) / 2


def test_results_equal_those_of_the_sandbox(world: World, sandbox: Sandbox) -> None:
    for code in BASELINES:
        if parse_pipeline(code) is not None:
            with threadpool_limits(1):
                here = PipelineRunner(NoSandbox()).run(_job(code, world))
            there = sandbox.run(_job(code, world))
            assert np.array_equal(_predictions(here), _predictions(there))
            assert here.log == there.log


def test_errors_are_those_of_the_sandbox(world: World, sandbox: Sandbox) -> None:
    code = PIPELINE.replace("temperature=0.5", "temperature=-1.0")
    error = sandbox.run(_job(code, world)).error
    assert error is not None
    assert PipelineRunner(sandbox).run(_job(code, world)).error == error


def test_other_methods_run_in_the_sandbox(world: World) -> None:
    with pytest.raises(AssertionError, match="ran in the sandbox"):
        PipelineRunner(NoSandbox()).run(_job("def method(world): return world.weak_labels", world))


def test_a_pipeline_that_exceeds_the_time_of_a_job_fails_as_in_the_sandbox(world: World) -> None:
    job = _job(PIPELINE, world)
    with pytest.raises(AssertionError, match="ran in the sandbox"):
        PipelineRunner(NoSandbox()).run(replace(job, limits=Limits(cpu_s=1e-3)))  # type: ignore[arg-type]


def _job(code: str, world: World) -> Job:
    inputs = world.inputs
    arrays: dict[str, Any] = {
        name: getattr(inputs, name) for name in ("features", "weak_labels", "test_features", "relations")
    }
    return Job(code, arrays, inputs.seed)


def _predictions(result: JobResult) -> Any:
    assert result.error is None
    return result.predictions
