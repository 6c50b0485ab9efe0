"""Recipes: conversion to code and back, and execution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.agents.models.simulated.recipe import (
    Recipe,
    RecipeStep,
    SearchSpace,
    SettingSpec,
    Value,
    parse_code,
    recipe_text,
    title,
    write,
)
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.memory.seeds import rng
from aarlab.scenarios import baselines, task_registry
from aarlab.scenarios.task import SMOKE, Inputs
from aarlab.scenarios.toolkit import FAMILIES, catalogue

SPACE = SearchSpace(catalogue())


def values(setting: SettingSpec) -> st.SearchStrategy[Value]:
    if setting.options:
        return st.sampled_from(setting.options)
    if setting.is_integer:
        return st.integers(int(setting.low), int(setting.high))
    return st.floats(setting.low, setting.high)


def steps(name: str) -> st.SearchStrategy[RecipeStep]:
    chosen = st.tuples(*(st.tuples(st.just(s.name), values(s)) for s in SPACE.operators[name].settings))
    return st.builds(RecipeStep, st.just(name), chosen)


recipes: st.SearchStrategy[Recipe] = st.lists(st.sampled_from(SPACE.names).flatmap(steps), max_size=6).map(tuple)


@given(recipes)
def test_a_recipe_is_parsed_back_from_its_code(recipe: Recipe) -> None:
    assert parse_code(write(recipe), SPACE) == recipe


@given(recipes)
def test_a_recipe_is_parsed_back_from_its_text(recipe: Recipe) -> None:
    if recipe:
        assert parse_code("\n".join(f"tk.{step}" for step in recipe_text(recipe).split(" > ")), SPACE) == recipe


@given(recipes)
def test_every_recipe_has_a_short_title_and_a_known_family(recipe: Recipe) -> None:
    assert 0 < len(title(recipe)) <= 200
    assert SPACE.family(recipe) in FAMILIES


@pytest.mark.parametrize(
    "code",
    [
        "def method(world:",
        "def method(world):\n    return tk.finish(tk.magic(tk.start(world)))",
        "def method(world):\n    return tk.finish(tk.sharpen(tk.start(world), temperature=choose()))",
    ],
    ids=["invalid Python", "an unknown operator", "a computed setting"],
)
def test_code_that_is_not_a_recipe_is_not_parsed(code: str) -> None:
    assert parse_code(code, SPACE) is None


def test_most_known_methods_are_recipes() -> None:
    known = [parse_code(baseline.code, SPACE) for baseline in baselines.load().values()]
    assert sum(recipe is not None for recipe in known) > len(known) / 2


@pytest.mark.parametrize("operator", SPACE.names)
@settings(max_examples=20)
@given(unit=st.floats(0, 1))
def test_a_setting_never_leaves_its_range(operator: str, unit: float) -> None:
    for setting in SPACE.operators[operator].settings:
        value = setting.value(unit)
        assert 0 <= setting.unit(value) <= 1
        if setting.options:
            assert value in setting.options
        else:
            assert setting.low <= float(value) <= setting.high


@given(st.integers(0, 2**32), recipes)
def test_tuning_changes_settings_and_never_the_operator(seed: int, recipe: Recipe) -> None:
    for step in recipe:
        tuned = SPACE.tune(step, rng(seed), width=0.2)
        assert tuned.operator == step.operator
        assert [name for name, _ in tuned.settings] == [name for name, _ in step.settings]


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """The inputs of a method in a small world."""
    return task_registry.make_task("chat").world(5, size=SMOKE).inputs


@pytest.mark.parametrize("seed", range(12))
def test_a_random_recipe_runs(inputs: Inputs, seed: int) -> None:
    recipe = random_recipe(SPACE, dict.fromkeys(SPACE.names, 1.0), rng(seed))
    namespace: dict[str, object] = {}
    exec(write(recipe), namespace)
    predictions = namespace["method"](inputs)  # type: ignore[operator]
    assert predictions.shape == (len(inputs.test_features),)
    assert np.all((predictions >= 0) & (predictions <= 1))
