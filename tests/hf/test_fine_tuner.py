"""Tests of fine-tuning with tiny models: encoders and causal language models, all weights and LoRA."""

import multiprocessing
import resource
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from hf_models import ANSWERS, save_encoder, texts_with_labels

pytest.importorskip("torch", reason="the extra hf is not installed")

from aarlab.scenarios.hf.checkpoint import UnusableModel, checkpoint_folder, fingerprint
from aarlab.scenarios.hf.fine_tuner import FineTuner, TrainingSettings
from aarlab.scenarios.hf.student_models import ModelSettings

pytestmark = pytest.mark.hf
TEXTS, LABELS = texts_with_labels(420, seed=1)
PROMPTS = [f"{text} Is this right, yes or no? Answer:" for text in TEXTS]
TRAIN, TEST = np.arange(300), np.arange(300, 420)
SETTINGS = TrainingSettings(epochs=3, learning_rate=3e-3, batch=16)


def tuner(folder: Path, **settings: int) -> FineTuner:
    return FineTuner(ModelSettings(folder, max_length=32, **settings), TEXTS, PROMPTS, ANSWERS)


def accuracy(trained: FineTuner, settings: TrainingSettings = SETTINGS, weights: np.ndarray | None = None) -> float:
    weights = np.ones(len(TRAIN)) if weights is None else weights
    model = trained.finetune(TRAIN, LABELS[TRAIN].astype(np.float64), weights, settings, seed=1)
    return float(((trained.predict(model, TEST) > 0.5) == LABELS[TEST]).mean())


@pytest.mark.parametrize(
    ("model", "rank"), [("encoder", 0), ("language_model", 0), ("encoder", 8), ("language_model", 8)]
)
def test_training_on_true_labels_learns_the_task(hf_folder: Path, model: str, rank: int):
    settings = SETTINGS if not rank else TrainingSettings(epochs=4, learning_rate=1e-2, batch=16)
    assert accuracy(tuner(hf_folder / model, lora_rank=rank), settings) > (0.6 if rank else 0.8)


def test_results_follow_from_the_seed_whatever_ran_before(hf_folder: Path):
    trained, targets, weights = tuner(hf_folder / "encoder"), LABELS[TRAIN] * 0.8 + 0.1, np.ones(len(TRAIN))
    settings = TrainingSettings(epochs=1, learning_rate=3e-3, batch=32)
    first = trained.finetune(TRAIN, targets, weights, settings, seed=1)
    before = trained.predict(first, TEST)
    embeddings = trained.embeddings(TEST)
    other = trained.finetune(TRAIN, 1 - targets, weights, settings, seed=2)
    assert not np.array_equal(trained.predict(other, TEST), before)
    assert np.array_equal(trained.predict(first, TEST), before)
    assert np.array_equal(trained.embeddings(TEST), embeddings)
    again = tuner(hf_folder / "encoder")
    assert np.array_equal(again.predict(again.finetune(TRAIN, targets, weights, settings, seed=1), TEST), before)


def test_items_without_weight_do_not_matter(hf_folder: Path):
    trained, settings = tuner(hf_folder / "encoder", layers=1), TrainingSettings(epochs=1, learning_rate=3e-3)
    half = np.arange(150)
    targets, weights = LABELS[TRAIN].astype(np.float64), (TRAIN < 150).astype(np.float64)
    wrong = np.where(weights > 0, targets, 1 - targets)
    masked = trained.finetune(TRAIN, wrong, 2 * weights, settings, seed=1)
    alone = trained.finetune(half, targets[half], np.ones(150), settings, seed=1)
    assert np.array_equal(trained.predict(masked, TEST), trained.predict(alone, TEST))


def test_confidence_loss_makes_predictions_more_extreme(hf_folder: Path):
    trained, targets = tuner(hf_folder / "encoder"), 0.5 + 0.1 * (LABELS[TRAIN] - 0.5)
    predictions = []
    for alpha in (0.0, 0.8):
        settings = TrainingSettings(epochs=2, learning_rate=3e-3, batch=16, alpha=alpha)
        predictions.append(trained.predict(trained.finetune(TRAIN, targets, np.ones(300), settings, seed=1), TEST))
    plain, confident = (np.abs(p - 0.5).mean() for p in predictions)
    assert confident > 2 * plain


def test_padding_and_order_do_not_change_predictions(hf_folder: Path):
    for model in ("encoder", "language_model"):
        trained = tuner(hf_folder / model)
        answers = trained.zero_shot if trained.is_causal else lambda items, t=trained: t.embeddings(items)[:, 0]
        one_by_one = np.concatenate([answers(TEST[i : i + 1]) for i in range(6)])
        assert answers(TEST[5::-1]) == pytest.approx(one_by_one[::-1], abs=1e-5)


def refusal_without_memory(folder: Path, answer: Connection) -> None:
    """Send the error of a training for which there is no memory; None if it succeeds."""
    trained, settings = tuner(folder), TrainingSettings(epochs=1, batch=300)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used, used))
    try:
        trained.finetune(TRAIN, LABELS[TRAIN].astype(np.float64), np.ones(300), settings, seed=1)
    except UnusableModel as error:
        answer.send(str(error))
    answer.send(None)


def test_a_model_that_does_not_fit_is_named_with_fixes(hf_folder: Path):
    # In a process of its own: oneDNN may keep the failure.
    processes = multiprocessing.get_context("fork")
    receiver, answer = processes.Pipe(duplex=False)
    process = processes.Process(target=refusal_without_memory, args=(hf_folder / "encoder", answer))
    process.start()
    assert "encoder does not fit in memory with batches of 300 items. Fix: a smaller batch" in receiver.recv()
    process.join()


def test_a_missing_or_damaged_model_is_named_with_a_fix(hf_folder: Path, tmp_path: Path):
    with pytest.raises(UnusableModel, match=r"/nowhere does not exist\. Fix: name a folder or a model of the hub"):
        checkpoint_folder("/nowhere")
    with pytest.raises(UnusableModel, match=r"is not a transformers model: it has no config\.json"):
        checkpoint_folder(str(tmp_path))
    damaged = save_encoder(tmp_path / "damaged", TEXTS)
    before = fingerprint(damaged)
    (damaged / "model.safetensors").write_bytes(b"not a model")
    assert fingerprint(damaged) != before
    with pytest.raises(UnusableModel, match="damaged cannot be loaded: "):
        tuner(damaged)
    with pytest.raises(UnusableModel, match="has 2 layers, not 5"):
        tuner(hf_folder / "encoder", layers=5)
