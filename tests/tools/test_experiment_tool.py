"""The experiment tool: results of methods that run, and errors of methods that fail."""

import pytest
from tool_drivers import COSTS, VANILLA, TeamDriver

from aarlab.memory.events import Decision, Evaluation, Experiment

FAILING = {
    "syntax": ("def method(world:", "SyntaxError"),
    "no method": ("answer = 42", "method"),
    "raises": ("def method(world):\n    raise RuntimeError('out of ideas')", "out of ideas"),
    "unknown operator": (
        "from aarlab.scenarios import toolkit as tk\ndef method(world):\n    return tk.magic(tk.start(world))",
        "has no attribute 'magic'",
    ),
    "wrong shape": ("def method(world): return [0.5]", "must have shape"),
    "two columns": ("def method(world): return [[0.5, 0.5] for _ in world.test_features]", "must have shape"),
    "not a number": ("def method(world): return [float('nan')] * len(world.test_features)", "at 0, nan"),
    "above one": ("def method(world): return [1.5] * len(world.test_features)", "in [0, 1]"),
    "below zero": ("def method(world): return [-0.1] * len(world.test_features)", "in [0, 1]"),
    "words": ("def method(world): return ['yes'] * len(world.test_features)", "array of numbers"),
    "nothing": ("def method(world): pass", "array of numbers"),
    "too big": ("import numpy as np\ndef method(world): return np.zeros(200_000)", "result too large"),
    "too much to say": (
        "def method(world):\n    world.log.append({'words': 'x' * 2_000_000})\n    return [0.5]",
        "result too large",
    ),
    "exits": ("import sys\ndef method(world): sys.exit(0)", "SystemExit"),
}


@pytest.mark.parametrize(("code", "complaint"), FAILING.values(), ids=FAILING)
def test_a_failing_method_returns_its_error_and_work_continues(team: TeamDriver, code: str, complaint: str) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=code)
    output = r1.refused("run_experiment", path="method.py", fidelity="pilot")
    assert complaint in output
    (failed,) = r1.events(Experiment)
    assert (failed.error, failed.pgr) == (output, None)
    assert r1.run(VANILLA) == "r1.e2"


@pytest.mark.long
def test_a_method_that_never_returns_is_stopped(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text="def method(world):\n    while True: pass")
    output = r1.refused("run_experiment", path="method.py", fidelity="smoke")
    assert "stopped after 10 s" in output or "10 s of processor time" in output
    assert r1.run(VANILLA, "smoke") == "r1.e2"


def test_a_failure_costs_as_much_as_a_success(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text="")
    r1.refused("run_experiment", path="method.py", fidelity="pilot")
    assert r1.session.hours == pytest.approx(0.1 + 0.25)


def test_a_missing_file_cannot_be_run(team: TeamDriver) -> None:
    r1 = team["r1"]
    output = r1.refused("run_experiment", path="method.py", fidelity="full")
    assert "there is no file 'method.py' in your workspace" in output
    assert (r1.events(Experiment), r1.session.hours) == ([], 0.0)


def test_an_early_failure_costs_only_the_world_it_ran_on(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text="def method(world): pass")
    before = r1.session.hours
    r1.refused("run_experiment", path="method.py", fidelity="full")
    assert r1.session.hours - before == pytest.approx(COSTS["full"] / 2)


def test_a_full_run_returns_pgr_se_and_log_but_no_accuracy(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    output = r1.call_tool("run_experiment", path="method.py", fidelity="full")
    assert output.keys() == {"experiment", "path", "fidelity", "pgr", "se", "worlds", "log", "hours"}
    assert output["worlds"] == 2
    assert [entry["operator"] for entry in output["log"]] == ["start", "finish"]


def test_reported_scores_have_two_decimals(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    for _ in range(3):
        output = r1.call_tool("run_experiment", path="method.py", fidelity="full")
        assert (output["pgr"], output["se"]) == (round(output["pgr"], 2), round(output["se"], 2))


def test_a_pilot_is_one_world_and_has_no_standard_error(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    output = r1.call_tool("run_experiment", path="method.py", fidelity="pilot")
    assert (output["worlds"], output["se"]) == (1, None)


def test_a_smoke_test_uses_no_labels_and_has_no_score(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    output = r1.call_tool("run_experiment", path="method.py", fidelity="smoke")
    assert output.keys() == {"experiment", "path", "fidelity", "log", "hours"}
    assert r1.events(Evaluation) == []


def test_every_score_has_an_evaluation_event(team: TeamDriver) -> None:
    r1 = team["r1"]
    for fidelity in ("pilot", "full"):
        r1.run(VANILLA, fidelity)
    for experiment, evaluation in zip(r1.events(Experiment), r1.events(Evaluation), strict=True):
        assert (evaluation.subject, evaluation.panel) == (experiment.id, "development")
        assert (evaluation.code, evaluation.pgr, evaluation.se) == (experiment.code, experiment.pgr, experiment.se)
        assert evaluation.weak_acc < evaluation.strong_acc


def test_only_the_first_run_of_a_method_is_a_new_idea(team: TeamDriver) -> None:
    r1 = team["r1"]
    for _ in range(2):
        r1.run(VANILLA, "smoke")
    decisions = [(event.decision, event.choice) for event in r1.events(Decision)]
    assert decisions == [("idea", "method.py"), *[("fidelity", "smoke of method.py")] * 2]
