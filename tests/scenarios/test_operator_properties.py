"""Properties of every operator, for all settings and positions in a pipeline."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.scenarios import toolkit as tk
from aarlab.scenarios.task import SMOKE
from aarlab.scenarios.task_registry import SUPERVISION_TASKS, make_task

CATALOGUE = {entry["name"]: entry for entry in tk.catalogue()}

Step = tuple[str, Mapping[str, Any]]


def setting_values(kind: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "options" in kind:
        return st.sampled_from(kind["options"])
    if kind["kind"] == "int":
        return st.integers(kind["low"], kind["high"])
    return st.floats(kind["low"], kind["high"])


def steps(name: str) -> st.SearchStrategy[Step]:
    kinds = CATALOGUE[name]["settings"]
    return st.tuples(st.just(name), st.fixed_dictionaries({key: setting_values(kind) for key, kind in kinds.items()}))


any_step = st.sampled_from(sorted(CATALOGUE)).flatmap(steps)


def operator(name: str) -> Callable[..., tk.TrainingSet]:
    return getattr(tk, name)  # type: ignore[no-any-return]


def smoke_inputs(task: str = "chat", seed: int = 0) -> tk.Inputs:
    return make_task(task).world(seed, size=SMOKE).inputs


def degenerate_inputs(kind: str) -> tk.Inputs:
    rng = np.random.default_rng(8)
    n, m, d = 30, 7, 3
    features, test = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    weak = rng.random(n)
    if kind == "one class":
        weak = np.ones(n)
    if kind == "undecided":
        weak = np.full(n, 0.5)
    if kind == "constant features":
        features, test = np.ones((n, d)), np.ones((m, d))
    if kind == "one feature":
        features, test = features[:, :1], test[:, :1]
    relations = np.column_stack([np.arange(10), np.arange(10, 20), np.arange(10) % 3])
    return tk.Inputs(features, weak, test, relations[: 0 if kind == "no relations" else None], seed=5)


DEGENERATE = ["one class", "undecided", "constant features", "one feature", "no relations"]


def check(data: tk.TrainingSet, world: tk.Inputs) -> None:
    n, m = len(world.weak_labels), len(world.test_features)
    assert data.targets.shape == data.weights.shape == (n,)
    assert data.features.shape[0] == n
    assert data.test_features.shape[0] == m
    assert data.features.shape[1] == data.test_features.shape[1]
    assert ((data.targets >= 0) & (data.targets <= 1)).all()
    assert np.isfinite(data.weights).all()
    assert (data.weights >= 0).all()
    assert data.weights.sum() > 0
    assert np.isfinite(data.features).all()


def run(world: tk.Inputs, pipeline: list[Step]) -> tk.FloatArray:
    data = tk.start(world)
    for name, chosen in pipeline:
        data = operator(name)(data, **chosen)
        check(data, world)
    return tk.finish(data)


def check_predictions(predictions: tk.FloatArray, world: tk.Inputs) -> None:
    assert predictions.shape == (len(world.test_features),)
    assert ((predictions >= 0) & (predictions <= 1)).all()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@settings(max_examples=6)
@given(data=st.data())
def test_operator_keeps_shapes_and_ranges(name: str, data: st.DataObject) -> None:
    world = smoke_inputs("code")
    check_predictions(run(world, [data.draw(steps(name))]), world)


@settings(max_examples=25)
@given(st.lists(any_step, min_size=2, max_size=5), st.sampled_from(list(SUPERVISION_TASKS)))
def test_any_pipeline_runs(pipeline: list[Step], task: str) -> None:
    world = smoke_inputs(task)
    check_predictions(run(world, pipeline), world)
    assert [entry["operator"] for entry in world.log] == ["start", *(name for name, _ in pipeline), "finish"]
    json.dumps(world.log, allow_nan=False)


@pytest.mark.parametrize("kind", DEGENERATE)
@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_operators_handle_degenerate_data(name: str, kind: str) -> None:
    world = degenerate_inputs(kind)
    check_predictions(run(world, [(name, {}), ("confident", {"share": 0.05}), (name, {})]), world)
    json.dumps(world.log, allow_nan=False)


@settings(max_examples=10)
@given(st.lists(any_step, min_size=1, max_size=3))
def test_pipeline_is_deterministic(pipeline: list[Step]) -> None:
    first, second = (run(smoke_inputs(), pipeline) for _ in range(2))
    assert np.array_equal(first, second)


@settings(max_examples=20)
@given(any_step)
def test_operator_does_not_modify_its_argument(step: Step) -> None:
    before, unmodified = (tk.start(smoke_inputs()) for _ in range(2))
    operator(step[0])(before, **step[1])
    for field in ("features", "test_features", "targets", "weights", "weak_labels"):
        assert np.array_equal(getattr(before, field), getattr(unmodified, field))


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_out_of_range_setting_error_names_the_range(name: str) -> None:
    data = tk.start(smoke_inputs())
    for key, kind in CATALOGUE[name]["settings"].items():
        for wrong in (float("nan"), None, "no such option", -1, 10**6):
            with pytest.raises(ValueError, match=rf"{name}: {key} must be (a whole number|a number|one of|True or)"):
                operator(name)(data, **{key: wrong})
        if kind["kind"] == "int":
            with pytest.raises(ValueError, match="a whole number from"):
                operator(name)(data, **{key: True})


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_unknown_setting_error_lists_settings(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} has no setting 'lambda_'; it has: "):
        operator(name)(tk.start(smoke_inputs()), lambda_=1)


def test_settings_are_keyword_only() -> None:
    with pytest.raises(ValueError, match="by name"):
        tk.confident(tk.start(smoke_inputs()), 0.5)  # type: ignore[misc]


def test_empty_selection_is_undone_with_a_warning() -> None:
    world = degenerate_inputs("no relations")
    data = tk.confident(tk.start(world), share=0.05)
    assert (data.weights == 1).all()
    assert world.log[-1]["kept"] == 1.0
    assert "fewer than 10 items kept" in world.log[-1]["warnings"][0]


def test_single_class_predicts_a_constant_and_warns() -> None:
    world = degenerate_inputs("one class")
    predictions = tk.finish(tk.start(world))
    assert (predictions > 0.5).all()
    assert world.log[-1]["warnings"] == ["all kept items have the same hardened target"]


def test_operator_randomness_depends_on_position() -> None:
    world = smoke_inputs()
    first = tk.bag(tk.start(world))
    second = tk.bag(tk.sharpen(tk.start(world), temperature=1.0))
    assert not np.allclose(first.targets, second.targets)


def test_log_entry_describes_the_training_set() -> None:
    world = smoke_inputs()
    data = tk.harden(tk.project_relations(tk.start(world)))
    entry = world.log[-1]
    assert entry["entropy"] == 0.0
    assert entry["relation_violations"] == tk.violations(data.targets, world.relations)
    assert entry["agreement"] == pytest.approx(((data.targets > 0.5) == (world.weak_labels > 0.5)).mean(), abs=1e-6)
    assert world.log[0]["agreement"] == 1.0
    tk.finish(data)
    assert {"train_agreement", "test_balance"} <= world.log[-1].keys()
