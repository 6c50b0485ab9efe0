"""Worlds that successive runs of a process share."""

from pathlib import Path
from typing import Any

import pytest
from team_runs import run, scenario

from aarlab.tools.evaluator.world_cache import WorldCache


@pytest.mark.long
def test_runs_with_shared_worlds_equal_separate_runs(tmp_path: Path) -> None:
    # The second run has the seed of the first, so it gets worlds of the first for its experiments.
    worlds = WorldCache()
    arms = [(1, "autonomous"), (1, "staged"), (2, "autonomous")]
    shared = [_digest(tmp_path / f"{i}.db", *arm, worlds) for i, arm in enumerate(arms)]
    assert len(set(shared)) == len(arms)
    assert shared[1] == _digest(tmp_path / "staged.db", 1, "staged", None)
    assert shared[2] == _digest(tmp_path / "other-seed.db", 2, "autonomous", None)


def _digest(path: Path, seed: int, structure: str, worlds: WorldCache | None) -> Any:
    done = run(
        scenario(seed=seed, structure=structure, budget={"hours": 1.5, "round_hours": 1.5}),
        path,
        cache=False,
        worlds=worlds,
    )
    done.file.close()
    return done.summary["digest"]
