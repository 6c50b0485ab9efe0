"""The same scenario under the same seed is the same run, whatever machine, process or number of cores it runs on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from team_runs import ALWAYS, TINY, Dials, Run

RUN = """
import json, os, sys
from pathlib import Path

if sys.argv[1] == "one core":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario

for number, described in enumerate(map(json.loads, sys.argv[3:])):
    # On one core it measures everything anew, whatever has been measured before.
    path, cache = Path(sys.argv[2]) / f"{number}.db", sys.argv[1] != "one core"
    print(run_scenario(Scenario.model_validate(described), path, cache=cache)["digest"])
"""

pytestmark = pytest.mark.long


def digests(folder: Path, *scenarios: dict[str, Any], cores: str = "all cores", hash_seed: int = 0) -> list[str]:
    """Run scenarios one after another in a process of its own and return the digests."""
    command = [sys.executable, "-c", RUN, cores, str(folder), *map(json.dumps, scenarios)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def elsewhere(made_once: Callable[..., Path]) -> Callable[..., dict[str, str]]:
    """Return the digests of all structures, by name, from a process of its own."""

    def elsewhere(cores: str, hash_seed: int) -> dict[str, str]:
        def make(folder: Path) -> None:
            asked = [{**TINY, "structure": dict(dials)} for dials in ALWAYS]
            found = digests(folder, *asked, cores=cores, hash_seed=hash_seed)
            (folder / "digests.json").write_text(json.dumps(dict(zip(map(name, ALWAYS), found, strict=True))))

        found_digests: dict[str, str] = json.loads((made_once(f"on {cores}", make) / "digests.json").read_text())
        return found_digests

    return elsewhere


def name(dials: Dials) -> str:
    return "-".join(dials.values())


@pytest.mark.parametrize("structure", ALWAYS, ids=name)
def test_a_run_is_the_same_in_another_process_and_on_one_core_and_without_what_was_measured_before(
    elsewhere: Callable[..., dict[str, str]], run_of: Callable[[Dials], Run], structure: Dials
) -> None:
    here = run_of(structure).summary["digest"]
    assert elsewhere("all cores", hash_seed=1)[name(structure)] == here
    assert elsewhere("one core", hash_seed=2)[name(structure)] == here


def test_another_seed_is_another_run(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    (other,) = digests(tmp_path, {**TINY, "structure": dict(ALWAYS[0]), "seed": 8})
    assert other != run_of(ALWAYS[0]).summary["digest"]
