"""Measure the task hf on one GPU in about five minutes: PGR of the published methods, throughput, and a team.

    python benchmarks/hf_gpu.py --model FOLDER --headlines samples.jsonl [--unlabelled 6000] [--seeds 5] [--out FOLDER]

`--model` is all-MiniLM-L6-v2: two of its layers are the teacher, all six the student. `--headlines` is the file
`registry/data/sarcasm/samples.jsonl` of the package `evals`. The result is one JSON object on standard output:

- PGR of the four published methods over worlds with their own draws, with t intervals.
- Items per second in training and in inference, of this package and of plain transformers on the same work: the same
  texts, batch size, precision and optimiser, batches in random order, each padded to its longest text.
- The largest memory in use, and the summary of a team of three simulated researchers that works two rounds.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import aarlab
from aarlab.cli.main import main as command
from aarlab.scenarios import baselines
from aarlab.scenarios.hf.fine_tuner import FineTuner, TrainingSettings
from aarlab.scenarios.hf.student_models import ModelSettings
from aarlab.scenarios.tasks.hf import HF
from aarlab.statistics import mean_estimate
from aarlab.tools.evaluator.world_run import run_on_world
from aarlab.tools.sandbox import Sandbox

SHARES = {"train_label": 0.1, "train_unlabel": 0.6, "test": 0.3}
"""Share of the headlines in each pool."""
MAX_LENGTH = 64
EPOCHS, RATE = 2, 1e-4


def prepare(headlines: Path, folder: Path, count: int) -> Path:
    """Return the prepared folder of up to `count` distinct headlines in random order."""
    lines = [json.loads(line) for line in headlines.read_text(encoding="utf-8").splitlines()]
    labels = {line["input"][-1]["content"]: line["ideal"] == "1" for line in lines}
    texts = [str(text) for text in np.random.default_rng(1).permutation(sorted(labels))][:count]
    source = folder / "source"
    source.mkdir()
    start = 0
    for pool, share in SHARES.items():
        chosen = texts[start : start + int(share * len(texts))]
        start += len(chosen)
        items = ({"question": "Is it satire?", "choice": text, "label": labels[text]} for text in chosen)
        (source / f"{pool}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    options = ["data", "prepare", str(source), "--out", str(folder / "prepared"), "--drop-duplicates", "--json"]
    with redirect_stdout(sys.stderr):
        command(options, standalone_mode=False)
    return folder / "prepared"


def published_pgr(task: HF, seeds: int) -> dict[str, Any]:
    """Return gap and PGR of the published methods over worlds, and the median seconds of an experiment on one."""
    scores: dict[str, list[float]] = {name: [] for name in baselines.PUBLISHED}
    gaps, seconds = list[float](), list[float]()
    with Sandbox() as sandbox:
        for seed in range(seeds):
            world = task.world(seed)
            gaps.append(world.strong_acc - world.weak_acc)
            for name in baselines.PUBLISHED:
                result = run_on_world(baselines.load()[name].code, world, sandbox)
                if result.error is not None:
                    raise RuntimeError(f"{name}: {result.error}")
                scores[name].append(result.pgr)
                seconds.append(result.seconds)
            print(f"world {seed}: gap {gaps[-1]:.3f}", file=sys.stderr)
    return {
        "gap": _interval(gaps),
        "pgr": {name: _interval(values) for name, values in scores.items()},
        "seconds_per_experiment": round(float(np.median(seconds)), 2),
    }


def _interval(values: list[float]) -> dict[str, Any]:
    estimate = mean_estimate(values)
    interval = None if estimate.interval is None else [round(end, 3) for end in estimate.interval]
    return {"mean": round(estimate.value, 3), "interval": interval}


def throughput(model: Path, texts: list[str], batch: int, device: str) -> dict[str, Any]:
    """Return items per second of the fine-tuner and of plain transformers, each after a warm-up, best of two."""
    labels = np.random.default_rng(2).integers(0, 2, len(texts)).astype(np.float64)
    items = np.arange(len(texts))
    tuner = FineTuner(ModelSettings(model, max_length=MAX_LENGTH, device=device), texts, texts, ("no", "yes"))
    settings = TrainingSettings(epochs=EPOCHS, learning_rate=RATE, batch=batch)
    trained = tuner.finetune(items[: 2 * batch], labels[: 2 * batch], np.ones(2 * batch), settings, seed=1)
    plain = _PlainTransformers(model, texts, labels, batch, tuner.device)
    measured = {
        "training": (lambda: tuner.finetune(items, labels, np.ones(len(items)), settings, seed=1), plain.train, EPOCHS),
        "inference": (lambda: tuner.predict(trained, items, batch=batch), plain.predict, 1),
    }
    result: dict[str, Any] = {}
    for name, (ours, theirs, passes) in measured.items():
        own, other = (passes * len(texts) / _best_seconds(work) for work in (ours, theirs))
        result[name] = {"aarlab": round(own), "transformers": round(other), "ratio": round(own / other, 2)}
    return result


def _best_seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


class _PlainTransformers:
    """The usual training loop: a tokenised data set, dynamic padding, AdamW and autocast."""

    def __init__(
        self, folder: Path, texts: list[str], labels: np.ndarray[Any, Any], batch: int, device: torch.device
    ) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._encoded = self._tokenizer(texts, truncation=True, max_length=MAX_LENGTH)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1).to(device)
        self._labels = torch.as_tensor(labels, dtype=torch.float32, device=device)
        self._batch, self._device = batch, device

    def _logits(self, rows: np.ndarray[Any, Any]) -> torch.Tensor:
        chosen = {name: [values[row] for row in rows] for name, values in self._encoded.items()}
        inputs = self._tokenizer.pad(chosen, return_tensors="pt").to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            logits: torch.Tensor = self._model(**inputs).logits[:, 0]
        return logits.float()

    def train(self) -> None:
        self._model.train()
        optimiser = torch.optim.AdamW(self._model.parameters(), lr=RATE, fused=self._device.type == "cuda")
        rng = np.random.default_rng(1)
        for _ in range(EPOCHS):
            order = rng.permutation(len(self._labels))
            for start in range(0, len(order), self._batch):
                rows = order[start : start + self._batch]
                target = self._labels[torch.as_tensor(rows, device=self._device)]
                loss = binary_cross_entropy_with_logits(self._logits(rows), target)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
                optimiser.step()

    def predict(self) -> list[torch.Tensor]:
        self._model.eval()
        size = 4 * self._batch
        with torch.inference_mode():
            return [
                self._logits(np.arange(start, min(start + size, len(self._labels)))).cpu()
                for start in range(0, len(self._labels), size)
            ]


def team(task: HF, out: Path, unlabelled: int) -> dict[str, Any]:
    """Return scores and seconds of a team of three simulated researchers that works two rounds."""
    parameters = {**task.model_dump(), "unlabelled": unlabelled}
    settings = [f"task.parameters.{name}={json.dumps(value)}" for name, value in parameters.items()]
    worlds = {"full": 2, "screening": 2, "final": 2, "heldout": 3, "shifted": 0}
    settings += [f"scoring.{name}_worlds={count}" for name, count in worlds.items()]
    settings += ["budget.hours=4.8", "budget.round_hours=2.4"]
    started = time.perf_counter()
    summary = aarlab.run("hf", settings=settings, out=out, progress=False)
    seconds = round(time.perf_counter() - started, 1)
    return {"seconds": seconds, "heldout": summary["heldout"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--headlines", type=Path, required=True, help="samples.jsonl of the package evals")
    parser.add_argument("--unlabelled", type=int, default=6000, help="items on which the student is trained")
    parser.add_argument("--team-unlabelled", type=int, default=2000, help="the same for the team")
    parser.add_argument("--teacher-examples", type=int, default=200, help="items on which the teacher is trained")
    parser.add_argument("--batch", type=int, default=128, help="items in a training step")
    parser.add_argument("--seeds", type=int, default=5, help="worlds for the published methods")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="folder for data and run file; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        prepared = prepare(options.headlines, folder, 4 * options.unlabelled)
        task = HF(
            data=str(prepared), weak=str(options.model), strong=str(options.model), weak_layers=2,
            teacher_examples=options.teacher_examples, unlabelled=options.unlabelled, batch=options.batch,
            epochs=EPOCHS, learning_rate=RATE, max_length=MAX_LENGTH, device=options.device,
        )  # fmt: skip
        started = time.perf_counter()
        task.prepare(lambda activity, share: print(f"{activity}: {share:.0%}", file=sys.stderr))
        result: dict[str, Any] = {"device": _device_name(), "prepare_seconds": round(time.perf_counter() - started, 1)}
        result |= published_pgr(task, options.seeds)
        texts = list(task.world(0).inputs.texts)
        result["items_per_second"] = throughput(options.model, texts, options.batch, options.device)
        if torch.cuda.is_available():
            result["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        print(json.dumps(result), file=sys.stderr)
        result["team"] = team(task, folder, options.team_unlabelled)
        print(json.dumps(result, indent=1))


def _device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "processor, one thread"


if __name__ == "__main__":
    main()
