"""A scenario and a seed determine the digest, in any process and on any number of cores."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from team_runs import FAST_STRUCTURES, TINY, Dials, Run, run, scenario

SAMPLED = [FAST_STRUCTURES[i] for i in (0, 2, 3, 5)]
"""Every workflow, and a lead."""

IN_PARALLEL = """
import json, sys
from pathlib import Path

from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario

for number, data in enumerate(map(json.loads, sys.argv[2:])):
    path = Path(sys.argv[1]) / f"{number}.db"
    print(run_scenario(Scenario.model_validate(data), path, threads=3, cache=False)["digest"])
"""

pytestmark = pytest.mark.long


def name(dials: Dials) -> str:
    return "-".join(dials.values())


@pytest.fixture(scope="module")
def digests_in_parallel(made_once: Callable[..., Path]) -> dict[str, str]:
    """Return these structures' digests, by name, from another process that evaluates three worlds at a time."""

    def make(folder: Path) -> None:
        scenarios = [json.dumps({**TINY, "structure": dict(dials)}) for dials in SAMPLED]
        command = [sys.executable, "-c", IN_PARALLEL, str(folder), *scenarios]
        environment = {**os.environ, "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2"}
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        digests = dict(zip(map(name, SAMPLED), done.stdout.split(), strict=True))
        (folder / "digests.json").write_text(json.dumps(digests))

    by_name: dict[str, str] = json.loads((made_once("in parallel", make) / "digests.json").read_text())
    return by_name


@pytest.mark.parametrize("structure", SAMPLED, ids=name)
def test_digest_does_not_depend_on_process_cores_or_cache(
    digests_in_parallel: dict[str, str], run_of: Callable[[Dials], Run], structure: Dials
) -> None:
    # The run of this process has another hash seed, evaluates one world at a time without a process of the sandbox
    # for pipelines, and uses the score cache.
    assert digests_in_parallel[name(structure)] == run_of(structure).summary["digest"]


def test_another_seed_gives_another_digest(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    other = run(scenario(structure=dict(FAST_STRUCTURES[0]), seed=8), tmp_path / "other.db")
    assert other.summary["digest"] != run_of(FAST_STRUCTURES[0]).summary["digest"]
    other.file.close()
