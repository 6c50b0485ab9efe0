"""Properties of every built-in task."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from aarlab.scenarios.task import FULL, NOT_BOTH, OPPOSITE, PILOT, SAME, SMOKE, SPLITS, Split, World, WorldSize
from aarlab.scenarios.task_registry import SUPERVISION_TASKS, make_task
from aarlab.scenarios.tasks.world_builder import Items, NoGapError, build_world
from aarlab.scenarios.toolkit import FloatArray

every_task = pytest.mark.parametrize("name", list(SUPERVISION_TASKS))
every_split = pytest.mark.parametrize("split", SPLITS)


def arrays(world: World) -> list[FloatArray]:
    inputs = world.inputs
    return [inputs.features, inputs.weak_labels, inputs.test_features, inputs.relations.astype(np.float64)]


def equal(one: World, other: World) -> bool:
    same_inputs = all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))
    figures = [(w.weak_acc, w.strong_acc, w.inputs.seed) for w in (one, other)]
    return same_inputs and figures[0] == figures[1] and np.array_equal(one._test_labels, other._test_labels)


@every_task
@every_split
def test_same_seed_gives_the_same_world(name: str, split: Split) -> None:
    worlds = [make_task(name).world(2**127 + 5, size=SMOKE, split=split) for _ in range(2)]
    assert equal(*worlds)


@every_task
def test_one_bit_of_the_seed_changes_the_world(name: str) -> None:
    first = make_task(name).world(1, size=SMOKE)
    for bit in (1, 31, 32, 64, 127):
        assert not np.array_equal(
            first.inputs.features, make_task(name).world(1 ^ (1 << bit), size=SMOKE).inputs.features
        )


@every_task
def test_same_seed_gives_another_world_in_each_split(name: str) -> None:
    worlds = [make_task(name).world(4, size=SMOKE, split=split) for split in SPLITS]
    assert len({world.inputs.features.tobytes() for world in worlds}) == len(SPLITS)
    assert len({world.inputs.features.shape for world in worlds}) == 1


@every_task
@pytest.mark.parametrize("seed", [-1, 2**128])
def test_seed_must_be_a_128_bit_unsigned_integer(name: str, seed: int) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 2\*\*128"):
        make_task(name).world(seed, size=SMOKE)


@every_task
@every_split
def test_inputs_do_not_contain_labels(name: str, split: Split) -> None:
    for seed in range(3):
        world = make_task(name).world(seed, size=PILOT, split=split)
        inputs, labels, test_labels = world.inputs, world._unlabelled_labels, world._test_labels
        assert abs(np.corrcoef(inputs.weak_labels, labels)[0, 1]) < 0.99
        for features, truth in ((inputs.features, labels), (inputs.test_features, test_labels)):
            for column in features.T:
                assert abs(np.corrcoef(column, truth)[0, 1]) < 0.99
        assert abs(np.corrcoef(np.arange(len(test_labels)), test_labels)[0, 1]) < 0.3, (
            "the order of the items reveals labels"
        )


@every_task
def test_repr_does_not_show_labels(name: str) -> None:
    world = make_task(name).world(3, size=SMOKE)
    assert "labels" not in repr(world)
    assert "array" not in repr(world)


@every_task
@every_split
def test_relations_hold_for_true_labels(name: str, split: Split) -> None:
    for seed in range(3):
        world = make_task(name).world(seed, size=PILOT, split=split)
        first, second, kind = world.inputs.relations.T
        a, b = world._unlabelled_labels[first], world._unlabelled_labels[second]
        assert (len(kind) > 0) == (name != "spam")
        assert (a[kind == SAME] == b[kind == SAME]).all()
        assert (a[kind == OPPOSITE] != b[kind == OPPOSITE]).all()
        assert not (a[kind == NOT_BOTH] & b[kind == NOT_BOTH]).any()


@every_task
@every_split
@pytest.mark.parametrize("size", [SMOKE, PILOT, FULL, WorldSize(unlabelled=201, test=77)], ids=str)
def test_world_has_the_requested_size(name: str, split: Split, size: WorldSize) -> None:
    world = make_task(name).world(0, size=size, split=split)
    inputs = world.inputs
    expected = size.unlabelled or int(make_task(name).parameters["unlabelled"])
    assert expected - 1 <= len(inputs.features) <= expected
    assert inputs.weak_labels.shape == (len(inputs.features),) == world._unlabelled_labels.shape
    available = {"digits": 807, "spam": 600}.get(name, size.test)  # the others are not so few
    assert len(inputs.test_features) == (available if size is FULL else size.test)
    assert ((inputs.weak_labels >= 0) & (inputs.weak_labels <= 1)).all()
    assert all(np.isfinite(array).all() for array in arrays(world))


@every_task
@every_split
def test_every_world_has_a_gap(name: str, split: Split) -> None:
    for seed in range(8):
        world = make_task(name).world(seed, size=SMOKE, split=split)
        assert world.strong_acc - world.weak_acc > 0.02


@every_task
def test_classes_are_balanced(name: str) -> None:
    world = make_task(name).world(5)
    assert 0.42 < world._test_labels.mean() < 0.58
    assert 0.42 < world._unlabelled_labels.mean() < 0.58


@every_task
def test_world_inputs_are_read_only(name: str) -> None:
    world = make_task(name).world(0, size=SMOKE)
    with pytest.raises(ValueError, match="read-only"):
        world.inputs.features[0, 0] = 1.0
    with pytest.raises(AttributeError):
        world.inputs.seed = 3  # type: ignore[misc]


def test_worlds_do_not_depend_on_threads() -> None:
    start = threading.Barrier(4)

    def draw(seed: int) -> World:
        start.wait()
        return make_task("code").world(seed, size=SMOKE)

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(draw, range(4)))
    assert all(equal(world, make_task("code").world(seed, size=SMOKE)) for seed, world in enumerate(together))


@every_task
def test_progress_ends_at_one(name: str) -> None:
    reported: list[tuple[str, float]] = []
    make_task(name).prepare(lambda label, share: reported.append((label, share)))
    assert reported[-1] == (f"pretraining for {name}", 1.0)
    assert all(0 <= share <= 1 for _, share in reported)


@every_task
def test_task_has_a_description(name: str) -> None:
    assert make_task(name).name == name
    assert "weak teacher" in make_task(name).about.lower()
    assert "strong student" in make_task(name).about.lower()


def test_length_bias_changes_weak_acc() -> None:
    def weak_acc(bias: float) -> float:
        chat = make_task("chat", {"length_bias": bias})
        return float(np.mean([chat.world(seed, size=PILOT).weak_acc for seed in range(6)]))

    assert weak_acc(0.7) > weak_acc(0.1) + 0.05


def items(rng: np.random.Generator, *, reliability: float) -> Items:
    """Return items with the label as first feature, and a teacher that is right with the given probability."""
    labels = rng.integers(0, 2, 400)
    features = np.column_stack([labels, rng.normal(size=(400, 2))]).astype(np.float64)
    weak = np.where(rng.random(400) < reliability, labels, 1 - labels).astype(np.float64)
    train, test = slice(300), slice(300, None)
    relations = np.empty((0, 3), dtype=np.int64)
    return Items(features[train], labels[train], weak[train], features[test], labels[test], weak[test], relations)


def test_task_without_a_gap_raises() -> None:
    with pytest.raises(NoGapError, match="never more than 0\\.02 better"):
        build_world("toy", 0, lambda rng: items(rng, reliability=1.0), split="development", strong_l2=1e-3)


def test_world_without_a_gap_is_resampled_reproducibly() -> None:
    draws: list[float] = []

    def draw_items(rng: np.random.Generator) -> Items:
        draws.append(rng.random())
        return items(rng, reliability=0.7 if draws[-1] < 0.2 else 1.0)

    worlds = [build_world("toy", 1, draw_items, split="development", strong_l2=1e-3) for _ in range(2)]
    assert len(draws) > 2, "this seed should need more than one draw"
    assert equal(*worlds)
