"""A scenario and a seed determine the digest, in any process and on any number of cores."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from team_runs import FAST_STRUCTURES, TINY, Dials, Run

RUN = """
import json, os, sys
from pathlib import Path

if sys.argv[1] == "one core":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario

for number, data in enumerate(map(json.loads, sys.argv[3:])):
    # On one core the score cache is not used.
    path, cache = Path(sys.argv[2]) / f"{number}.db", sys.argv[1] != "one core"
    print(run_scenario(Scenario.model_validate(data), path, cache=cache)["digest"])
"""

pytestmark = pytest.mark.long


def digests(folder: Path, *scenarios: dict[str, Any], cores: str = "all cores", hash_seed: int = 0) -> list[str]:
    """Run scenarios in a separate process and return their digests."""
    command = [sys.executable, "-c", RUN, cores, str(folder), *map(json.dumps, scenarios)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def digests_in_process(made_once: Callable[..., Path]) -> Callable[..., dict[str, str]]:
    """Return the digests of all structures, by name, from a separate process."""

    def digests_in_process(cores: str, hash_seed: int) -> dict[str, str]:
        def make(folder: Path) -> None:
            scenarios = [{**TINY, "structure": dict(dials)} for dials in FAST_STRUCTURES]
            results = digests(folder, *scenarios, cores=cores, hash_seed=hash_seed)
            (folder / "digests.json").write_text(
                json.dumps(dict(zip(map(name, FAST_STRUCTURES), results, strict=True)))
            )

        by_name: dict[str, str] = json.loads((made_once(f"on {cores}", make) / "digests.json").read_text())
        return by_name

    return digests_in_process


def name(dials: Dials) -> str:
    return "-".join(dials.values())


@pytest.mark.parametrize("structure", FAST_STRUCTURES, ids=name)
def test_digest_does_not_depend_on_process_cores_or_cache(
    digests_in_process: Callable[..., dict[str, str]], run_of: Callable[[Dials], Run], structure: Dials
) -> None:
    here = run_of(structure).summary["digest"]
    assert digests_in_process("all cores", hash_seed=1)[name(structure)] == here
    assert digests_in_process("one core", hash_seed=2)[name(structure)] == here


def test_another_seed_gives_another_digest(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    (other,) = digests(tmp_path, {**TINY, "structure": dict(FAST_STRUCTURES[0]), "seed": 8})
    assert other != run_of(FAST_STRUCTURES[0]).summary["digest"]
