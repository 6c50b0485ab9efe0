"""The task hf: real texts and fine-tuned transformers models. It needs prepared data and the extra `hf`."""

import functools
import hashlib
import importlib.metadata
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from aarlab.scenarios.hf.checkpoint import (
    PACKAGES,
    UnusableModel,
    checkpoint_folder,
    fingerprint,
    is_path,
    require_packages,
)
from aarlab.scenarios.hf.student_session import StudentSession
from aarlab.scenarios.prepared_data import PreparedData, UnusableData
from aarlab.scenarios.task import FULL, SMOKE, Progress, Split, TaskParameters, World, WorldSize
from aarlab.scenarios.tasks.seeded_task import Count, ItemCount, Scale, SeededTask
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import MIN_GAP, Items, accuracy, check_world_seed
from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, IntArray
from aarlab.scenarios.toolkit.operators import catalogue
from aarlab.scenarios.toolkit.randomness import generator

if TYPE_CHECKING:  # it imports torch
    from aarlab.scenarios.hf.fine_tuner import FineTuner, TrainingSettings

MAX_DRAWS = 5
"""Draws of a world without a gap before an error."""
FEATURES = 128
"""Largest number of principal components of the strong model's hidden states that methods get as features."""
FIXED_SEEDS = 5
"""Training seeds of the teacher and of the strong student in mode `fixed`; weak and strong accuracy are their means."""
HELDOUT_SHARE = 0.5
"""Share of the test items that only held-out worlds use."""


@dataclass(frozen=True, slots=True, eq=False)
class _Resources:
    """Data and models of a task with given parameters, loaded once in a process."""

    data: PreparedData
    labels: IntArray
    texts: tuple[str, ...]
    weak: "FineTuner"
    strong: "FineTuner"
    features: FloatArray
    """(n, k) features of all items."""
    zero_shot: FloatArray | None
    """(n,) log odds of the strong model before training; None: it is no language model."""


@dataclass(frozen=True, slots=True, eq=False)
class TextItems(Items):
    """Raw items of a world of texts."""

    unlabelled: IntArray
    """(n,) positions of the unlabelled items in the data."""
    test: IntArray
    """(m,) positions of the test items."""
    seed: int
    """Seed of the strong student and of methods."""
    fixed_weak_acc: float | None
    """Mean accuracy of the teachers of all training seeds; None: that of the world's own teacher counts."""


