"""The score cache: what it gives back is what would have been measured, and it is never in the way."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lab_hands import VANILLA

from aarlab.memory.events import Panel
from aarlab.scenarios import registry
from aarlab.tools.evaluator import Evaluator, Trial
from aarlab.tools.sandbox import Job, Outcome, Sandbox
from aarlab.tools.scorecache import ScoreCache, key_of

BROKEN = "def method(world): raise ValueError('no')"


class Counting:
    """Stands in front of a sandbox and counts its jobs."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.jobs = sandbox, 0

    def run(self, job: Job) -> Outcome:
        self.jobs += 1
        return self.sandbox.run(job)


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.task("chat").prepare()  # its weights stay where they are: in memory
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))


def score(sandbox: Any, panel: Panel = "heldout", *, cached: bool = True, seed: int = 1, code: str = VANILLA) -> Trial:
    """Score a method on a panel with a new evaluator, as another run would."""
    cache = ScoreCache.open() if cached else None
    with Evaluator(registry.task("chat"), sandbox, run_seed=seed, full_worlds=2, cache=cache) as evaluator:
        trials: Mapping[str, Trial] = asyncio.run(evaluator.panel({"it": code}, panel, 2))
        return trials["it"]


@pytest.mark.parametrize("panel", ["screening", "heldout", "redrawn"])
def test_another_run_is_told_what_it_would_have_measured(sandbox: Sandbox, panel: Panel) -> None:
    counting = Counting(sandbox)
    first, again = score(counting, panel), score(counting, panel, seed=2)
    assert counting.jobs == 2
    assert first.measurement == again.measurement == score(sandbox, panel, cached=False).measurement
    assert again.error is None


def test_what_is_a_runs_own_is_measured_anew(sandbox: Sandbox) -> None:
    counting = Counting(sandbox)
    score(counting, "final")
    score(counting, "final")
    assert counting.jobs == 4


def test_a_failure_is_not_kept(sandbox: Sandbox) -> None:
    assert {score(sandbox, code=BROKEN).measurement for _ in range(2)} == {None}


def test_a_cache_that_cannot_be_used_is_done_without(sandbox: Sandbox, tmp_path: Path) -> None:
    expected = score(sandbox).measurement
    (file,) = (tmp_path / "cache").glob("scores-*.db")
    for leftover in (tmp_path / "cache").glob("scores-*"):
        leftover.unlink()
    file.write_bytes(b"this is no database" * 1000)
    assert score(sandbox).measurement == expected


def test_the_key_is_another_for_other_code_worlds_task_or_knobs() -> None:
    chat, easier = registry.task("chat"), registry.task("chat", {"separation": 1.5})
    keys = {
        key_of(chat, [1, 2], redrawn=False, code="a"),
        key_of(chat, [1, 2], redrawn=True, code="a"),
        key_of(chat, [2, 1], redrawn=False, code="a"),
        key_of(chat, [1, 2], redrawn=False, code="b"),
        key_of(easier, [1, 2], redrawn=False, code="a"),
        key_of(registry.task("math"), [1, 2], redrawn=False, code="a"),
    }
    assert len(keys) == 6
