"""Tests of `aarlab power` for ablation files and for folders of runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from synthetic_runs import run_file

from aarlab.statistics import detectable_difference, seeds_for_equivalence, seeds_needed


def test_ablation_file_uses_the_assumed_sd(aarlab: Callable[..., Result]) -> None:
    done = aarlab("power", "autonomy")
    assert done.exit_code == 0, done.output
    assert "assumed, as there are no runs" in " ".join(done.stdout.split())
    (design,) = json.loads(aarlab("power", "autonomy", "--difference", "0.03", "--json").stdout)["comparisons"]
    assert (design["seeds"], design["required_seeds"], design["required_seeds_range"]) == (20, 176, None)
    assert design["detectable_difference"] == pytest.approx(detectable_difference(20, 0.1 * 2**0.5, paired=False))


def test_folder_of_runs_gives_sd_with_interval(aarlab: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    differences = [0.1, -0.06, 0.02, 0.0]
    for seed, difference in enumerate(differences, start=1):
        for structure, pgr in (("autonomous", 0.5), ("staged", 0.5 + difference)):
            path = tmp_path / "runs" / f"{structure}{seed}.db"
            run_file(path, seed=seed, structure=structure, pgr=round(pgr + 0.01 * seed, 4), agent_decisions=3)
    output = json.loads(aarlab("power", str(tmp_path / "runs"), "--json").stdout)
    (design,) = output["comparisons"]
    assert (design["arm"], design["against"], design["seeds"], design["paired"]) == ("staged", "autonomous", 4, True)
    assert design["sd"] == pytest.approx(0.066081, abs=1e-5)
    assert design["required_seeds"] == seeds_needed(0.05, design["sd"])
    assert design["equivalence_seeds"] == seeds_for_equivalence(0.05, design["sd"])
    minimum, maximum = design["required_seeds_range"]
    assert minimum < design["required_seeds"] < maximum


def test_invalid_questions_are_refused(aarlab: Callable[..., Result], tmp_path: Path) -> None:
    run_file(tmp_path / "alone.db", seed=1, structure="staged", pgr=0.5, agent_decisions=1)
    refused = {
        ("power", "autonomy", "--difference", "0"): "a number other than 0",
        ("power", "autonomous"): "no such file",
        ("power", str(tmp_path)): "no two compared arms",
    }
    for arguments, reason in refused.items():
        done = aarlab(*arguments)
        assert (done.exit_code, reason in done.stderr) == (2, True), done.output
