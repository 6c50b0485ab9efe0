"""The score cache: cached scores equal measured scores, and a broken cache is ignored."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tool_drivers import VANILLA, RecordingSandbox

from aarlab.memory.events import Panel
from aarlab.scenarios import task_registry
from aarlab.scenarios.task_registry import register_task_class
from aarlab.scenarios.tasks.chat import Chat
from aarlab.tools.evaluator import EvaluationResult, Evaluator
from aarlab.tools.evaluator.score_cache import ScoreCache, score_key
from aarlab.tools.sandbox import Sandbox

BROKEN = "def method(world): raise ValueError('no')"


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task_registry.make_task("chat").prepare()  # its weights stay in memory
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))


def score(
    sandbox: Any, panel: Panel = "heldout", *, cached: bool = True, seed: int = 1, code: str = VANILLA
) -> EvaluationResult:
    """Score a method on a panel with a new evaluator, as another run does."""
    cache = ScoreCache.open() if cached else None
    with Evaluator(task_registry.make_task("chat"), sandbox, run_seed=seed, full_worlds=2, cache=cache) as evaluator:
        results: Mapping[str, EvaluationResult] = asyncio.run(evaluator.score_on_panel({"it": code}, panel, 2))
        return results["it"]


@pytest.mark.parametrize("panel", ["screening", "heldout", "shifted"])
def test_a_cached_score_equals_a_measured_score(sandbox: Sandbox, panel: Panel) -> None:
    recording = RecordingSandbox(sandbox)
    first, again = score(recording, panel), score(recording, panel, seed=2)
    assert len(recording.jobs) == 2
    assert first.measurement == again.measurement == score(sandbox, panel, cached=False).measurement
    assert again.error is None


def test_the_final_panel_is_never_cached(sandbox: Sandbox) -> None:
    recording = RecordingSandbox(sandbox)
    score(recording, "final")
    score(recording, "final")
    assert len(recording.jobs) == 4


def test_a_failure_is_not_cached(sandbox: Sandbox) -> None:
    assert {score(sandbox, code=BROKEN).measurement for _ in range(2)} == {None}


def test_an_unreadable_cache_is_ignored(sandbox: Sandbox, tmp_path: Path) -> None:
    expected = score(sandbox).measurement
    (file,) = (tmp_path / "cache").glob("scores-*.db")
    for leftover in (tmp_path / "cache").glob("scores-*"):
        leftover.unlink()
    file.write_bytes(b"this is no database" * 1000)
    assert score(sandbox).measurement == expected


@pytest.mark.parametrize("entry", ["[1]", '{"pgr": 1.0}', "no JSON", "null"])
def test_an_altered_entry_is_measured_again(sandbox: Sandbox, tmp_path: Path, entry: str) -> None:
    expected = score(sandbox).measurement
    (file,) = (tmp_path / "cache").glob("scores-*.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE scores SET score = ?", [entry])
        connection.commit()
    recording = RecordingSandbox(sandbox)
    assert score(recording).measurement == score(recording).measurement == expected
    assert len(recording.jobs) == 2


def test_the_cache_key_covers_code_worlds_task_and_parameters() -> None:
    chat, easier = task_registry.make_task("chat"), task_registry.make_task("chat", {"separation": 1.5})
    keys = {
        score_key(chat, [1, 2], split="development", code="a"),
        score_key(chat, [1, 2], split="shifted", code="a"),
        score_key(chat, [2, 1], split="development", code="a"),
        score_key(chat, [1, 2], split="development", code="b"),
        score_key(easier, [1, 2], split="development", code="a"),
        score_key(task_registry.make_task("math"), [1, 2], split="development", code="a"),
    }
    assert len(keys) == 6


def test_score_key_depends_on_the_version_of_a_task() -> None:
    keys = set()
    for version in ("acme 1.0", "acme 1.1"):
        kind = type("Other", (Chat,), {"name": "other", "__module__": __name__})
        task = register_task_class(kind, "a test", version)()
        keys.add(score_key(task, [1], split="development", code="a"))
    assert len(keys) == 2
