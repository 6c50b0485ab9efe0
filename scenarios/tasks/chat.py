"""The chat task: which of two replies is better? Latent merits, style and topics generate replies as bags of words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import expit

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.mlp import Float32Array
from aarlab.scenarios.tasks.poisson import Counts, poisson_counts
from aarlab.scenarios.tasks.seeded_task import Count, ItemCount, Scale, SeededTask
from aarlab.scenarios.tasks.weak_teacher import WeakTeacher
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.geometry import principal_axes
from aarlab.scenarios.toolkit.inputs import OPPOSITE, FloatArray, IntArray

MERIT_WEIGHTS = np.array([1.0, 0.9, 0.8, 0.7]) / np.linalg.norm([1.0, 0.9, 0.8, 0.7])
"""Weights of the four merits in the quality of a reply."""
TOPICS = 2
N_FACTORS = len(MERIT_WEIGHTS) + 1 + TOPICS
"""Latent factors that determine the words of a reply: merits, style and topics."""
WORDS = 240
TYPICAL_LENGTH = 90
CUE_WORDS = 6
"""Number of words, the first of the vocabulary, with a share in a reply that the teacher observes."""
LANGUAGE_SEED = 303
"""Seed of the standard language."""
PRETRAINING_REPLIES = 6000
"""Replies in the student's pretraining set."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """How latent factors generate words, and the embedding that the student learned from replies."""

    loadings: Float32Array
    """(N_FACTORS, WORDS) effect of each factor on the log rate of each word."""
    base: Float32Array
    """(WORDS,) log rate of each word."""
    centre: Float32Array
    """(WORDS,) mean of log(1 + count)."""
    axes: Float32Array
    """(WORDS, dims) principal axes of log(1 + count), divided by the square root of their standard deviation."""

    def embed(self, counts: Counts) -> FloatArray:
        """Return the student's (n, dims) features of (n, WORDS) replies."""
        return np.asarray(_log_counts(counts) @ self.axes - self.centre @ self.axes, dtype=np.float64)


