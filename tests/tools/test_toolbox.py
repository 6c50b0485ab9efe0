"""Using a tool: checked, charged, carried out and recorded; whatever is wrong is answered."""

from typing import Any

import pytest
from lab_hands import VANILLA, Lab

from aarlab.memory.events import ToolCall
from aarlab.tools.toolbox import TOOLS


def test_an_unknown_tool_is_refused_with_the_names_of_those_there_are(lab: Lab) -> None:
    told = lab["r1"].refused("teleport")
    assert "there is no tool 'teleport'" in told
    assert all(name in told for name in TOOLS)


def test_every_fault_in_the_arguments_is_named_at_once(lab: Lab) -> None:
    told = lab["r1"].refused("post_finding", type="rumour", title="", family="ensemble", colour="red")
    for field, complaint in (
        ("type", "'hypothesis', 'result', 'insight' or 'error'"),
        ("title", "at least 1 character"),
        ("body", "Field required"),
        ("colour", "not permitted"),
    ):
        assert f"{field}: " in told
        assert complaint in told


def test_what_cannot_be_afforded_is_refused_with_the_hours(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text=VANILLA)
    r1.bench.hours = 22.5
    told = r1.refused("run_experiment", path="method.py", fidelity="full")
    assert told == "full takes 2 research hours and you have 1.50 left"
    assert r1.bench.hours == 22.5


def test_the_last_hour_can_be_used_up_to_the_end(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.bench.hours = 23.8
    for _ in range(2):
        r1.use("write_notebook", text="still there")
    assert r1.refused("write_notebook", text="too late").startswith("write takes 0.1 research hours and you have 0.00")


def test_a_tool_takes_its_price_and_a_refusal_nothing(lab: Lab) -> None:
    r1 = lab["r1"]
    assert r1.use("read_notebook")["hours"] == 0.1
    assert r1.answer("read_file", path="nowhere.py")[1]["hours"] == 0.1
    assert r1.use("write_notebook", text="so")["hours"] == 0.2


def test_what_somebody_else_forbade_is_not_done(lab: Lab) -> None:
    r1 = lab["r1"]
    is_error, told = r1.answer("write_file", path="a.py", text="", refused="the reviewer says no")
    assert (is_error, told["error"]) == (True, "the reviewer says no")
    assert r1.use("read_file")["files"] == []


def test_every_use_is_on_record_with_its_outcome_and_cost(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_notebook", text="one\nline for people")
    r1.refused("read_file", path="nowhere.py")
    assert r1.events(ToolCall) == [
        ToolCall("t1", "write_notebook", True, "one line for people", 0.1),
        ToolCall("t1", "read_file", False, "there is no file 'nowhere.py' in your workspace; there are:", 0.0),
    ]


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_tool_says_what_it_is_for_and_what_it_takes(tool: Any) -> None:
    spec = tool.spec.to_json()
    assert spec["name"] == tool.name
    assert spec["description"].endswith(".")
    schema = spec["input_schema"]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
