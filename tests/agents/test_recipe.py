"""Recipes: written as code, read back from it, and run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.agents.models.simulated.recipe import Recipe, Setting, Step, Toolbox, Value, phrase, read, title, write
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.memory.seeds import rng
from aarlab.scenarios import baselines, registry
from aarlab.scenarios.task import SMOKE, Inputs
from aarlab.scenarios.toolkit import FAMILIES, catalogue

TOOLBOX = Toolbox(catalogue())


def values(setting: Setting) -> st.SearchStrategy[Value]:
    if setting.options:
        return st.sampled_from(setting.options)
    if setting.whole:
        return st.integers(int(setting.low), int(setting.high))
    return st.floats(setting.low, setting.high)


def steps(name: str) -> st.SearchStrategy[Step]:
    chosen = st.tuples(*(st.tuples(st.just(s.name), values(s)) for s in TOOLBOX.operators[name].settings))
    return st.builds(Step, st.just(name), chosen)


recipes: st.SearchStrategy[Recipe] = st.lists(st.sampled_from(TOOLBOX.names).flatmap(steps), max_size=6).map(tuple)


@given(recipes)
def test_a_recipe_is_read_back_from_its_code(recipe: Recipe) -> None:
    assert read(write(recipe), TOOLBOX) == recipe


@given(recipes)
def test_a_recipe_is_read_back_from_how_it_is_spoken_of(recipe: Recipe) -> None:
    if recipe:
        assert read("\n".join(f"tk.{step}" for step in phrase(recipe).split(" > ")), TOOLBOX) == recipe


@given(recipes)
def test_every_recipe_has_a_title_that_fits_and_one_of_the_studys_families(recipe: Recipe) -> None:
    assert 0 < len(title(recipe)) <= 200
    assert TOOLBOX.family(recipe) in FAMILIES


@pytest.mark.parametrize(
    "code",
    [
        "def method(world:",
        "def method(world):\n    return tk.finish(tk.magic(tk.start(world)))",
        "def method(world):\n    return tk.finish(tk.sharpen(tk.start(world), temperature=choose()))",
    ],
    ids=["no Python", "an unknown operator", "a setting that is worked out"],
)
def test_code_that_is_no_recipe_is_not_taken_for_one(code: str) -> None:
    assert read(code, TOOLBOX) is None


def test_most_of_what_ships_to_start_from_can_be_read_as_a_recipe() -> None:
    known = [read(baseline.code, TOOLBOX) for baseline in baselines.load().values()]
    assert sum(recipe is not None for recipe in known) > len(known) / 2


@pytest.mark.parametrize("operator", TOOLBOX.names)
@settings(max_examples=20)
@given(unit=st.floats(0, 1))
def test_a_setting_never_leaves_its_range(operator: str, unit: float) -> None:
    for setting in TOOLBOX.operators[operator].settings:
        value = setting.value(unit)
        assert 0 <= setting.unit(value) <= 1
        if setting.options:
            assert value in setting.options
        else:
            assert setting.low <= float(value) <= setting.high


@given(st.integers(0, 2**32), recipes)
def test_tuning_changes_settings_and_never_the_operator(seed: int, recipe: Recipe) -> None:
    for step in recipe:
        tuned = TOOLBOX.tune(step, rng(seed), width=0.2)
        assert tuned.operator == step.operator
        assert [name for name, _ in tuned.settings] == [name for name, _ in step.settings]


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """What a method sees of a small world."""
    return registry.task("chat").world(5, size=SMOKE).inputs


@pytest.mark.parametrize("seed", range(12))
def test_a_recipe_drawn_at_random_runs(inputs: Inputs, seed: int) -> None:
    recipe = random_recipe(TOOLBOX, dict.fromkeys(TOOLBOX.names, 1.0), rng(seed))
    namespace: dict[str, object] = {}
    exec(write(recipe), namespace)
    predictions = namespace["method"](inputs)  # type: ignore[operator]
    assert predictions.shape == (len(inputs.test_features),)
    assert np.all((predictions >= 0) & (predictions <= 1))
