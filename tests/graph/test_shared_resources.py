"""Resources that successive runs of a process share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.shared_resources import SharedResources
from aarlab.tools.sandbox import Job, SandboxUnavailable

_SMALLEST = [
    "team.researchers=2", "budget.hours=4", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.heldout_worlds=2", "scoring.screening_worlds=2", "scoring.shifted_worlds=0", "scoring.transfer_worlds=0",
]  # fmt: skip


@pytest.fixture
def shared_resources() -> Iterator[SharedResources]:
    with SharedResources() as shared_resources:
        yield shared_resources


def test_runs_with_shared_resources_equal_separate_runs(shared_resources: SharedResources, tmp_path: Path) -> None:
    shared = [_digest(tmp_path / f"{i}.db", seed, shared_resources) for i, seed in enumerate((1, 2, 1))]
    assert shared[0] == shared[2] != shared[1]
    assert shared[:2] == [_digest(tmp_path / f"separate{seed}.db", seed, None) for seed in (1, 2)]


def test_a_working_sandbox_is_reused(shared_resources: SharedResources) -> None:
    sandbox = shared_resources.sandbox("none")
    assert shared_resources.sandbox("none") is sandbox


def test_another_mode_has_another_sandbox(shared_resources: SharedResources) -> None:
    shared_resources.sandbox("strict")
    assert shared_resources.sandbox("none").mode == "none"


def test_a_crashed_sandbox_is_replaced(shared_resources: SharedResources) -> None:
    crashed = shared_resources.sandbox("none")
    with pytest.raises(SandboxUnavailable, match="the sandbox ended before the method did"):
        crashed.run(_job("import os\nos.kill(os.getppid(), 9)"))
    working = shared_resources.sandbox("none")
    assert working.run(_job("def method(world): return [1]")).error is None


def _job(code: str) -> Job:
    inputs = {name: np.zeros(1) for name in ("features", "weak_labels", "test_features", "relations")}
    return Job(code, inputs, seed=0)


def _digest(path: Path, seed: int, shared_resources: SharedResources | None) -> Any:
    scenario = load_scenario("small", [*_SMALLEST, f"seed={seed}"])
    return run_scenario(scenario, path, cache=False, threads=1, shared_resources=shared_resources)["digest"]
