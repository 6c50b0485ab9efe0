"""The evaluator: fresh worlds, hidden labels, results independent of completion order."""

import asyncio
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tool_drivers import VANILLA, RecordingSandbox

from aarlab.memory.events import Fidelity
from aarlab.scenarios import task_registry
from aarlab.scenarios.task import FULL, PILOT, SMOKE, World, WorldSize
from aarlab.tools.evaluator import EvaluationResult, Evaluator
from aarlab.tools.evaluator.world_seeds import WorldSeeds
from aarlab.tools.sandbox import Sandbox

Make = Callable[..., Evaluator]

SIZES: dict[Fidelity, WorldSize] = {"smoke": SMOKE, "pilot": PILOT, "full": FULL}
RAISES_WORLD_SEED = "def method(world): raise ValueError(f'this is world {world.seed}')"
"""Its error identifies the world."""
RAISES_WORLD_FIELDS = (
    "def method(world): raise ValueError(' '.join(name for name in dir(world) if not name.startswith('__')))"
)
"""Its error lists the attributes of the world."""


def experiment(
    evaluator: Evaluator, code: str, fidelity: Fidelity = "smoke", *, name: str = "r1.e1"
) -> EvaluationResult:
    return asyncio.run(evaluator.run_experiment(code, fidelity, name=name))


def panel(evaluator: Evaluator, panel: str, *codes: str, worlds: int = 2) -> list[EvaluationResult]:
    methods = {f"method {i}": code for i, code in enumerate(codes)}
    return list(asyncio.run(evaluator.score_on_panel(methods, panel, worlds)).values())  # type: ignore[arg-type]


# -- which worlds ---------------------------------------------------------------------------------------------------


def test_the_experiment_name_determines_the_worlds(evaluator: Evaluator) -> None:
    first, again, other = (experiment(evaluator, RAISES_WORLD_SEED, name=name) for name in ("r1.e1", "r1.e1", "r1.e2"))
    assert first.error is not None
    assert "this is world" in first.error
    assert first == again != other


def test_two_runs_do_not_share_development_worlds(evaluator: Evaluator, make_evaluator: Make) -> None:
    assert experiment(evaluator, RAISES_WORLD_SEED) != experiment(make_evaluator(run_seed=8), RAISES_WORLD_SEED)


def test_a_pilot_on_several_worlds_has_a_standard_error(sandbox: Sandbox, evaluator: Evaluator) -> None:
    with Evaluator(task_registry.make_task("chat"), sandbox, run_seed=7, full_worlds=2, pilot_worlds=3) as wide:
        few, several = (experiment(one, VANILLA, "pilot").measurement for one in (evaluator, wide))
    assert few is not None
    assert several is not None
    assert (few.worlds, few.se, several.worlds) == (1, None, 3)
    assert several.se is not None


def test_runs_share_heldout_worlds_but_not_final_worlds(evaluator: Evaluator, make_evaluator: Make) -> None:
    other = make_evaluator(run_seed=8)
    assert panel(evaluator, "heldout", RAISES_WORLD_SEED) == panel(other, "heldout", RAISES_WORLD_SEED)
    assert panel(evaluator, "final", RAISES_WORLD_SEED) != panel(other, "final", RAISES_WORLD_SEED)
    assert panel(evaluator, "final", RAISES_WORLD_SEED) != panel(evaluator, "heldout", RAISES_WORLD_SEED)


def test_all_methods_of_a_panel_get_the_same_worlds(evaluator: Evaluator) -> None:
    first, second = panel(evaluator, "final", RAISES_WORLD_SEED, RAISES_WORLD_SEED + "\n# another text")
    assert first == second


# -- inputs of a method --------------------------------------------------------------------------------------------


def test_a_world_exposes_known_fields_only(evaluator: Evaluator) -> None:
    reported = experiment(evaluator, RAISES_WORLD_FIELDS).error
    assert reported is not None
    fields = set(reported.split(": ", 1)[1].split(" (")[0].split())
    shown = {"features", "weak_labels", "test_features", "relations", "seed", "log"}
    of_real_models = {"texts", "test_texts", "zero_shot", "test_zero_shot", "student"}
    methods = {"arrays", "finetune", "of_arrays", "predict", "_service"}
    assert fields == shown | of_real_models | methods, fields


