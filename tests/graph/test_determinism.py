"""The same scenario under the same seed is the same run, whatever machine, process or number of cores it runs on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from team_runs import ALWAYS, TINY, Dials, Run

RUN = """
import json, os, sys
from pathlib import Path

if sys.argv[3] == "one core":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

from aarlab.graph.run import run_scenario
from aarlab.graph.scenario import Scenario

scenario = Scenario.model_validate(json.loads(sys.argv[1]))
# On one core it measures everything anew, whatever has been measured before.
print(run_scenario(scenario, Path(sys.argv[2]), cache=sys.argv[3] != "one core")["digest"])
"""

pytestmark = pytest.mark.long


@pytest.fixture
def digest_of(tmp_path: Path) -> Callable[..., str]:
    """Run in a process of its own and return the digest."""

    def digest_of(structure: Dials, *, seed: int = 7, cores: str = "all cores", hash_seed: int = 0) -> str:
        described = json.dumps({**TINY, "structure": dict(structure), "seed": seed})
        command = [sys.executable, "-c", RUN, described, str(tmp_path / f"{seed}-{hash_seed}.db"), cores]
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    return digest_of


@pytest.mark.parametrize("structure", ALWAYS, ids=lambda dials: "-".join(dials.values()))
def test_a_run_is_the_same_in_another_process_and_on_one_core_and_without_what_was_measured_before(
    digest_of: Callable[..., str], run_of: Callable[[Dials], Run], structure: Dials
) -> None:
    here = run_of(structure).summary["digest"]
    assert digest_of(structure, hash_seed=1) == here
    assert digest_of(structure, hash_seed=2, cores="one core") == here


def test_another_seed_is_another_run(digest_of: Callable[..., str], run_of: Callable[[Dials], Run]) -> None:
    assert digest_of(ALWAYS[0], seed=8) != run_of(ALWAYS[0]).summary["digest"]
