"""Worker processes for worlds: same results, and nothing is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from aarlab.scenarios import baselines
from aarlab.scenarios.task import PILOT
from aarlab.scenarios.task_registry import make_task
from aarlab.tools.evaluator.world_run import run_with_shuffles
from aarlab.tools.evaluator.world_workers import WorldAnswer, WorldRequest, WorldWorkers
from aarlab.tools.sandbox import Sandbox

PIPELINE = baselines.load()["low_rank"].code
OTHER = "def method(world): return world.weak_labels[: len(world.test_features)] * 0"


@pytest.fixture(scope="module")
def workers() -> Iterator[WorldWorkers]:
    workers = WorldWorkers(2)
    yield workers
    workers.close()


def _request(*codes: str, seed: int = 3) -> WorldRequest:
    return WorldRequest(make_task("chat"), seed, "development", PILOT, codes, (0,), None, False)


def _ask(workers: WorldWorkers, request: WorldRequest) -> WorldAnswer:
    """Return the answer, once a worker is free."""
    for _ in range(3000):
        if (answer := workers.ask(request)) is not None:
            return answer
        time.sleep(0.02)
    raise AssertionError("no worker answers")


def test_a_worker_gives_the_results_of_the_sandbox(workers: WorldWorkers, sandbox: Sandbox) -> None:
    answer = _ask(workers, _request(PIPELINE))
    world = make_task("chat").world(3, size=PILOT)
    (here,), there = answer.results, run_with_shuffles(PIPELINE, world, sandbox, (0,))
    assert here is not None
    assert (here.pgr, here.shuffled_losses, here.log) == (there.pgr, there.shuffled_losses, there.log)
    assert answer.world is None


def test_a_worker_leaves_other_code_to_the_sandbox(workers: WorldWorkers) -> None:
    answer = _ask(workers, _request(PIPELINE, OTHER))
    assert [result is None for result in answer.results] == [False, True]
    world = make_task("chat").world(3, size=PILOT)
    assert answer.world is not None
    assert np.array_equal(answer.world.inputs.features, world.inputs.features)
    assert not answer.world.inputs.features.flags.writeable


def test_a_world_that_cannot_be_drawn_is_left_to_the_caller(workers: WorldWorkers) -> None:
    answer = _ask(workers, _request(PIPELINE, seed=-1))
    assert (answer.results, answer.world) == ([None], None)


def test_the_caller_does_the_work_of_dead_workers() -> None:
    workers = WorldWorkers(1)
    os.kill(workers.process_id, signal.SIGKILL)
    for _ in range(100):
        assert workers.ask(_request(PIPELINE)) is None
    workers.close()


def test_workers_end_when_their_parent_is_killed() -> None:
    code = """
import time
from aarlab.tools.evaluator.world_workers import WorldWorkers
print(WorldWorkers(2).process_id, flush=True)
time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        group = int(parent.stdout.readline())
        parent.kill()
    for _ in range(3000):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("a worker is left")