def is_or_holds(array: npt.NDArray[Any], labels: npt.NDArray[Any]) -> bool:
    """Return whether an array is the labels or their complement, or has them as a column."""
    columns = array.reshape(len(array), -1).T if len(array) == len(labels) else ()
    return any(np.array_equal(column, truth) for column in columns for truth in (labels, 1 - labels))


@pytest.mark.parametrize("fidelity", SIZES)
def test_no_label_goes_into_the_sandbox(sandbox: Sandbox, make_evaluator: Make, fidelity: Fidelity) -> None:
    recording_sandbox = RecordingSandbox(sandbox)
    experiment(make_evaluator(run_seed=7, in_sandbox=recording_sandbox), VANILLA, fidelity)
    assert recording_sandbox.jobs
    for job in recording_sandbox.jobs:
        assert job.inputs.keys() == {"features", "weak_labels", "test_features", "relations"}
        (world,) = (w for w in (world_of(i, SIZES[fidelity]) for i in range(2)) if w.inputs.seed == job.seed)
        for array in job.inputs.values():
            assert not is_or_holds(array, world._test_labels)
            assert not is_or_holds(array, world._unlabelled_labels)


def world_of(number: int, size: WorldSize = FULL) -> World:
    """Return a world of experiment r1.e1 of run 7, as the evaluator draws it."""
    return task_registry.make_task("chat").world(WorldSeeds.of(7).experiment("r1.e1", number), size=size)


# -- results ---------------------------------------------------------------------------------------------------------


def test_experiments_have_two_decimals_and_panels_four(evaluator: Evaluator) -> None:
    reported = experiment(evaluator, VANILLA, "full").measurement
    (on_panel,) = panel(evaluator, "final", VANILLA)
    assert reported is not None
    assert on_panel.measurement is not None
    assert reported.pgr == round(reported.pgr, 2)
    assert on_panel.measurement.pgr == round(on_panel.measurement.pgr, 4) != round(on_panel.measurement.pgr, 2)


@pytest.mark.parametrize("name", ["screening", "final", "heldout", "shifted"])
def test_a_panel_has_the_score_of_each_world(evaluator: Evaluator, name: str) -> None:
    (on_panel,) = panel(evaluator, name, VANILLA, worlds=3)
    assert on_panel.measurement is not None
    by_world = on_panel.measurement.pgr_by_world
    assert by_world is not None
    assert len(by_world) == 3
    assert by_world == [round(pgr, 4) for pgr in by_world]
    assert on_panel.measurement.pgr == pytest.approx(statistics.fmean(by_world), abs=1e-4)
    reported = experiment(evaluator, VANILLA, "full").measurement
    assert reported is not None
    assert reported.pgr_by_world is None


def test_a_score_is_the_mean_over_the_worlds(evaluator: Evaluator) -> None:
    scores = [world.score(np.ones(len(world.inputs.test_features))).pgr for world in (world_of(0), world_of(1))]
    reported = experiment(evaluator, "def method(world): return [1.0] * len(world.test_features)", "full").measurement
    assert reported is not None
    assert reported.pgr == round(np.mean(scores), 2)
    assert reported.se == round(abs(scores[0] - scores[1]) / 2, 2)


def test_scores_do_not_depend_on_completion_order(evaluator: Evaluator) -> None:
    first = world_of(0).inputs.seed
    for late in ("==", "!="):
        delayed = VANILLA.replace(
            "def method(world):\n",
            f"def method(world):\n    import time; time.sleep(0.3 * (world.seed {late} {first}))\n",
        )
        assert experiment(evaluator, delayed, "full") == experiment(evaluator, VANILLA, "full")


def test_a_failure_reports_the_first_world_in_order(evaluator: Evaluator) -> None:
    first = world_of(0).inputs.seed
    delayed = f"import time; time.sleep(0.3 * (world.seed == {first})); raise ValueError(world.seed)"
    reported = experiment(evaluator, f"def method(world): {delayed}", "full").error
    assert reported is not None
    assert str(first) in reported


def test_a_failing_method_does_not_affect_others_on_a_panel(evaluator: Evaluator) -> None:
    broken, sound = panel(evaluator, "final", RAISES_WORLD_SEED, VANILLA)
    assert (broken.measurement, sound.error) == (None, None)
    assert sound.measurement is not None
    assert sound.measurement.worlds == 2
