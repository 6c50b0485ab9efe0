"""Execution of a tool call: checked, charged, run and recorded; errors are returned."""

from typing import Any

import pytest
from tool_drivers import VANILLA, TeamDriver

from aarlab.memory.events import Decision, FailedRepeat, ToolExecution
from aarlab.tools.tool_registry import TOOLS


def test_an_unknown_tool_error_lists_the_known_tools(team: TeamDriver) -> None:
    output = team["r1"].refused("unknown_tool")
    assert "unknown tool 'unknown_tool'" in output
    assert all(name in output for name in TOOLS)


def test_all_argument_errors_are_reported_together(team: TeamDriver) -> None:
    output = team["r1"].refused("post_finding", type="rumour", title="", family="ensemble", colour="red")
    for field, complaint in (
        ("type", "'hypothesis', 'result', 'insight' or 'error'"),
        ("title", "at least 1 character"),
        ("body", "Field required"),
        ("colour", "not permitted"),
    ):
        assert f"{field}: " in output
        assert complaint in output


def test_an_unaffordable_call_is_refused_with_the_hours(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    r1.session.hours = 22.5
    output = r1.refused("run_experiment", path="method.py", fidelity="full")
    assert output == "full takes 2 research hours and you have 1.50 left"
    assert r1.session.hours == 22.5


def test_the_whole_hour_budget_can_be_used(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.session.hours = 23.8
    for _ in range(2):
        r1.call_tool("write_notebook", text="still there")
    assert r1.refused("write_notebook", text="too late").startswith("write takes 0.1 research hours and you have 0.00")


def test_a_call_costs_its_price_and_a_refusal_costs_nothing(team: TeamDriver) -> None:
    r1 = team["r1"]
    assert r1.call_tool("read_notebook")["hours"] == 0.1
    assert r1.try_tool("read_file", path="nowhere.py")[1]["hours"] == 0.1
    assert r1.call_tool("write_notebook", text="so")["hours"] == 0.2


def test_a_refused_call_is_not_executed(team: TeamDriver) -> None:
    r1 = team["r1"]
    is_error, output = r1.try_tool("write_file", path="a.py", text="", refusal="the reviewer says no")
    assert (is_error, output["error"]) == (True, "the reviewer says no")
    assert r1.call_tool("read_file")["files"] == []


def test_every_call_is_recorded_with_result_and_cost(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_notebook", text="one\nline for people")
    r1.refused("read_file", path="nowhere.py")
    assert r1.events(ToolExecution) == [
        ToolExecution("t1", "write_notebook", True, "one line for people", 0.1),
        ToolExecution(
            "t1", "read_file", False, "there is no file 'nowhere.py' in your workspace; there are: none", 0.0
        ),
    ]


def test_failed_repeats_are_counted_apart_from_decisions(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text="def method(world): return 1 / 0")
    for _ in range(3):
        r1.try_tool("run_experiment", path="method.py", fidelity="smoke")
        r1.call_tool("read_file", path="method.py")
        r1.refused("read_file", path="nowhere.py")
    repeats = [(event.tool, event.times) for event in r1.events(FailedRepeat)]
    assert repeats == [("run_experiment", 2), ("read_file", 2), ("run_experiment", 3), ("read_file", 3)]
    decisions = [event.decision for event in r1.events(Decision)]
    assert decisions == ["idea", "fidelity"]


def test_a_call_in_a_changed_workspace_is_no_repeat(team: TeamDriver) -> None:
    r1 = team["r1"]
    for divisor in range(2, 5):
        r1.call_tool("write_file", path="method.py", text=f"def method(world): raise ValueError({divisor})")
        r1.try_tool("run_experiment", path="method.py", fidelity="smoke")
    assert r1.events(FailedRepeat) == []
    assert [event.decision for event in r1.events(Decision)] == ["idea", "fidelity"] * 3


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_tool_has_a_description_and_a_strict_schema(tool: Any) -> None:
    spec = tool.spec.to_json()
    assert spec["name"] == tool.name
    assert spec["description"].endswith(".")
    schema = spec["input_schema"]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
