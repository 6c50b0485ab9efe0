"""Known methods are recognised by their code, whatever its layout."""

import pytest

from aarlab.agents.models.simulated.recipe import SearchSpace, parse_code, write
from aarlab.scenarios import baselines
from aarlab.scenarios.known_methods import known_method, normal_form, same_method
from aarlab.scenarios.toolkit import catalogue

CONFIDENT = baselines.load()["confident_only"].code


def test_every_baseline_is_known_by_its_own_name() -> None:
    for name, baseline in baselines.load().items():
        assert known_method(baseline.code) == name


def test_a_baseline_rewritten_by_a_simulated_researcher_is_known() -> None:
    space = SearchSpace(catalogue())
    recipes = {name: parse_code(baseline.code, space) for name, baseline in baselines.load().items()}
    for name, recipe in recipes.items():
        assert recipe is None or known_method(write(recipe)) == name


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    s = tk.harden(s)\n", "    # The teacher's side.\n    s = tk.harden(s)\n\n"),
        ("share=0.5", "share = .50"),
        ("s = tk", "items = tk"),
        ("world: tk.Inputs) -> tk.FloatArray", "inputs)"),
        ('"""Train on', '"""Mine: train on'),
        ("from aarlab.scenarios import toolkit as tk", "import aarlab.scenarios.toolkit as tk"),
    ],
    ids=["comment", "number", "variable", "annotations", "docstring", "import"],
)
def test_layout_and_names_do_not_change_a_method(before: str, after: str) -> None:
    changed = CONFIDENT.replace(before, after)
    if before == "s = tk":
        changed = changed.replace("(s", "(items")
    if after == "inputs)":
        changed = changed.replace("(world)", "(inputs)")
    assert changed != CONFIDENT
    assert known_method(changed) == "confident_only"


def test_defaults_and_the_order_of_settings_do_not_change_a_method() -> None:
    code = "from aarlab.scenarios import toolkit as tk\n\ndef method(w):\n    return tk.finish(tk.bag(tk.start(w){}))\n"
    bag = next(entry for entry in catalogue() if entry["name"] == "bag")
    written = [f"{name}={setting['default']!r}" for name, setting in bag["settings"].items()]
    forms = {normal_form(code.format("".join(f", {one}" for one in some))) for some in ([], written, written[::-1])}
    assert len(forms) == 1


NESTED = """
from aarlab.scenarios import toolkit as tk

def method(world):
    return tk.finish(tk.bag(tk.start(world)))
"""
STEPS = """
from aarlab.scenarios.toolkit import bag, finish, start

def method(w):
    first = start(w)
    first = bag(first)
    result = finish(first)
    return result
"""


def test_variables_for_single_steps_do_not_change_a_method() -> None:
    assert same_method(NESTED, STEPS)


@pytest.mark.parametrize(
    "other",
    [
        STEPS.replace("finish(first)", "(finish(first) + finish(first)) / 2"),
        STEPS.replace("    first = bag(first)\n", ""),
        STEPS.replace("return result", "return [result for _ in first]"),
    ],
    ids=["read twice", "step left out", "comprehension"],
)
def test_variables_that_do_more_stay_a_difference(other: str) -> None:
    assert not same_method(NESTED, other)


@pytest.mark.parametrize("change", ["share=0.4", "share=0.5, by=1"], ids=["value", "setting"])
def test_another_value_or_setting_is_another_method(change: str) -> None:
    changed = CONFIDENT.replace("share=0.5", change)
    assert known_method(changed) is None
    assert not same_method(changed, CONFIDENT)


def test_code_that_does_not_parse_equals_only_itself() -> None:
    assert known_method("def method(") is None
    assert same_method("def method(", "def method(")
    assert not same_method("def method(", "def method( ")