class HF(SeededTask):
    """The task hf."""

    name: ClassVar[str] = "hf"
    about: ClassVar[str] = (
        "An item is a text of a real data set; its label is 0 or 1. The weak teacher is a small language model that "
        "was fine-tuned on a few labelled texts. The strong student is a larger one. Your method decides how it is "
        "fine-tuned: `tk.finish(s)` fine-tunes it on the targets and weights of the training set and returns its "
        "predictions. Operators that fit a student in between use a linear readout of the strong model's hidden "
        "states, which is cheap. A method can also use `world.texts` and `world.test_texts`, "
        "`student = world.finetune(targets, weights, epochs=2, rate=1.0, alpha=0.0, seed=0)`, "
        "`world.predict(student)` for the test items or `world.predict(student, 'unlabelled')`, `world.features` and "
        "`world.test_features` (principal components of the hidden states), and, of a causal language model, "
        "`world.zero_shot` and `world.test_zero_shot` (its log odds without training). The passes over the training "
        "set are limited for each method."
    )
    fine_tunes: ClassVar[bool] = True

    data: str = ""
    """Folder that `aarlab data prepare` wrote. Required."""
    weak: str = ""
    """Model of the teacher: a folder or a name on the Hugging Face hub. Required."""
    strong: str = ""
    """Model of the student: a folder or a name on the hub; it can be the same with more layers. Required."""
    weak_layers: Annotated[int, Field(ge=0)] = 0
    """Number of the teacher's layers to keep; 0: all."""
    strong_layers: Annotated[int, Field(ge=0)] = 0
    """Number of the student's layers to keep; 0: all."""
    lora_rank: Annotated[int, Field(ge=0, le=512)] = 0
    """Rank of LoRA for the student; 0: all its weights are trained. The teacher's weights are always all trained."""
    teacher_examples: Annotated[int, Field(ge=8)] = 200
    """Labelled items on which the teacher is trained, half of each class where the pool allows."""
    unlabelled: ItemCount = 2000
    """Items on which the student is trained, drawn for each world, also in a pilot; a smaller pool is used as a
    whole."""
    teacher_epochs: Count = 20
    """Passes of the teacher over its items."""
    teacher_batch: Count = 16
    """Items in a training step of the teacher."""
    epochs: Annotated[int, Field(ge=1, le=8)] = 2
    """Passes of the student over its items, for the strong accuracy and unless a method chooses another number."""
    batch: Annotated[int, Field(ge=2)] = 32
    """Items in a training step of the student."""
    learning_rate: Scale = 1e-4
    """Highest learning rate of AdamW, for teacher and student."""
    max_length: Annotated[int, Field(ge=8)] = 256
    """Number of tokens; longer texts are cut, prompts of a causal language model at their beginning."""
    max_passes: Annotated[float, Field(ge=1)] = 12.0
    """Passes over the training set that one method may use on a world."""
    draws: Literal["fresh", "fixed"] = "fresh"
    """`fresh`: every world has its own teacher, student and test items. `fixed`: all worlds of a split have the same
    items and differ in the training seeds, as in the study of Wen et al. 2026; use `scoring.full_worlds: 5`."""
    device: str = "auto"
    """Device of both models, such as `cpu` or `cuda:1`; auto: the first GPU, or the processor."""

    @property
    def parameters(self) -> TaskParameters:
        """Parameters by name, and a hash of data, models and versions if the data are set."""
        return self.model_dump() | ({"content": _content(self)} if self.data else {})

    def catalogue(self) -> list[dict[str, Any]]:
        """Return the operators for a student that is fine-tuned."""
        return catalogue(fine_tuned=True)

    def problem(self, *, shifted: bool) -> str | None:
        """Return what is missing for a run, with or without shifted worlds; None: nothing."""
        if missing := [name for name in ("data", "weak", "strong") if not getattr(self, name)]:
            return f"the task hf needs task.parameters.{missing[0]}: {type(self).model_fields[missing[0]].description}"
        try:
            require_packages()
            pools = PreparedData.load_research(self.data).pools
            for model in (self.weak, self.strong):
                if is_path(model):
                    checkpoint_folder(model)
        except (UnusableData, UnusableModel) as error:
            return str(error)
        if shifted and not len(pools["ood"]):
            return f"{self.data} has no items of another distribution. Set scoring.shifted_worlds to 0"
        return None

    def prepare(self, progress: Progress | None = None) -> None:
        """Load the models, embed all items and make the first world, from the cache where possible.

        Raises:
            UnusableData: The data are missing or were changed.
            UnusableModel: A parameter, a package or a model is missing, a model does not fit in memory, a pool is too
                small, or there is no gap.
        """
        if (problem := self.problem(shifted=False)) is not None:
            raise UnusableModel(problem)
        report = progress or (lambda activity, share: None)
        report("loading models and embedding the items", 0.0)
        _resources(self)
        report("training a teacher and a strong student", 0.5)
        self.world(0)
        report("training a teacher and a strong student", 1.0)

    def unload(self) -> None:
        """Free the memory of the task's models, until a world needs them again."""
        with _loading:
            if not _loaded.cache_info().currsize:
                return
            _loaded.cache_clear()
        from aarlab.scenarios.hf.fine_tuner import free_memory

        free_memory()

    def interrupted(self) -> AbstractContextManager[None]:
        """Return a context in which trainings end after their current step; finished ones stay in the cache."""
        if not _loaded.cache_info().currsize:
            return nullcontext()
        from aarlab.scenarios.hf.fine_tuner import interrupted_trainings

        return interrupted_trainings()

    def world(self, seed: int, *, size: WorldSize = FULL, split: Split = "development") -> World:
        """Return the world of a seed. While its gap is too small, it is drawn again.

        Raises:
            UnusableModel: No draw has a gap, or the data have too few items.
        """
        check_world_seed(seed)
        for attempt in range(MAX_DRAWS):
            items = self.draw(size, split, generator(self.name, split, seed, attempt))
            own = accuracy(items.test_weak_labels, items.test_labels)
            weak_acc = own if items.fixed_weak_acc is None else items.fixed_weak_acc
            # Nobody sees the score of a smoke test, so no strong student is trained for one.
            strong_acc = 1.0 if size == SMOKE else self._strong_acc(items)
            if strong_acc - weak_acc > MIN_GAP:
                return self._assemble(items, weak_acc, strong_acc)
        raise UnusableModel(
            f"hf: in {MAX_DRAWS} draws the strong student, trained on true labels, was not better than the teacher "
            f"(accuracies of the last: {strong_acc:.3f} and {weak_acc:.3f}). Fix: fewer teacher_examples or "
            "weak_layers, more unlabelled items or epochs, or another learning_rate"
        )

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> TextItems:
        """Return the items of a world with the labels of its teacher, which is trained or comes from the cache."""
        resources, seed = _resources(self), int(rng.integers(2**31))
        # In mode `fixed`, the items of a split do not depend on the world.
        teacher, unlabelled, test = self._positions(
            size, split, rng if self.draws == "fresh" else generator("hf items", split)
        )
        if self.draws == "fresh":
            weak_labels, fixed_weak_acc = self._weak_labels(teacher, np.concatenate([unlabelled, test]), seed), None
        else:
            teachers = [self._weak_labels(teacher, np.concatenate([unlabelled, test]), i) for i in range(FIXED_SEEDS)]
            weak_labels = teachers[seed % FIXED_SEEDS]
            accuracies = [accuracy(labels[len(unlabelled) :], resources.labels[test]) for labels in teachers]
            fixed_weak_acc = float(np.mean(accuracies))
        return TextItems(
            features=resources.features[unlabelled],
            labels=resources.labels[unlabelled],
            weak_labels=weak_labels[: len(unlabelled)],
            test_features=resources.features[test],
            test_labels=resources.labels[test],
            test_weak_labels=weak_labels[len(unlabelled) :],
            relations=np.empty((0, 3), dtype=np.int64),
            unlabelled=unlabelled,
            test=test,
            seed=seed,
            fixed_weak_acc=fixed_weak_acc,
        )

    def _positions(
        self, size: WorldSize, split: Split, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return the positions of teacher, unlabelled and test items. Raises UnusableModel if a pool is too small."""
        resources = _resources(self)
        pools = resources.data.pools
        # The same half in every process and run: held-out items are never scored before the close.
        order = generator("hf held-out items").permutation(pools["test"])
        n_heldout = int(HELDOUT_SHARE * len(order))
        tested = {"development": order[n_heldout:], "heldout": order[:n_heldout], "shifted": pools["ood"]}[split]
        for name, found, needed in (
            ("student", pools["student"], 40),
            ("teacher", pools["teacher"], 8),
            (split, tested, 20),
        ):
            if len(found) < needed:
                raise UnusableModel(f"{self.data} has {len(found)} items for {name}, and at least {needed} are needed")
        teacher = _stratified(pools["teacher"], resources.labels, self.teacher_examples, rng)
        # A pilot has fewer worlds and test items only: after fewer steps, a fine-tuned student may know nothing yet.
        wanted = size.unlabelled if size == SMOKE and size.unlabelled else self.unlabelled
        n_unlabelled = min(wanted, self.unlabelled, len(pools["student"]))
        unlabelled = rng.choice(pools["student"], n_unlabelled, replace=False)
        return teacher, unlabelled, rng.choice(tested, min(size.test, len(tested)), replace=False)

    def _weak_labels(self, teacher: IntArray, items: IntArray, seed: int) -> FloatArray:
        """Return the probabilities of label 1 of a teacher for the items, from the cache if possible."""
        resources, settings = _resources(self), self._training(self.teacher_epochs, self.teacher_batch)

        def make() -> dict[str, FloatArray]:
            targets = resources.labels[teacher].astype(np.float64)
            model = resources.weak.finetune(teacher, targets, np.ones(len(teacher)), settings, seed=seed)
            return {"probabilities": resources.weak.predict(model, items, batch=self.batch)}

        return cached("hf-teacher", self.cache_key(self._shape, settings, seed, teacher, items), make)["probabilities"]

    def _strong_acc(self, items: TextItems) -> float:
        """Return the accuracy of the strong student trained on true labels; in mode `fixed`, the mean over seeds."""
        resources, settings = _resources(self), self._training(self.epochs, self.batch)
        seeds = [items.seed] if self.draws == "fresh" else list(range(FIXED_SEEDS))

        def predictions(seed: int) -> FloatArray:
            def make() -> dict[str, FloatArray]:
                weights = np.ones(len(items.labels))
                targets = items.labels.astype(np.float64)
                model = resources.strong.finetune(items.unlabelled, targets, weights, settings, seed=seed)
                return {"probabilities": resources.strong.predict(model, items.test, batch=self.batch)}

            return cached("hf-strong", self.cache_key(self._shape, settings, seed, items.unlabelled, items.test), make)[
                "probabilities"
            ]

        return float(np.mean([accuracy(predictions(seed), items.test_labels) for seed in seeds]))

    def _assemble(self, items: TextItems, weak_acc: float, strong_acc: float) -> World:
        resources, settings = _resources(self), self._training(self.epochs, self.batch)
        zero_shot = resources.zero_shot
        inputs = Inputs(
            items.features, items.weak_labels, items.test_features, items.relations, items.seed,
            texts=tuple(resources.texts[i] for i in items.unlabelled),
            test_texts=tuple(resources.texts[i] for i in items.test),
            zero_shot=None if zero_shot is None else zero_shot[items.unlabelled],
            test_zero_shot=None if zero_shot is None else zero_shot[items.test],
        )  # fmt: skip

        def service() -> StudentSession:
            positions = {"unlabelled": items.unlabelled, "test": items.test}
            return StudentSession(resources.strong, positions, settings, seed=items.seed, max_passes=self.max_passes)

        return World(
            self.name, inputs, weak_acc, strong_acc, student_service=service,
            _test_labels=items.test_labels, _unlabelled_labels=items.labels,
        )  # fmt: skip

    def _training(self, epochs: int, batch: int) -> "TrainingSettings":
        from aarlab.scenarios.hf.fine_tuner import TrainingSettings

        return TrainingSettings(epochs=epochs, learning_rate=self.learning_rate, batch=batch)

    def cache_key(self, *dependencies: object) -> TaskParameters:
        """Return the key of arrays that depend on data, models, library versions and these objects."""
        digest = hashlib.sha256(_content(self).encode())
        for value in dependencies:
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        return {"content": digest.hexdigest()}

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.weak_layers, self.strong_layers, self.lora_rank, self.max_length


_loading = threading.Lock()


def _resources(task: HF) -> _Resources:
    """Return data and models of a task, loaded once in a process."""
    with _loading:  # else two threads would load them at the same time
        return _loaded(task)


@functools.lru_cache(maxsize=1)
def _loaded(task: HF) -> _Resources:
    from aarlab.scenarios.hf.fine_tuner import FineTuner
    from aarlab.scenarios.hf.student_models import ModelSettings

    data = PreparedData.load(task.data)
    assert data.labels is not None, "the evaluator has the labels"

    def tuner(model: str, layers: int, lora_rank: int) -> FineTuner:
        settings = ModelSettings(checkpoint_folder(model), layers, lora_rank, task.max_length, task.device)
        return FineTuner(settings, data.texts, data.prompts, data.answers)

    weak, strong = tuner(task.weak, task.weak_layers, 0), tuner(task.strong, task.strong_layers, task.lora_rank)
    items = np.arange(len(data.items))

    def make() -> dict[str, FloatArray]:
        embeddings = strong.embeddings(items, batch=task.batch)
        zero_shot = {"zero_shot": strong.zero_shot(items, batch=task.batch)} if strong.is_causal else {}
        return {"features": _principal_components(embeddings, data.pools["student"]), **zero_shot}

    arrays = cached("hf-features", task.cache_key(task.strong_layers, task.max_length), make)
    return _Resources(data, data.labels, data.texts, weak, strong, arrays["features"], arrays.get("zero_shot"))


@functools.lru_cache(maxsize=16)
def _content(task: HF) -> str:
    """Return a hash of the data, the models and the versions of the libraries."""
    from aarlab.scenarios.hf.student_models import device_kind

    parts = [
        PreparedData.load_research(task.data).content_sha256,
        *(fingerprint(checkpoint_folder(model)) for model in (task.weak, task.strong)),
        *(importlib.metadata.version(package) for package in PACKAGES),
        device_kind(task.device),
    ]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _principal_components(embeddings: FloatArray, fitted_on: IntArray) -> FloatArray:
    """Return up to FEATURES principal components of standardised embeddings, scaled to a mean variance of 1."""
    chosen = embeddings[fitted_on]
    mean, deviation = chosen.mean(axis=0), chosen.std(axis=0) + 1e-6
    covariance = np.cov(((chosen - mean) / deviation).T)
    _, axes = np.linalg.eigh(covariance)
    features = (embeddings - mean) / deviation @ axes[:, ::-1][:, :FEATURES]
    return np.asarray(features / features[fitted_on].std(), dtype=np.float64)


def _stratified(pool: IntArray, labels: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Return up to `count` positions of the pool, half of each class where it has enough; the prior is no signal."""
    chosen: list[int] = []
    for label in (0, 1):
        members = pool[labels[pool] == label]
        chosen += rng.permutation(members)[: count // 2].tolist()
    return np.array(chosen, dtype=np.int64)
