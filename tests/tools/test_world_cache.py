"""The cache of drawn worlds."""

import numpy as np

from aarlab.scenarios.task import PILOT, World
from aarlab.scenarios.task_registry import make_task
from aarlab.tools.evaluator.world_cache import WorldCache


def test_a_cached_world_equals_a_new_one() -> None:
    task = make_task("chat")
    cache = WorldCache()
    first = cache.world(task, 1, "heldout")
    assert cache.world(make_task("chat"), 1, "heldout") is first
    assert _equal(first, task.world(1, split="heldout"))


def test_seeds_splits_sizes_and_parameters_have_their_own_worlds() -> None:
    task, other = make_task("chat"), make_task("chat", {"neighbours": 7})
    cache = WorldCache()
    worlds = [
        cache.world(task, 1, "development"),
        cache.world(task, 2, "development"),
        cache.world(task, 1, "heldout"),
        cache.world(task, 1, "development", size=PILOT),
        cache.world(other, 1, "development"),
    ]
    assert not any(_equal(one, two) for i, one in enumerate(worlds) for two in worlds[:i])


def test_the_least_recently_used_world_is_dropped() -> None:
    task = make_task("chat")
    cache = WorldCache(int(2.5 * task.world(1).nbytes))
    first, second = cache.world(task, 1, "development"), cache.world(task, 2, "development")
    cache.world(task, 1, "development")
    cache.world(task, 3, "development")
    assert cache.world(task, 1, "development") is first
    assert cache.world(task, 2, "development") is not second


def _equal(one: World, two: World) -> bool:
    return (
        np.array_equal(one.inputs.features, two.inputs.features)
        and np.array_equal(one.inputs.weak_labels, two.inputs.weak_labels)
        and one.strong_acc == two.strong_acc
    )
