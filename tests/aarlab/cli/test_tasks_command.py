"""Tests of `aarlab tasks`: gap, cost and parameters."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from aarlab.graph.scenario import StepCosts
from aarlab.scenarios.task_registry import BUILT_IN, make_task

Aarlab = Callable[..., Result]


def test_task_has_gap_cost_and_parameters(aarlab: Aarlab) -> None:
    done = aarlab("tasks", "chat", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    output = json.loads(line)
    (chat,) = output["tasks"]
    assert chat["name"] == "chat"
    assert 0.5 < chat["weak_acc"]["mean"] < chat["strong_acc"]["mean"] < 1
    assert chat["gap"] == pytest.approx(chat["strong_acc"]["mean"] - chat["weak_acc"]["mean"], abs=2e-4)
    assert chat["experiment_ms"] > 0
    assert chat["parameters"] == make_task("chat").parameters
    assert output["research_hours"] == {
        "smoke": StepCosts().smoke,
        "pilot": StepCosts().pilot,
        "full": StepCosts().full,
    }


@pytest.mark.long
def test_parameters_have_default_range_and_meaning(aarlab: Aarlab) -> None:
    page = " ".join(aarlab("tasks", "chat").stdout.split())
    for words in (
        make_task("chat").about,
        "length_bias",
        "Nearest neighbours that the teacher averages over.",
        "gap",
        "strong",
    ):
        assert words in page


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_parameter_is_documented(name: str) -> None:
    assert BUILT_IN[name].model_fields.keys() == make_task(name).parameters.keys()
    assert all((field.description or "").strip().endswith(".") for field in BUILT_IN[name].model_fields.values())


@pytest.mark.long
def test_tasks_lists_every_task(aarlab: Aarlab) -> None:
    page = aarlab("tasks").stdout
    for name in BUILT_IN:
        assert any(line.split()[:1] == [name] for line in page.splitlines())
