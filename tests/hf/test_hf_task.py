"""Tests of the task hf with tiny models: worlds, the published methods and a whole run."""

import json
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="the extra hf is not installed")

from aarlab.ablation.execution import _prepare
from aarlab.cli.main import main
from aarlab.config.errors import ConfigError
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import AgentSetup, Evaluation, Experiment, ToolExecution
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import baselines
from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.task import SMOKE, WorldSize
from aarlab.scenarios.tasks import weight_cache
from aarlab.scenarios.tasks.hf import HF, _resources
from aarlab.tools.evaluator.pipeline_runner import PipelineRunner
from aarlab.tools.evaluator.world_run import run_on_world
from aarlab.tools.sandbox import Sandbox

pytestmark = pytest.mark.hf
SIZE = WorldSize(unlabelled=200, test=100)


@pytest.fixture(scope="module")
def prepared(hf_folder: Path) -> Path:
    """Return the folder with prepared data, made by the command."""
    out = hf_folder / "prepared"
    done = CliRunner().invoke(main, ["data", "prepare", str(hf_folder / "source"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def parameters(prepared: Path, hf_folder: Path) -> dict[str, Any]:
    """Return parameters with which a tiny student learns more than its teacher."""
    encoder = str(hf_folder / "encoder")
    return {
        "data": str(prepared), "weak": encoder, "strong": encoder, "weak_layers": 1, "teacher_examples": 60,
        "teacher_epochs": 8, "unlabelled": 200, "epochs": 4, "batch": 16, "learning_rate": 3e-3, "max_length": 32,
        "device": "cpu",
    }  # fmt: skip


@pytest.fixture(scope="module")
def sandbox():
    """Return a strict sandbox where there is one."""
    with Sandbox("strict") as box:
        yield box


def test_worlds_follow_from_their_seed_and_use_disjoint_pools(parameters: dict[str, Any]):
    task = HF(**parameters)
    world = task.world(1, size=SIZE)
    weight_cache.clear_memory()
    again = task.world(1, size=SIZE)
    assert world.strong_acc > world.weak_acc > 0.5
    assert (again.weak_acc, again.strong_acc) == (world.weak_acc, world.strong_acc)
    assert np.array_equal(again.inputs.weak_labels, world.inputs.weak_labels)
    other = task.world(2, size=SIZE)
    assert set(other.inputs.test_texts) != set(world.inputs.test_texts)
    tested = {split: set(task.world(1, size=SMOKE, split=split).inputs.test_texts) for split in ("heldout", "shifted")}
    developed = {text for seed in range(4) for text in task.world(seed, size=SMOKE).inputs.test_texts}
    assert not developed & tested["heldout"]
    assert not developed & tested["shifted"]
    assert not set(world.inputs.texts) & developed


@pytest.mark.long
def test_an_ablation_frees_the_models_that_it_prepared(parameters: dict[str, Any]):
    def prepare(**changed: object) -> None:
        task = {"name": "hf", "parameters": {**parameters, **changed}}
        _prepare([Scenario.model_validate({"task": task, "scoring": {"transfer_worlds": 0}})], "none", None)

    task = HF(**parameters)
    strong_acc = task.world(5, size=SIZE).strong_acc
    models = weakref.ref(_resources(task).strong)
    prepare()
    assert models() is None
    assert task.world(5, size=SIZE).strong_acc == strong_acc
    with pytest.raises(ConfigError, match="the strong student, trained on true labels, was not better"):
        prepare(unlabelled=40, epochs=1)


def test_an_interrupted_training_can_be_made_later(parameters: dict[str, Any]):
    task = HF(**parameters)
    with task.interrupted(), pytest.raises(RuntimeError, match="the training was interrupted"):
        task.world(77, size=SIZE)
    assert task.world(77, size=SIZE).strong_acc > 0.5


def test_published_methods_score_in_the_strict_sandbox(parameters: dict[str, Any], sandbox: Sandbox):
    world = HF(**parameters).world(1, size=SIZE)
    results = {name: run_on_world(baselines.load()[name].code, world, sandbox) for name in baselines.PUBLISHED}
    assert [result.error for result in results.values()] == [None] * 4
    vanilla = results["vanilla_hard"]
    assert vanilla.transfer_acc > 0.55
    assert [entry["operator"] for entry in vanilla.log] == ["start", "harden", "finish"]
    # In the evaluator's own process a pipeline gets the same score.
    assert run_on_world(baselines.load()["vanilla_hard"].code, world, PipelineRunner(sandbox)).pgr == vanilla.pgr


def test_a_method_trains_selects_and_is_limited(parameters: dict[str, Any], sandbox: Sandbox):
    world = HF(**parameters, max_passes=3.0).world(1, size=SIZE)
    code = """
from aarlab.scenarios import toolkit as tk

def method(world):
    s = tk.start(world)
    s = tk.schedule(s, epochs=1, rate=2.0)
    s = tk.second_round(s, hard=True)
    s = tk.confidence_loss(s, alpha=0.5)
    return tk.finish(s)
"""
    assert run_on_world(code, world, sandbox).error is None
    documented = (Path(__file__).parents[2] / "docs" / "hf.md").read_text().split("```python\n")[1].split("```")[0]
    assert run_on_world(documented, world, sandbox).error is None
    by_hand = """
def method(world):
    assert len(world.texts) == len(world.features) and world.zero_shot is None
    student = world.finetune(world.weak_labels, epochs={epochs})
    assert len(world.predict(student, "unlabelled")) == len(world.texts)
    return world.predict(student)
"""
    assert run_on_world(by_hand.format(epochs=2), world, sandbox).error is None
    refused = run_on_world(by_hand.format(epochs=4), world, sandbox).error
    assert refused is not None
    assert "this training needs 4.0 passes over the training set, and 3.0 of 3 are left" in refused


def test_fixed_draws_share_items_and_denominators(parameters: dict[str, Any]):
    task = HF(**{**parameters, "draws": "fixed", "teacher_epochs": 4})
    one, other = (task.world(seed, size=SIZE) for seed in (1, 2))
    assert one.inputs.test_texts == other.inputs.test_texts
    assert (one.weak_acc, one.strong_acc) == (other.weak_acc, other.strong_acc)
    assert one.inputs.seed != other.inputs.seed


def test_a_language_model_is_a_student_with_zero_shot_answers(
    parameters: dict[str, Any], hf_folder: Path, sandbox: Sandbox
):
    model = str(hf_folder / "language_model")
    task = HF(**{**parameters, "weak": model, "strong": model, "lora_rank": 4, "learning_rate": 5e-3})
    world = task.world(1, size=SMOKE)
    code = """
def method(world):
    assert world.zero_shot.shape == world.weak_labels.shape
    return world.predict(world.finetune(world.weak_labels))
"""
    assert run_on_world(code, world, sandbox).error is None


def test_missing_data_models_and_items_are_refused_before_a_run(parameters: dict[str, Any], tmp_path: Path):
    def refusal(**changed: object) -> str:
        return str(HF(**{**parameters, **changed}).problem(shifted=True))

    assert "needs task.parameters.data: Folder that `aarlab data prepare` wrote" in str(HF().problem(shifted=False))
    assert "is not a folder that `aarlab data prepare` wrote" in refusal(data=str(tmp_path))
    done = CliRunner().invoke(main, ["run", "hf", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "task.parameters.data" in done.output
    assert "/nowhere does not exist" in refusal(weak="/nowhere")
    done = CliRunner().invoke(main, ["tasks", "hf", "--json"])
    assert done.exit_code == 0, done.output
    hopeless = HF(**{**parameters, "unlabelled": 40, "epochs": 1})
    with pytest.raises(UnusableModel, match="in 5 draws the strong student, trained on true labels, was not better"):
        hopeless.world(1, size=SIZE)


def aarlab(*arguments: str) -> str:
    """Return the output of a command that succeeds."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def run_options(parameters: dict[str, Any], out: Path, **more: object) -> list[str]:
    """Return the arguments of a run with two worlds for each score."""
    settings = {f"task.parameters.{name}": value for name, value in parameters.items()}
    settings |= {f"scoring.{panel}_worlds": 2 for panel in ("full", "final", "screening", "heldout", "shifted")} | more
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return ["run", "hf", "--out", str(out), "--json", *options]


def experiments_in(folder: Path) -> list[Experiment]:
    """Return the experiments of the run in a folder so far."""
    for path in folder.glob("*.db"):
        with suppress(SchemaError), RunReader.open(path) as run:
            return [entry.event for entry in run.entries(Experiment)]
    return []


@pytest.mark.long
def test_a_killed_run_on_the_clock_resumes_from_its_tape(parameters: dict[str, Any], tmp_path: Path):
    budget = {"budget.hours": 4, "budget.round_hours": 4, "budget.seconds_per_hour": 3600}
    scoring = {"structure.opening": "none", "scoring.shifted_worlds": 0}
    options = run_options(parameters, tmp_path, **budget, **scoring, **{"team.researchers": 1, "costs.think": 0.3})
    running = subprocess.Popen([sys.executable, "-m", "aarlab", *options], stdout=subprocess.DEVNULL)
    while not (before := experiments_in(tmp_path)):
        assert running.poll() is None
        time.sleep(0.1)
    running.kill()
    running.wait()
    (path,) = tmp_path.glob("*.db")
    summary = json.loads(aarlab("resume", str(path), "--json"))
    experiments = experiments_in(tmp_path)
    assert experiments[: len(before)] == before
    assert {experiment.device for experiment in experiments} == {"cpu"}
    assert summary["device_seconds"] == pytest.approx(sum(experiment.seconds or 0.0 for experiment in experiments))
    with RunReader.open(path) as run:
        charged = [e.event.cost_hours for e in run.entries(ToolExecution) if e.event.tool == "run_experiment"]
        assert "one hour for each 3600 seconds" in run.text(next(run.entries(AgentSetup)).event.system)
    assert charged == [(experiment.seconds or 0.0) / 3600 for experiment in experiments]
    assert json.loads(aarlab("replay", str(path), "--json"))["status"] == "same"
    aarlab("export", str(path), "--format", "jsonl", "--out", str(tmp_path / "run.jsonl"))
    assert summary["digest"] in aarlab("import", str(tmp_path / "run.jsonl"), "--out", str(tmp_path / "back"))


@pytest.mark.long
def test_a_team_of_three_works_two_rounds_on_real_models(parameters: dict[str, Any], tmp_path: Path):
    budget = {"budget.hours": 4.8, "budget.round_hours": 2.4}
    summary = json.loads(aarlab(*run_options(parameters, tmp_path, **budget)))
    assert summary["rounds"] == 2, summary
    with RunReader.open(Path(summary["file"])) as run:
        panels = {entry.event.panel for entry in run.entries(Evaluation)}
    assert {"development", "screening", "final", "heldout", "shifted"} <= panels
    aarlab("report", summary["file"], "--out", str(tmp_path / "report.html"))
    aarlab("replay", summary["file"])
