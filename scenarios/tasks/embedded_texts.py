"""The tasks `headlines` and `spam`: real texts as features of pretrained encoders. The arrays come with aarlab.

`benchmarks/build_text_tasks.py` makes them from public packages; `data/sources.json` has provenance and licences.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.seeded_task import ItemCount, SeededTask
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import SAME, FloatArray, IntArray
from aarlab.scenarios.toolkit.student import fit

TEACHER_L2 = 0.3
"""L2 penalty of the teacher's readout, chosen on worlds that no run uses."""
TOPIC_COMPONENTS = 8
"""Leading components of the student's features in which the topic direction of a world lies."""
CANDIDATES = 3
"""Candidates from which each of the teacher's examples is chosen if topic and label are related in them."""
SHIFTED_BIAS = 2.0
"""Added to the relation between topic and label in the teacher's examples of shifted worlds."""
MIN_TEST_ITEMS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """n texts in random order."""

    student: npt.NDArray[np.int8]
    """(n, 64) principal components of hidden layers of the student's encoder."""
    sentences: npt.NDArray[np.int8]
    """(n, 48) principal components of the last layer of a smaller encoder: the teacher's features."""
    words: npt.NDArray[np.int8]
    """(n, 48) principal components of word embeddings without context: the teacher's features in shifted worlds."""
    labels: IntArray
    """(n,)"""


@functools.cache
def load_corpus(name: str) -> Corpus:
    """Return a corpus that comes with aarlab, from a file of at most a few MB."""
    path = files("aarlab.scenarios.tasks") / "data" / f"{name}.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return Corpus(arrays["student"], arrays["sentences"], arrays["words"], arrays["labels"].astype(np.int64))


