"""Fine-tuning and inference of one transformers model on a fixed set of texts, with binary labels.

Importing this module imports torch. The results follow from the seed: bit by bit on a processor, where one thread is
used, and up to the order of sums in the kernels of a GPU.
"""

import gc
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.hf.student_models import AnswerModel, ModelSettings, device_kind, load_model, tokenise
from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

INFERENCE_BATCH = 4
"""Size of a batch in inference, in batches of training: no gradients are kept."""
BATCHES_PER_BUCKET = 50
"""Items are sorted by length within buckets of this many batches, so that batches need little padding."""
WARMUP_SHARE = 0.1
"""Share of the steps in which the learning rate rises. It falls to zero in the others."""
MAX_GRADIENT_NORM = 1.0

_NO_MEMORY = (
    "can't allocate memory", "could not create a primitive", "could not create a memory", "bad_alloc", "ALLOC_FAILED",
    "out of memory",
)  # fmt: skip
"""Parts of the messages of RuntimeErrors that torch, oneDNN and CUDA's libraries raise when memory is used up."""

_lock = threading.RLock()
"""Held during training and inference: torch has one random generator for each device, which all threads share."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a model is trained."""

    epochs: int = 2
    """Passes over the items."""
    learning_rate: float = 1e-4
    """Highest learning rate of AdamW."""
    batch: int = 32
    """Items in a step."""
    alpha: float = 0.0
    """Final weight of the model's own hardened predictions in the targets (auxiliary confidence loss, Burns et al.
    2023, equation 1; the threshold is the median of the batch); 0: cross-entropy."""
    alpha_warmup: float = 0.2
    """Share of the steps in which the weight rises from 0 to `alpha`."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedWeights:
    """A fine-tuned model: the weights that were trained, in main memory."""

    weights: dict[str, Tensor]
    loss: float
    """Mean loss of the last epoch."""


class TrainingInterrupted(RuntimeError):
    """The result of a training is no longer needed."""


_interrupted = threading.Event()


@contextmanager
def interrupted_trainings() -> Iterator[None]:
    """End all trainings of this process after their current step, and refuse new ones, in this context."""
    _interrupted.set()
    try:
        yield
    finally:
        _interrupted.clear()


def free_memory() -> None:
    """Return the memory of models that nothing refers to any more, in this process and on its GPUs."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class FineTuner:
    """A model on a device, with the tokens of all texts. Several threads can use it; one at a time trains.

    A causal language model reads prompts that end before the answer, and its log odds of label 1 are the difference of
    the logits of the two answers. Any other model gets a linear head on the mean of its last hidden states.
    """

    def __init__(
        self, settings: ModelSettings, texts: Sequence[str], prompts: Sequence[str], answers: tuple[str, str]
    ) -> None:
        """Load the model and tokenise the texts.

        Args:
            settings: The model.
            texts: The n items as texts, for a classifier. Items are named by their positions.
            prompts: The n items as prompts, for a causal language model.
            answers: What a causal language model answers for label 0 and for label 1.

        Raises:
            UnusableModel: The model or its tokenizer cannot be loaded, or does not fit in memory.
        """
        self.device = torch.device(device_kind(settings.device))
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # sums have a fixed order, so results do not depend on the number of cores
        else:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.utils.deterministic.fill_uninitialized_memory = False  # for debugging, and slow
        with _understandable(settings.folder, 0), _quiet():
            tokenizer, self._model = load_model(settings, answers)
            self.is_causal = isinstance(self._model, AnswerModel)
            self._model.to(self.device)
        self._settings = settings
        self._tokens = tokenise(tokenizer, list(prompts if self.is_causal else texts), settings.max_length)
        self._lengths = np.array([len(tokens) for tokens in self._tokens], dtype=np.int64)
        self._pad = tokenizer.pad_token_id or 0
        self._trained = {name: p for name, p in self._model.named_parameters() if p.requires_grad}
        self._initial = {name: p.detach().cpu().clone() for name, p in self._trained.items()}
        self._loaded: TrainedWeights | None = None
        """The weights that the model has now; None: unknown."""

    @property
    def device_name(self) -> str:
        """Name of the GPU, or the kind of the device."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def alone(self) -> AbstractContextManager[Any]:
        """Return a context in which no other thread trains or predicts; entering it waits until none does."""
        return _lock

    def finetune(
        self, items: IntArray, targets: FloatArray, weights: FloatArray, settings: TrainingSettings, *, seed: int
    ) -> TrainedWeights:
        """Return the model fine-tuned from its checkpoint on soft, weighted targets.

        Args:
            items: (k,) positions of the texts.
            targets: (k,) probabilities of label 1.
            weights: (k,) non-negative weights; items with weight 0 are left out and need no time.
            settings: How to train.
            seed: Seed of head, order and dropout.

        Raises:
            UnusableModel: It does not fit in memory.
            TrainingInterrupted: See `interrupted_trainings`.
            FloatingPointError: The loss is not finite.
        """
        kept = np.flatnonzero(weights > 0)
        weights = weights[kept] / weights[kept].mean()
        target, weight = (self._tensor(array) for array in (targets[kept], weights))
        with _lock, _understandable(self._settings.folder, settings.batch), torch.random.fork_rng(self._gpus()):
            torch.manual_seed(seed)
            self._restore(self._initial)
            self._model.reset_head()
            self._loaded = None
            losses = self._train(items[kept], target, weight, settings, generator("order of items", seed))
            trained = {name: p.detach().cpu().clone() for name, p in self._trained.items()}
            self._loaded = TrainedWeights(trained, float(np.mean(losses)))
            return self._loaded

    def predict(self, model: TrainedWeights, items: IntArray, *, batch: int = 32) -> FloatArray:
        """Return the (k,) probabilities of label 1 of the items at these positions; `batch` as in training."""
        with _lock:
            if self._loaded is not model:
                self._restore(model.weights)
                self._loaded = model
            logits = self._infer(items, batch, lambda ids, mask: self._model(ids, mask)[:, None])
        return np.asarray(1 / (1 + np.exp(-logits[:, 0])), dtype=np.float64)

    def zero_shot(self, items: IntArray, *, batch: int = 32) -> FloatArray:
        """Return the (k,) log odds of label 1 of a causal language model that was not trained."""
        assert self.is_causal, "a classifier without training has random answers"
        with _lock:
            self._restore(self._initial)
            self._loaded = None
            return self._infer(items, batch, lambda ids, mask: self._model(ids, mask)[:, None])[:, 0]

    def embeddings(self, items: IntArray, *, batch: int = 32) -> FloatArray:
        """Return the (k, EMBEDDED_LAYERS * width) means of hidden layers of the model that was not trained."""
        with _lock:
            self._restore(self._initial)
            self._loaded = None
            return self._infer(items, batch, self._model.embed)

    def _train(
        self, items: IntArray, targets: Tensor, weights: Tensor, settings: TrainingSettings, rng: np.random.Generator
    ) -> list[float]:
        """Train on all items and return the losses of the last epoch."""
        self._model.train()
        trained = list(self._trained.values())
        optimiser = torch.optim.AdamW(
            trained, lr=settings.learning_rate, weight_decay=0.01, fused=self.device.type == "cuda"
        )
        steps = settings.epochs * -(-len(items) // settings.batch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate_factor(step, steps))
        step, losses = 0, list[Tensor]()
        for _ in range(settings.epochs):
            losses = []
            for rows in _bucketed(self._lengths[items], settings.batch, rng):
                if _interrupted.is_set():
                    raise TrainingInterrupted("the training was interrupted")
                index = torch.as_tensor(rows, device=self.device)
                with self._autocast():
                    logits = self._model(*self._padded(items[rows]))
                logits = logits.float()
                loss = binary_cross_entropy_with_logits(logits, targets[index], weights[index])
                if settings.alpha:
                    own = (logits.detach() > logits.detach().median()).float()
                    confident = binary_cross_entropy_with_logits(logits, own, weights[index])
                    share = settings.alpha * min(1.0, (step + 1) / max(1.0, settings.alpha_warmup * steps))
                    loss = (1 - share) * loss + share * confident
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(trained, MAX_GRADIENT_NORM)
                optimiser.step()
                schedule.step()
                step += 1
                losses.append(loss.detach())
        values = [float(loss) for loss in losses]
        if not np.isfinite(values).all():
            raise FloatingPointError("the loss of the training is not finite; use a lower learning rate")
        return values

    def _infer(self, items: IntArray, batch: int, forward: Callable[[Tensor, Tensor], Tensor]) -> FloatArray:
        """Return the (k, d) outputs of `forward` for the items, in their order."""
        self._model.eval()
        by_length = np.argsort(-self._lengths[items], kind="stable")
        size = INFERENCE_BATCH * batch
        outputs: list[Tensor] = []
        with _understandable(self._settings.folder, batch), torch.inference_mode(), self._autocast():
            for start in range(0, len(items), size):
                outputs.append(forward(*self._padded(items[by_length[start : start + size]])).float())
            stacked = torch.cat(outputs).cpu().numpy().astype(np.float64)
        result = np.empty_like(stacked)
        result[by_length] = stacked
        return result

    def _padded(self, items: IntArray) -> tuple[Tensor, Tensor]:
        """Return (b, t) token ids and the mask of real tokens; a causal language model is padded on the left."""
        lengths = self._lengths[items]
        longest = int(lengths.max())
        ids = np.full((len(items), longest), self._pad, dtype=np.int64)
        place = np.arange(longest)
        mask = place >= (longest - lengths)[:, None] if self.is_causal else place < lengths[:, None]
        ids[mask] = np.concatenate([self._tokens[item] for item in items])
        tensors = torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))
        if self.device.type == "cuda":
            return (
                tensors[0].pin_memory().to(self.device, non_blocking=True),
                tensors[1].pin_memory().to(self.device, non_blocking=True),
            )
        return tensors

    def _restore(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(weights[name])

    def _tensor(self, array: FloatArray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def _gpus(self) -> list[int]:
        return [self.device.index or 0] if self.device.type == "cuda" else []


def _bucketed(lengths: IntArray, batch: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield the positions of each batch of an epoch in random order; batches have items of similar length."""
    order = rng.permutation(len(lengths))
    size = BATCHES_PER_BUCKET * batch
    batches: list[IntArray] = []
    for start in range(0, len(order), size):
        bucket = order[start : start + size]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += [bucket[i : i + batch] for i in range(0, len(bucket), batch)]
    for number in rng.permutation(len(batches)):
        yield batches[number]


def _rate_factor(step: int, steps: int) -> float:
    """Return the learning rate of a step relative to the highest: it rises linearly, and falls linearly to zero."""
    return min((step + 1) / (WARMUP_SHARE * steps + 1), 1.0) * max(0.0, 1 - step / steps)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide progress bars and warnings of the libraries: unused heads, deprecated calls between them."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _understandable(folder: Path, batch: int) -> Iterator[None]:
    """Turn errors of a model that cannot be loaded or does not fit into UnusableModel."""
    try:
        yield
    except UnusableModel:
        raise
    except Exception as error:  # libraries and their extensions raise many kinds for a damaged checkpoint
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(text in str(error) for text in _NO_MEMORY):
            fixes = "a smaller batch, a smaller max_length, lora_rank=16, or a smaller model"
            size = f" with batches of {batch} items" if batch else ""
            raise UnusableModel(f"the model {folder} does not fit in memory{size}. Fix: {fixes}") from error
        if batch:
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnusableModel(f"the model {folder} cannot be loaded: {reason}") from error