class Chat(SeededTask):
    """The chat task."""

    name: ClassVar[str] = "chat"
    about: ClassVar[str] = (
        "An item is a pair of chat replies to the same prompt; label 1 means that a judge prefers the first. The "
        "weak teacher sees little more than the lengths of the replies; longer replies are often, but not always, "
        "better. The strong student represents a pair by 48 numbers from a model that was pretrained on many replies. "
        "Some pairs appear a second time in swapped order, so their labels are opposite."
    )
    strong_l2: ClassVar[float] = 3e-2

    unlabelled: ItemCount = 1050
    """Unlabelled items in the training set; a third of them repeat another pair in swapped order."""
    teacher_examples: Count = 150
    """Pairs with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    separation: Annotated[float, Field(ge=0, le=3)] = 1.2
    """Distance between good and bad drafts, in units of merit."""
    length_bias: Annotated[float, Field(ge=-1, le=1)] = 0.5
    """Correlation between the quality of a reply and its length, on which the teacher relies."""
    preference_slope: Scale = 8.0
    """Slope of the judge's preference in the difference of quality; larger values give less label noise."""
    dims: Annotated[int, Field(ge=8, le=WORDS)] = 40
    """Dimensions of the student's embedding of one reply."""

    def pretrain(self, progress: Callable[[float], None]) -> Language:
        """Return the standard language with the embedding that the student learned."""
        parameters = {
            "seed": LANGUAGE_SEED,
            "replies": PRETRAINING_REPLIES,
            "words": WORDS,
            "dims": self.dims,
            "separation": self.separation,
            "length_bias": self.length_bias,
        }
        arrays = cached("chat", parameters, lambda: asdict(self._learn_language(np.random.default_rng(LANGUAGE_SEED))))
        return Language(**arrays)

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world. A shifted world has a new language, on which the student was pretrained."""
        language = self._learn_language(rng) if split == "shifted" else self.pretrain(lambda share: None)
        return self._draw_items(language, size, rng)

    def _draw_items(self, language: Language, size: WorldSize, rng: np.random.Generator) -> Items:
        total = size.unlabelled or self.unlabelled
        swapped = total // 3
        n_distinct = total - swapped
        first, second, preferred = self._pairs(language, self.teacher_examples + n_distinct + size.test, rng)
        teacher_rows, world_rows = slice(self.teacher_examples), slice(self.teacher_examples, None)
        teacher = WeakTeacher.fit(
            _cues(first[teacher_rows], second[teacher_rows]), preferred[teacher_rows], neighbours=self.neighbours
        )

        first, second, labels = first[world_rows], second[world_rows], preferred[world_rows]
        first_embedded, second_embedded = language.embed(first), language.embed(second)
        features = _pair_features(first_embedded, second_embedded)
        weak = teacher.probabilities(_cues(first, second))
        repeated = np.arange(swapped)
        repeated_features = _pair_features(second_embedded[repeated], first_embedded[repeated])
        repeated_weak = teacher.probabilities(_cues(second[repeated], first[repeated]))
        return Items(
            features=np.concatenate([features[:n_distinct], repeated_features]),
            labels=np.concatenate([labels[:n_distinct], 1 - labels[repeated]]),
            weak_labels=np.concatenate([weak[:n_distinct], repeated_weak]),
            test_features=features[n_distinct:],
            test_labels=labels[n_distinct:],
            test_weak_labels=weak[n_distinct:],
            relations=np.column_stack([repeated, n_distinct + repeated, np.full(swapped, OPPOSITE)]),
        )

    def _pairs(self, language: Language, count: int, rng: np.random.Generator) -> tuple[Counts, Counts, IntArray]:
        """Return (count, WORDS) first and second replies and their (count,) labels; 1: the judge prefers the first."""
        topics = rng.normal(size=(count, TOPICS))
        replies, quality = self._replies(language.loadings, language.base, np.concatenate([topics, topics]), rng)
        prefers_first = expit(self.preference_slope * (quality[:count] - quality[count:]))
        return replies[:count], replies[count:], (rng.random(count) < prefers_first).astype(np.int64)

    def _replies(
        self, loadings: Float32Array, base: Float32Array, topics: FloatArray, rng: np.random.Generator
    ) -> tuple[Counts, FloatArray]:
        """Return (n, WORDS) word counts of replies on (n, TOPICS), and their (n,) qualities.

        A reply starts from a good or a bad draft, which shifts all merits together. Each merit also varies on its own.
        """
        n = len(topics)
        draft = rng.choice([-1, 1], n)
        merits = self.separation * draft[:, None] * MERIT_WEIGHTS + 0.7 * rng.normal(size=(n, len(MERIT_WEIGHTS)))
        quality = merits @ MERIT_WEIGHTS
        length_noise = np.sqrt(1 - self.length_bias**2) * rng.normal(size=n)
        length = TYPICAL_LENGTH * np.exp(0.4 * (self.length_bias * quality / quality.std() + length_noise))
        factors = np.column_stack([0.45 * merits, 0.4 * rng.normal(size=n), 0.6 * topics])
        rates = factors.astype(np.float32) @ loadings
        rates += base
        np.exp(rates, out=rates)
        rates *= (length / rates.sum(axis=1))[:, None].astype(np.float32)
        return poisson_counts(rates, rng), quality

    def _learn_language(self, rng: np.random.Generator) -> Language:
        """Return a random language with the axes that the student learned from replies in it."""
        strengths, present = rng.normal(size=(N_FACTORS, WORDS)), rng.random((N_FACTORS, WORDS)) < 0.3
        loadings, base = (strengths * present).astype(np.float32), (0.8 * rng.normal(size=WORDS)).astype(np.float32)
        counts, _ = self._replies(loadings, base, rng.normal(size=(PRETRAINING_REPLIES, TOPICS)), rng)
        logs = _log_counts(counts)
        axes, deviations = principal_axes(logs.astype(np.float64), self.dims)
        return Language(loadings, base, logs.mean(axis=0), (axes / np.sqrt(deviations)).astype(np.float32))


_LOG_OF_COUNT: Float32Array = np.log1p(np.arange(256)).astype(np.float32)


def _log_counts(counts: Counts) -> Float32Array:
    """Return log(1 + count) from a table, which is faster than computing it."""
    return _LOG_OF_COUNT.take(counts)


def _cues(first: Counts, second: Counts) -> FloatArray:
    """Return the teacher's features of n pairs.

    (n, 3): the difference in log length, the difference in the share of cue words, and the first reply's log length.
    """
    length, other = (reply.sum(axis=1, dtype=np.uint16) + 1.0 for reply in (first, second))
    share, other_share = first[:, :CUE_WORDS].sum(axis=1) / length, second[:, :CUE_WORDS].sum(axis=1) / other
    return np.column_stack([np.log(length / other), share - other_share, np.log(length)])


def _pair_features(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the (n, dims + 8) features of pairs of embedded replies: the difference, and 8 weakly scaled sums."""
    return np.column_stack([first - second, 0.3 * (first + second)[:, :8]])