class EmbeddedTextTask(SeededTask):
    """A task whose worlds are drawn from a fixed corpus."""

    pools: ClassVar[Mapping[Split, tuple[float, float]]]
    """First and last row of the pool of each split, as shares of the corpus."""
    pool_items: ClassVar[int]
    """Items in each pool of which half have label 1, known without loading the corpus."""
    strong_l2: ClassVar[float] = 3e-2

    unlabelled: ItemCount
    teacher_examples: Annotated[int, Field(ge=20)]
    topic_bias: Annotated[float, Field(ge=0, le=4)]
    pairs: Annotated[float, Field(ge=0, le=0.5)]

    @model_validator(mode="after")
    def _leaves_test_items(self) -> Self:
        used = self.teacher_examples + self.unlabelled
        if used > self.pool_items - MIN_TEST_ITEMS:
            limit = f"{MIN_TEST_ITEMS} of {self.pool_items} must remain for the test"
            raise ValueError(f"teacher_examples and unlabelled use {used} items; {limit}")
        return self

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return items from the pool of the split. In shifted worlds the teacher has another encoder and more bias."""
        corpus = load_corpus(self.name)
        unlabelled = size.unlabelled or self.unlabelled
        test = min(size.test, self.pool_items - self.teacher_examples - unlabelled)
        pool = rng.permutation(pool_rows(self.name, self.pools[split]))
        bias = self.topic_bias + (SHIFTED_BIAS if split == "shifted" else 0.0)
        taught = self._teacher_rows(corpus, pool, bias, rng)
        others = pool[~np.isin(pool, taught)]
        rows = rng.permutation(_of_both_classes(corpus.labels, others, unlabelled + test))
        weak_labels = _teacher_probabilities(
            corpus.words if split == "shifted" else corpus.sentences, corpus.labels, taught, rows
        )
        features, labels = corpus.student[rows].astype(np.float64), corpus.labels[rows]
        return Items(
            features=features[:unlabelled],
            labels=labels[:unlabelled],
            weak_labels=weak_labels[:unlabelled],
            test_features=features[unlabelled:],
            test_labels=labels[unlabelled:],
            test_weak_labels=weak_labels[unlabelled:],
            relations=_same_label_pairs(labels[:unlabelled], round(self.pairs * unlabelled), rng),
        )

    def _teacher_rows(self, corpus: Corpus, pool: IntArray, bias: float, rng: np.random.Generator) -> IntArray:
        """Return the rows of the teacher's examples, half of each class.

        With a bias, they are the candidates that a random direction in the leading components fits best: one side of
        it for class 1, the other for class 0.
        """
        leading = corpus.student[pool, :TOPIC_COMPONENTS].astype(np.float64)
        direction = rng.normal(size=TOPIC_COMPONENTS)
        topic = leading / leading.std(axis=0) @ (direction / np.linalg.norm(direction))
        labels = corpus.labels[pool]
        fitness = bias * topic * np.where(labels == 1, 1, -1) + rng.gumbel(size=len(pool))
        count, chosen = self.teacher_examples // 2, []
        for label in (0, 1):
            candidates = np.flatnonzero(labels == label)[: CANDIDATES * count]
            chosen.append(pool[candidates[np.argsort(-fitness[candidates], kind="stable")[:count]]])
        return np.concatenate(chosen)


def pool_rows(name: str, shares: tuple[float, float]) -> IntArray:
    """Return the rows of a corpus between two shares of it."""
    count = len(load_corpus(name).labels)
    return np.arange(round(shares[0] * count), round(shares[1] * count))


def _of_both_classes(labels: IntArray, rows: IntArray, count: int) -> IntArray:
    """Return the first `count` rows of which half have label 1."""
    classes = [rows[labels[rows] == label] for label in (0, 1)]
    return np.concatenate([classes[0][: count - count // 2], classes[1][: count // 2]])


def _teacher_probabilities(
    features: npt.NDArray[np.int8], labels: IntArray, taught: IntArray, rows: IntArray
) -> FloatArray:
    """Return the (n,) probabilities of logistic regression on standardised features of the examples, for other rows."""
    examples = features[taught].astype(np.float64)
    mean, deviation = examples.mean(axis=0), examples.std(axis=0) + 1e-6
    teacher = fit((examples - mean) / deviation, labels[taught].astype(np.float64), l2=TEACHER_L2)
    return teacher.predict((features[rows] - mean) / deviation)


def _same_label_pairs(labels: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Return (count, 3) relations between items with the same label, half of them in each class; no item has two."""
    relations = []
    for label in (0, 1):
        items = rng.permutation(np.flatnonzero(labels == label))
        size = min(count // 2, len(items) // 2)
        relations.append(np.column_stack([items[:size], items[size : 2 * size], np.full(size, SAME)]))
    return np.concatenate(relations)


class Headlines(EmbeddedTextTask):
    """The headlines task."""

    name: ClassVar[str] = "headlines"
    about: ClassVar[str] = (
        "An item is a real news headline; label 1 means that it is satire. The weak teacher is a readout of a small "
        "pretrained encoder, trained on 200 labelled headlines. The strong student represents a headline by 64 numbers "
        "from three layers of a larger pretrained encoder. Some pairs of headlines are known to come from the same "
        "outlet, so their labels are the same. Worlds are drawn from a fixed pool of 6,000 headlines."
    )
    pools: ClassVar[Mapping[Split, tuple[float, float]]] = MappingProxyType(
        {"development": (0, 1 / 3), "heldout": (1 / 3, 2 / 3), "shifted": (2 / 3, 1)}
    )
    pool_items: ClassVar[int] = 5600

    unlabelled: ItemCount = 1000
    """Unlabelled items in the training set."""
    teacher_examples: Annotated[int, Field(ge=20)] = 200
    """Headlines with true labels on which the teacher is trained, half of each class."""
    topic_bias: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Relation between label and topic in the teacher's examples, in log odds per standard deviation of the topic."""
    pairs: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    """Pairs that are known to have the same label, as a share of the unlabelled items."""


class Spam(EmbeddedTextTask):
    """The spam task."""

    name: ClassVar[str] = "spam"
    about: ClassVar[str] = (
        "An item is the subject of a real mail; label 1 means that the mail is spam. The weak teacher is a readout of "
        "a small pretrained encoder, trained on 100 labelled subjects in which label and topic were related. The "
        "strong student represents a subject by 64 numbers from three layers of a larger pretrained encoder. There are "
        "no known relations between items. Worlds are drawn from a fixed pool of 1,900 subjects."
    )
    pools: ClassVar[Mapping[Split, tuple[float, float]]] = MappingProxyType(
        {"development": (0, 1 / 2), "heldout": (1 / 2, 1), "shifted": (1 / 2, 1)}
    )
    pool_items: ClassVar[int] = 1600

    unlabelled: ItemCount = 900
    """Unlabelled items in the training set."""
    teacher_examples: Annotated[int, Field(ge=20)] = 100
    """Subjects with true labels on which the teacher is trained, half of each class."""
    topic_bias: Annotated[float, Field(ge=0, le=4)] = 2.0
    """Relation between label and topic in the teacher's examples, in log odds per standard deviation of the topic."""
    pairs: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Pairs that are known to have the same label, as a share of the unlabelled items."""
