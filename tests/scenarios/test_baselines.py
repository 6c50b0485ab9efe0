"""The baselines that ship with aarlab."""

import ast

import pytest

from aarlab.scenarios import toolkit as tk
from aarlab.scenarios.baselines import Baseline, load
from aarlab.scenarios.task import SMOKE
from aarlab.scenarios.task_registry import make_task

BASELINES = load()
every_baseline = pytest.mark.parametrize("baseline", BASELINES.values(), ids=lambda baseline: baseline.name)


def test_published_baselines_exist() -> None:
    published = {
        "vanilla_hard",
        "vanilla_soft",
        "confident_only",
        "self_training",
        "auxiliary_confidence",
        "noisy_channel_em",
        "progressive_self_training",
        "two_cluster_vote",
        "coherence",
        "unsupervised_elicitation",
        "critic_like",
    }
    assert published <= BASELINES.keys()
    assert list(BASELINES) == sorted(BASELINES)


def test_baselines_come_from_every_family() -> None:
    assert {baseline.family for baseline in BASELINES.values()} == set(tk.FAMILIES)


@every_baseline
def test_a_baseline_is_a_method_file(baseline: Baseline) -> None:
    functions = [node.name for node in ast.parse(baseline.code).body if isinstance(node, ast.FunctionDef)]
    assert functions == ["method"]
    assert baseline.title.endswith(".")


@every_baseline
def test_baseline_predictions_can_be_scored(baseline: Baseline) -> None:
    world = make_task("code").world(0, size=SMOKE)
    namespace: dict[str, object] = {}
    exec(compile(baseline.code, baseline.name, "exec"), namespace)
    predictions = namespace["method"](world.inputs)  # type: ignore[operator]
    assert 0 <= world.score(predictions).transfer_acc <= 1
    assert world.inputs.log[-1]["operator"] == "finish"
