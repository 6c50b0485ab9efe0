"""Tests of `--set`: laws of overrides and their values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.config import ConfigError
from aarlab.config.scenario_files import load_scenario

SETTINGS = """
    seed=3
    seed=4
    budget.hours=12
    budget.round_hours=3
    budget={hours: 8, round_hours: 2}
    budget={hours: 9, round_hours: 2}
    structure=staged
    structure.review=gate
    structure.preset=reviewed
    structure.directions=none
    task=digits
    task.name=chat
    team.researchers=0
    costs.full=1e-1
    scoring.finalists=x
    nothing=1
""".strip().splitlines()


def outcome(overrides: list[str]) -> Any:
    """Return the quickstart scenario with these settings, or the faults."""
    try:
        return load_scenario(None, overrides)
    except ConfigError as error:
        return error.faults


@settings(max_examples=40)
@given(overrides=st.lists(st.sampled_from(SETTINGS), max_size=6), data=st.data())
def test_order_of_overrides_does_not_matter(overrides: list[str], data: st.DataObject) -> None:
    assert outcome(overrides) == outcome(data.draw(st.permutations(overrides)))


@settings(max_examples=40)
@given(overrides=st.lists(st.sampled_from(SETTINGS), max_size=4))
def test_repeated_override_has_no_effect(overrides: list[str]) -> None:
    assert outcome(overrides + overrides) == outcome(overrides)


def test_preset_and_dial_can_be_combined() -> None:
    structure = load_scenario(None, ["structure.review=gate", "structure=staged"]).structure
    assert (structure.workflow, structure.review) == ("staged", "gate")


def test_dial_changes_the_preset_of_the_file() -> None:
    structure = load_scenario(None, ["structure.review=advisory"]).structure
    assert (structure.preset, structure.workflow, structure.review) == ("autonomous", "autonomous", "advisory")


def test_task_and_its_parameter_can_be_combined() -> None:
    from aarlab.scenarios.task_registry import make_task

    parameter, value = next(
        (parameter, value) for parameter, value in make_task("digits").parameters.items() if isinstance(value, int)
    )
    task = load_scenario(None, ["task=digits", f"task.parameters.{parameter}={value}"]).task
    assert (task.name, task.parameters) == ("digits", {parameter: value})


@pytest.mark.parametrize(("text", "value"), [("1e-1", 0.1), ("2", 2.0), ("0.5", 0.5)])
def test_values_are_yaml_1_2(text: str, value: float) -> None:
    assert load_scenario(None, [f"costs.full={text}"]).costs.full == value


def test_no_is_a_string() -> None:
    assert load_scenario(None, ["name=no"]).name == "no"


def test_override_changes_only_its_field() -> None:
    plain, longer = load_scenario(), load_scenario(None, ["budget.hours=48"])
    assert longer.budget.hours == 48
    assert longer.budget.round_hours == plain.budget.round_hours
    assert longer.model_copy(update={"budget": plain.budget}) == plain


def test_quickstart_has_the_default_values() -> None:
    scenario = load_scenario("quickstart")
    assert (scenario.name, scenario.team.researchers, scenario.task.name) == ("quickstart", 9, "chat")


def test_one_text_in_place_of_a_list_is_refused_as_such() -> None:
    with pytest.raises(ConfigError, match=r"it is one text\n  expected  a list of texts: settings=\['seed=3'\]"):
        load_scenario(None, "seed=3")
