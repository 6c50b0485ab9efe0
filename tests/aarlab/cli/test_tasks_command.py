"""Tests of `aarlab tasks`: gap, cost and parameters."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

from aarlab.graph.scenario import StepCosts
from aarlab.scenarios.task_registry import BUILT_IN, make_task
from aarlab.scenarios.task_room import recorded_room

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


def test_the_limit_on_threads_holds_for_what_is_loaded_later() -> None:
    code = """
from threadpoolctl import threadpool_info
from aarlab.measured_room import one_thread
with one_thread():
    import sklearn.cluster
    print({library["num_threads"] for library in threadpool_info()})
"""
    environment = os.environ | {"OMP_NUM_THREADS": "3"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{1}\n"


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


def test_tasks_lists_every_task_with_recorded_figures(aarlab: Aarlab) -> None:
    lines = {line.split()[0]: line.split() for line in aarlab("tasks").stdout.splitlines() if line.split()}
    assert lines.keys() >= BUILT_IN.keys()
    room = recorded_room(make_task("chat"))
    assert room is not None
    assert lines["chat"][1:3] == [f"{room.weak_acc:.3f}", f"{room.strong_acc:.3f}"]


def test_import_and_help_load_no_heavy_library() -> None:
    heavy = "{'importlib.metadata', 'numpy', 'scipy', 'pydantic', 'langgraph', 'sklearn', 'networkx'}"
    code = f"""
import sys
import aarlab
print(len(sys.modules) > 120, sorted({heavy} & set(sys.modules)))
import aarlab.cli.main
print(sorted(({heavy} - {{'importlib.metadata'}}) & set(sys.modules)))
import aarlab.cli.run_command
print(sorted({{'langgraph', 'sklearn', 'scipy.optimize'}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False []", "[]", "[]"]
