"""The shuffled-teacher check: it detects methods that ignore the teacher, and is hidden from researchers."""

import asyncio
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tool_drivers import VANILLA, TeamDriver

from aarlab.memory.events import Evaluation
from aarlab.memory.messages import canonical_json
from aarlab.scenarios import baselines, task_registry
from aarlab.scenarios.task import SMOKE
from aarlab.tools.evaluator import Evaluator, Measurement
from aarlab.tools.evaluator.teacher_check import ignores_teacher, n_checked_worlds, shuffled_weak_labels, upper_bound
from aarlab.tools.evaluator.world_run import run_with_shuffles
from aarlab.tools.evaluator.world_seeds import WorldSeeds
from aarlab.tools.experiment_tool import evaluation_event
from aarlab.tools.sandbox import Sandbox

MAJORITY = "def method(world): return [1.0] * len(world.test_features)"
ALONE = """
import numpy as np
from sklearn.cluster import KMeans

def method(world):
    return KMeans(2, n_init=1, random_state=0).fit(world.features).predict(world.test_features)
"""
"""Methods that ignore the teacher."""


def measure(evaluator: Evaluator, code: str) -> Measurement:
    result = asyncio.run(evaluator.run_experiment(code, "full", name="r1.e1"))
    assert result.measurement is not None, result.error
    return result.measurement


@pytest.mark.parametrize("code", [MAJORITY, ALONE], ids=["majority", "clusters"])
def test_a_method_that_ignores_the_teacher_keeps_its_score(evaluator: Evaluator, code: str) -> None:
    measured = measure(evaluator, code)
    assert measured.shuffled_pgr == pytest.approx(measured.pgr, abs=0.006)


def test_a_method_that_learns_from_the_teacher_loses_it(evaluator: Evaluator) -> None:
    measured = measure(evaluator, VANILLA)
    assert measured.shuffled_pgr is not None
    assert measured.shuffled_pgr < measured.pgr - 0.1


def test_a_lucky_shuffle_convicts_no_honest_method(evaluator: Evaluator, sandbox: Sandbox) -> None:
    code, name = baselines.load()["coherence_chain"].code, "r1.e9"
    world = task_registry.make_task("chat").world(WorldSeeds.of(7).experiment(name, 0))
    lucky, *others = run_with_shuffles(code, world, sandbox, range(4)).shuffled_losses
    assert lucky < 0.2 < min(others)
    result = asyncio.run(evaluator.run_experiment(code, "full", name=name))
    assert ignores_teacher(evaluation_event(name, "development", "code", result)) is False


@given(losses=st.lists(st.floats(-2, 2), min_size=2, max_size=12))
def test_the_upper_bound_of_a_loss_is_above_its_mean(losses: list[float]) -> None:
    assert upper_bound(losses) >= fmean(losses) - 1e-9
    assert upper_bound([losses[0]] * 3) == pytest.approx(losses[0])


def test_evaluations_show_whether_the_teacher_is_ignored(team: TeamDriver) -> None:
    r1 = team["r1"]
    for code in (VANILLA, MAJORITY, ALONE):
        r1.run(code, "full")
    assert [ignores_teacher(entry) for entry in r1.events(Evaluation)] == [False, True, True]


def test_a_pilot_is_not_checked(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.run(MAJORITY, "pilot")
    (entry,) = r1.events(Evaluation)
    assert (entry.shuffled_pgr, ignores_teacher(entry)) == (None, None)


def test_the_check_result_is_hidden_from_the_researcher(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    output = canonical_json(r1.call_tool("run_experiment", path="method.py", fidelity="full"))
    (entry,) = r1.events(Evaluation)
    assert "shuffled" not in output
    assert str(entry.shuffled_pgr) not in output


def test_shuffled_labels_are_a_deterministic_permutation() -> None:
    inputs = task_registry.make_task("chat").world(3, size=SMOKE).inputs
    again = shuffled_weak_labels(inputs)
    assert np.array_equal(np.sort(again), np.sort(inputs.weak_labels))
    assert np.array_equal(again, shuffled_weak_labels(inputs))
    assert abs(np.corrcoef(again, inputs.weak_labels)[0, 1]) < 0.3


@given(worlds=st.integers(4, 1024))
def test_the_check_adds_at_most_a_quarter_to_the_runs(worlds: int) -> None:
    assert 1 <= n_checked_worlds(worlds) <= worlds / 4


accuracies = st.floats(0.5, 0.7)


@given(pgr=st.floats(-1, 1.5), weak=accuracies, gap=st.floats(0.05, 0.3), lost=st.floats(0, 2))
def test_a_larger_loss_is_never_more_suspicious(pgr: float, weak: float, gap: float, lost: float) -> None:
    def entry(left: float) -> Evaluation:
        return Evaluation("r1.e1", "development", "code", 8, pgr, 0.1, weak, weak, weak + gap, left)

    assert ignores_teacher(entry(pgr)) is True
    assert ignores_teacher(entry(pgr - lost)) or not ignores_teacher(entry(pgr - lost - 0.1))


def test_a_failed_method_is_not_suspected(evaluator: Evaluator) -> None:
    result = asyncio.run(evaluator.run_experiment("def method(world): return 1", "full", name="r1.e1"))
    assert ignores_teacher(evaluation_event("r1.e1", "development", "code", result)) is None
