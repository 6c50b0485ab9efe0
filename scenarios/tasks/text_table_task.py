"""Tasks made of a table of texts and labels: the base class of the files that `aarlab tasks new` writes."""

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.seeded_task import ItemCount, SeededTask
from aarlab.scenarios.tasks.task_data import read_data_file
from aarlab.scenarios.tasks.text_table import TableRows, TextTable, normalised, read_table
from aarlab.scenarios.tasks.weight_cache import Arrays, cached
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import BoolArray, IntArray
from aarlab.scenarios.toolkit.student import fit

TEACHER_L2 = 1e-2
"""L2 penalty of the teacher."""
MAX_FITTED_TEXTS = 6000
"""Texts on which the student's components are fitted; more would take minutes and change little."""
MIN_TEST_SHARE = 1 / 3
"""Smallest share of test items among the items of a world, for tables with few rows."""


class TextTableTask(SeededTask):
    """A task on the texts of a table.

    The student represents a text by principal components of TF-IDF weights of words, word pairs and character n-grams,
    fitted on all texts without labels. The teacher counts the most frequent words and learns from a few labels, half of
    them of each class. Each world draws the teacher's items, the training set and the test items anew, from the half of
    the rows that belongs to its split. Shifted worlds have the rows that the table names; without such rows they have
    the held-out rows, with a teacher that was trained on the shortest texts.
    """

    table: ClassVar[TextTable]
    """The CSV file and its columns."""

    unlabelled: ItemCount = 1000
    """Unlabelled items in the training set; at most two thirds of the items that a split has for a world."""
    teacher_examples: Annotated[int, Field(ge=10)] = 100
    """Texts with true labels on which the teacher is trained, half of them of each class."""
    vocabulary: Annotated[int, Field(ge=5, le=5000)] = 50
    """Most frequent words that the teacher counts."""
    width: Annotated[int, Field(ge=8, le=512)] = 64
    """Components by which the student represents a text."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a task whose table is missing, was changed or cannot be used. Raises UnusableTaskData."""
        super().__pydantic_init_subclass__(**kwargs)
        if "table" in vars(cls):
            _rows(cls.table, cls._folder())

    @model_validator(mode="after")
    def _leaves_items(self) -> Self:
        rows = _rows(self.table, self._folder())
        for split in ("development", "heldout", "shifted"):
            labels = rows.labels[_positions(rows, split)]
            smaller = int(min(labels.sum(), len(labels) - labels.sum()))
            if self.teacher_examples > smaller:
                raise ValueError(
                    f"teacher_examples must be at most {smaller}, the size of the smaller class of a split"
                )
        return self

    def pretrain(self, progress: Callable[[float], None]) -> Arrays:
        """Return the features of all texts: `student`, (n, width), and `teacher`, (n, vocabulary)."""
        arrays = self._features()
        progress(1.0)
        return arrays

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world."""
        rows, features = _rows(self.table, self._folder()), self._features()
        order = self._order(rows, split, rng)
        taught = _last_of_each_class(order, rows.labels, self.teacher_examples)
        others = order[~np.isin(order, taught)]
        wanted = self.unlabelled if size.unlabelled is None else size.unlabelled
        n_train = min(wanted, int(len(others) * (1 - MIN_TEST_SHARE)))
        train, test = others[:n_train], others[n_train : n_train + size.test]
        cues, student = features["teacher"].astype(np.float64), features["student"].astype(np.float64)
        centre = cues[taught].mean(axis=0)
        teacher = fit(cues[taught] - centre, rows.labels[taught].astype(np.float64), l2=TEACHER_L2)
        return Items(
            features=student[train],
            labels=rows.labels[train],
            weak_labels=teacher.predict(cues[train] - centre),
            test_features=student[test],
            test_labels=rows.labels[test],
            test_weak_labels=teacher.predict(cues[test] - centre),
            relations=np.empty((0, 3), dtype=np.int64),
        )

    def _order(self, rows: TableRows, split: Split, rng: np.random.Generator) -> IntArray:
        """Return the positions of a split's rows in random order; without rows for shifted worlds, long texts first."""
        positions = _positions(rows, split)
        weights = np.ones(len(positions))
        if split == "shifted" and not rows.is_shifted.any():
            lengths = np.array([len(rows.texts[position]) for position in positions])
            weights = (1.0 + lengths.argsort(kind="stable").argsort(kind="stable")) / len(positions)
        # Sorting by exponential variables with these rates draws rows without replacement in proportion to the weights.
        return positions[(rng.exponential(size=len(positions)) / weights).argsort(kind="stable")]

    def _features(self) -> Arrays:
        rows = _rows(self.table, self._folder())
        settings: dict[str, int | str] = {"table": _key(self.table), "width": self.width, "vocabulary": self.vocabulary}
        return cached("text_table", settings, lambda: _text_features(rows.texts, self.width, self.vocabulary))

    @classmethod
    def _folder(cls) -> Path:
        """Return the folder of the file that defines the class."""
        module_file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
        return Path(module_file).parent


@functools.lru_cache(maxsize=8)
def _rows(table: TextTable, folder: Path) -> TableRows:
    return read_table(
        read_data_file(folder, table.file, table.sha256),
        str(folder / table.file),
        text=table.text,
        label=table.label,
        positive=table.positive,
        shifted=table.shifted,
    )


def _key(table: TextTable) -> str:
    """Return everything that the features depend on except the task's parameters."""
    return f"{table.sha256} {table.text!r} {table.label!r} {table.positive!r}"


def _positions(rows: TableRows, split: Split) -> IntArray:
    """Return the positions of a split's rows. Development and held-out rows follow from their texts alone."""
    if split == "shifted" and rows.is_shifted.any():
        return np.flatnonzero(rows.is_shifted)
    return np.flatnonzero(~rows.is_shifted & (_second_half(rows.texts) != (split == "development")))


@functools.lru_cache(maxsize=8)
def _second_half(texts: tuple[str, ...]) -> BoolArray:
    """Return whether each text is held out, by its hash: new rows do not move the old ones."""
    return np.array([hashlib.sha256(normalised(text).encode()).digest()[0] % 2 == 1 for text in texts])


def _last_of_each_class(order: IntArray, labels: IntArray, count: int) -> IntArray:
    """Return the last `count` positions of the order with half of each class."""
    halves = (count // 2, count - count // 2)
    return np.concatenate([order[labels[order] == label][-half:] for label, half in enumerate(halves)])


def _text_features(texts: tuple[str, ...], width: int, vocabulary: int) -> dict[str, Any]:
    """Return the features of the student and of the teacher."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_features=50_000)
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=3, max_features=50_000
    )
    weights = hstack([words.fit_transform(texts), characters.fit_transform(texts)]).tocsr()
    sample = np.random.default_rng(0).permutation(len(texts))[:MAX_FITTED_TEXTS]
    components = TruncatedSVD(min(width, weights.shape[1] - 1), random_state=0).fit(weights[np.sort(sample)])
    counts = CountVectorizer(max_features=vocabulary).fit_transform(texts)
    return {
        "student": components.transform(weights).astype(np.float32),
        "teacher": np.log1p(counts.toarray()).astype(np.float32),
    }
