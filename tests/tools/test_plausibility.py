"""The plausibility check: it detects regenerated labels and accepts luck, honest methods and search problems."""

import asyncio

import numpy as np
import pytest

from aarlab.memory.events import Evaluation
from aarlab.scenarios import baselines, task_registry
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.evaluator.plausibility import is_implausible
from aarlab.tools.experiment_tool import evaluation_event


def evaluation(pgr: float | None, se: float | None, worlds: int) -> Evaluation:
    return Evaluation("r1.f1", "heldout", "hash", worlds, pgr, se, 0.9, 0.6, 0.8)


@pytest.mark.parametrize(
    ("pgr", "se", "worlds", "expected"),
    [
        (1.575, 0.014, 64, True),  # regenerated labels
        (1.6, 0.05, 8, True),
        (1.6, 0.05, 2, False),  # two worlds alone convict nobody
        (1.05, 0.03, 64, False),
        (0.96, 0.001, 64, False),
        (1.3, 0.0, 8, True),
        (1.2, None, 1, False),  # a search problem
        (None, None, 0, False),
    ],
)
def test_only_what_chance_does_not_explain_is_implausible(
    pgr: float | None, se: float | None, worlds: int, expected: bool
) -> None:
    assert is_implausible(evaluation(pgr, se, worlds)) == expected


def test_a_strong_student_is_rarely_implausible() -> None:
    draws = np.random.default_rng(0).normal(1, 0.1, size=(20_000, 8))
    ses = draws.std(axis=1, ddof=1) / 8**0.5
    assert (
        sum(is_implausible(evaluation(float(m), float(s), 8)) for m, s in zip(draws.mean(axis=1), ses, strict=True))
        <= 1
    )


@pytest.mark.parametrize("task", ["chat", "code"])
def test_baselines_are_not_implausible(task: str, evaluator: Evaluator, sandbox: object) -> None:
    names = ("vanilla_soft", "critic_like", "relations_neighbours_self")
    with Evaluator(task_registry.make_task(task), sandbox, run_seed=7, full_worlds=2) as other:  # type: ignore[arg-type]
        results = asyncio.run(other.score_on_panel({n: baselines.load()[n].code for n in names}, "heldout", 8))
    assert [name for name in names if is_implausible(evaluation_event(name, "heldout", "", results[name]))] == []
