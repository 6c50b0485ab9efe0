"""The evaluator: fresh worlds nobody can choose, labels nobody is given, the same answer whoever finishes first."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from lab_hands import VANILLA

from aarlab.memory.events import Fidelity
from aarlab.scenarios import registry
from aarlab.scenarios.task import FULL, PILOT, SMOKE, Size, World
from aarlab.tools.evaluator import Evaluator, Trial
from aarlab.tools.sandbox import Job, Outcome, Sandbox
from aarlab.tools.worldseeds import WorldSeeds

Make = Callable[..., Evaluator]

SIZES: dict[Fidelity, Size] = {"smoke": SMOKE, "pilot": PILOT, "full": FULL}
TELLTALE = "def method(world): raise ValueError(f'this is world {world.seed}')"
"""A method by which one world can be told from another."""
NAMES = "def method(world): raise ValueError(' '.join(name for name in dir(world) if not name.startswith('__')))"
"""A method that tells everything it can reach."""


class Witness:
    """Stands in front of a sandbox and remembers what is given to it to run."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.jobs: list[Job] = []

    def run(self, job: Job) -> Outcome:
        self.jobs.append(job)
        return self.sandbox.run(job)


def experiment(evaluator: Evaluator, code: str, fidelity: Fidelity = "smoke", *, name: str = "r1.e1") -> Trial:
    return asyncio.run(evaluator.experiment(code, fidelity, name=name))


def panel(evaluator: Evaluator, panel: str, *codes: str, worlds: int = 2) -> list[Trial]:
    methods = {f"method {i}": code for i, code in enumerate(codes)}
    return list(asyncio.run(evaluator.panel(methods, panel, worlds)).values())  # type: ignore[arg-type]


# -- which worlds ---------------------------------------------------------------------------------------------------


def test_the_same_name_gives_the_same_worlds_and_another_name_others(evaluator: Evaluator) -> None:
    first, again, other = (experiment(evaluator, TELLTALE, name=name) for name in ("r1.e1", "r1.e1", "r1.e2"))
    assert first.error is not None
    assert "this is world" in first.error
    assert first == again != other


def test_two_runs_do_not_share_development_worlds(evaluator: Evaluator, make_evaluator: Make) -> None:
    assert experiment(evaluator, TELLTALE) != experiment(make_evaluator(run_seed=8), TELLTALE)


def test_the_heldout_panel_is_common_to_all_runs_and_the_final_is_each_runs_own(
    evaluator: Evaluator, make_evaluator: Make
) -> None:
    other = make_evaluator(run_seed=8)
    assert panel(evaluator, "heldout", TELLTALE) == panel(other, "heldout", TELLTALE)
    assert panel(evaluator, "final", TELLTALE) != panel(other, "final", TELLTALE)
    assert panel(evaluator, "final", TELLTALE) != panel(evaluator, "heldout", TELLTALE)


def test_all_methods_of_a_panel_meet_the_same_worlds(evaluator: Evaluator) -> None:
    first, second = panel(evaluator, "final", TELLTALE, TELLTALE + "\n# another text")
    assert first == second


# -- what a method is given -----------------------------------------------------------------------------------------


def test_a_method_finds_inputs_a_seed_and_a_log_in_its_world_and_nothing_else(evaluator: Evaluator) -> None:
    told = experiment(evaluator, NAMES).error
    assert told is not None
    found = set(told.split(": ", 1)[1].split(" (")[0].split())
    assert found == {"features", "weak_labels", "test_features", "relations", "seed", "log"}


def is_or_holds(array: npt.NDArray[Any], labels: npt.NDArray[Any]) -> bool:
    """Tell whether an array is the labels, or has them, or their opposite, as one of its columns."""
    columns = array.reshape(len(array), -1).T if len(array) == len(labels) else ()
    return any(np.array_equal(column, truth) for column in columns for truth in (labels, 1 - labels))


@pytest.mark.parametrize("fidelity", SIZES)
def test_no_label_goes_into_the_sandbox(sandbox: Sandbox, make_evaluator: Make, fidelity: Fidelity) -> None:
    witness = Witness(sandbox)
    experiment(make_evaluator(run_seed=7, box=witness), VANILLA, fidelity)
    assert witness.jobs
    for job in witness.jobs:
        assert job.inputs.keys() == {"features", "weak_labels", "test_features", "relations"}
        (world,) = (w for w in (world_of(i, SIZES[fidelity]) for i in range(2)) if w.inputs.seed == job.seed)
        for array in job.inputs.values():
            assert not is_or_holds(array, world._test_labels)
            assert not is_or_holds(array, world._unlabelled_labels)


def world_of(number: int, size: Size = FULL) -> World:
    """Return a world of experiment r1.e1 of run 7, drawn as the evaluator draws it."""
    return registry.task("chat").world(WorldSeeds.of(7).experiment("r1.e1", number), size=size)


# -- what comes of it -----------------------------------------------------------------------------------------------


def test_an_experiment_is_told_to_two_decimals_and_a_panel_to_four(evaluator: Evaluator) -> None:
    told = experiment(evaluator, VANILLA, "full").measurement
    (kept,) = panel(evaluator, "final", VANILLA)
    assert told is not None
    assert kept.measurement is not None
    assert told.pgr == round(told.pgr, 2)
    assert kept.measurement.pgr == round(kept.measurement.pgr, 4) != round(kept.measurement.pgr, 2)


def test_a_score_is_the_mean_over_the_worlds(evaluator: Evaluator) -> None:
    scores = [world.score(np.ones(len(world.inputs.test_features))).pgr for world in (world_of(0), world_of(1))]
    told = experiment(evaluator, "def method(world): return [1.0] * len(world.test_features)", "full").measurement
    assert told is not None
    assert told.pgr == round(np.mean(scores), 2)
    assert told.se == round(abs(scores[0] - scores[1]) / 2, 2)


def test_the_order_in_which_worlds_are_finished_makes_no_difference(evaluator: Evaluator) -> None:
    first = world_of(0).inputs.seed
    for late in ("==", "!="):
        dawdling = VANILLA.replace(
            "def method(world):\n",
            f"def method(world):\n    import time; time.sleep(0.3 * (world.seed {late} {first}))\n",
        )
        assert experiment(evaluator, dawdling, "full") == experiment(evaluator, VANILLA, "full")


def test_the_first_world_in_order_speaks_for_a_failure_however_late_it_is(evaluator: Evaluator) -> None:
    first = world_of(0).inputs.seed
    dawdling = f"import time; time.sleep(0.3 * (world.seed == {first})); raise ValueError(world.seed)"
    told = experiment(evaluator, f"def method(world): {dawdling}", "full").error
    assert told is not None
    assert str(first) in told


def test_one_failing_world_fails_the_method_and_not_its_neighbours_on_the_panel(evaluator: Evaluator) -> None:
    broken, sound = panel(evaluator, "final", TELLTALE, VANILLA)
    assert (broken.measurement, sound.error) == (None, None)
    assert sound.measurement is not None
    assert sound.measurement.worlds == 2
