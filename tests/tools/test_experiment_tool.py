"""The experiment tool: what a researcher is told of a method that runs, and of one that does not."""

import pytest
from lab_hands import COSTS, VANILLA, Lab

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
def test_a_method_that_fails_is_answered_with_what_was_wrong_and_the_run_goes_on(
    lab: Lab, code: str, complaint: str
) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text=code)
    told = r1.refused("run_experiment", path="method.py", fidelity="pilot")
    assert complaint in told
    (failed,) = r1.events(Experiment)
    assert (failed.error, failed.pgr) == (told, None)
    assert r1.run(VANILLA) == "r1.e2"


@pytest.mark.long
def test_a_method_that_does_not_end_is_stopped(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text="def method(world):\n    while True: pass")
    told = r1.refused("run_experiment", path="method.py", fidelity="smoke")
    assert "stopped after 10 s" in told or "10 s of processor time" in told
    assert r1.run(VANILLA, "smoke") == "r1.e2"


def test_a_failure_costs_as_much_as_a_success(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text="")
    r1.refused("run_experiment", path="method.py", fidelity="pilot")
    assert r1.bench.hours == pytest.approx(0.1 + 0.25)


def test_a_file_that_is_not_there_cannot_be_run(lab: Lab) -> None:
    r1 = lab["r1"]
    told = r1.refused("run_experiment", path="method.py", fidelity="full")
    assert "there is no file 'method.py' in your workspace" in told
    assert (r1.events(Experiment), r1.bench.hours) == ([], 0.0)


def test_a_full_run_that_fails_at_once_costs_the_one_world_it_was_tried_on(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text="def method(world): pass")
    before = r1.bench.hours
    r1.refused("run_experiment", path="method.py", fidelity="full")
    assert r1.bench.hours - before == pytest.approx(COSTS["full"] / 2)


def test_a_full_run_tells_score_error_and_log_and_no_accuracy(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text=VANILLA)
    told = r1.use("run_experiment", path="method.py", fidelity="full")
    assert told.keys() == {"experiment", "path", "fidelity", "pgr", "se", "worlds", "log", "hours"}
    assert told["worlds"] == 2
    assert [entry["operator"] for entry in told["log"]] == ["start", "finish"]


def test_scores_are_told_to_two_decimals(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text=VANILLA)
    for _ in range(3):
        told = r1.use("run_experiment", path="method.py", fidelity="full")
        assert (told["pgr"], told["se"]) == (round(told["pgr"], 2), round(told["se"], 2))


def test_a_pilot_is_one_world_and_has_no_standard_error(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text=VANILLA)
    told = r1.use("run_experiment", path="method.py", fidelity="pilot")
    assert (told["worlds"], told["se"]) == (1, None)


def test_a_smoke_test_gives_no_score_and_consults_no_labels(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text=VANILLA)
    told = r1.use("run_experiment", path="method.py", fidelity="smoke")
    assert told.keys() == {"experiment", "path", "fidelity", "log", "hours"}
    assert r1.events(Evaluation) == []


def test_every_score_has_its_line_in_the_ledger(lab: Lab) -> None:
    r1 = lab["r1"]
    for fidelity in ("pilot", "full"):
        r1.run(VANILLA, fidelity)
    for experiment, evaluation in zip(r1.events(Experiment), r1.events(Evaluation), strict=True):
        assert (evaluation.subject, evaluation.panel) == (experiment.id, "development")
        assert (evaluation.code, evaluation.pgr, evaluation.se) == (experiment.code, experiment.pgr, experiment.se)
        assert evaluation.weak_acc < evaluation.strong_acc


def test_running_a_method_for_the_first_time_is_a_new_idea_and_running_it_again_is_not(lab: Lab) -> None:
    r1 = lab["r1"]
    for _ in range(2):
        r1.run(VANILLA, "smoke")
    decisions = [(event.decision, event.choice) for event in r1.events(Decision)]
    assert decisions == [("idea", "method.py"), *[("fidelity", "smoke of method.py")] * 2]
