"""The chat task: which of two replies is better? Latent merits, style and topics generate replies as bags of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
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
from aarlab.scenarios.toolkit.inputs import OPPOSITE, SAME, FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

MERIT_WEIGHTS = np.array([1.0, 0.9, 0.8, 0.7]) / np.linalg.norm([1.0, 0.9, 0.8, 0.7])
"""Weights of the four merits in the quality of a reply."""
MERITS = len(MERIT_WEIGHTS)
STYLES, TOPICS = 6, 2
N_FACTORS = MERITS + STYLES + TOPICS
"""Latent factors that determine the words of a reply: merits, styles and topics."""
STANDARD_STYLES = 3
"""Styles in which assistants differ in standard worlds; in shifted worlds they differ in all."""
SHIFTED_ASSISTANTS = 3
"""Factor by which there are more assistants in shifted worlds."""
WORDS = 120
TYPICAL_LENGTH = 80
CUE_WORDS = 6
"""Number of words, the first of the vocabulary, with a share in a reply that the teacher observes."""
PRETRAINING_REPLIES = 1500
"""Replies in the student's pretraining set for each language."""
LANGUAGES: Mapping[Split, tuple[int, ...]] = MappingProxyType(
    {"development": (0, 1, 2, 3), "heldout": (4, 5, 6, 7), "shifted": (4, 5, 6, 7)}
)
"""Numbers of the languages of each split."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """How latent factors generate words, and the embedding that the student learned from replies."""

    loadings: Float32Array
    """(N_FACTORS, WORDS) effect of each factor on the log rate of each word."""
    base: Float32Array
    """(WORDS,) log rate of each word."""
    axes: Float32Array
    """(WORDS, dims) principal axes of log(1 + count), divided by the square root of their standard deviation."""

    def embed(self, counts: Counts) -> FloatArray:
        """Return the student's (n, dims) features of (n, WORDS) replies."""
        return np.asarray(_log_counts(counts) @ self.axes, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Replies:
    """Latent variables of n replies."""

    merits: FloatArray
    """(n, MERITS)"""
    topics: FloatArray
    """(n, TOPICS)"""
    styles: FloatArray
    """(n, STYLES)"""

    def quality(self) -> FloatArray:
        """Return the (n,) qualities."""
        return np.asarray(self.merits @ MERIT_WEIGHTS, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """n pairs of replies."""

    first: Counts
    """(n, WORDS) word counts of the first replies."""
    second: Counts
    """(n, WORDS)"""
    labels: IntArray
    """(n,) 1: the judge prefers the first reply."""

    def __getitem__(self, rows: IntArray | slice) -> Pairs:
        return Pairs(self.first[rows], self.second[rows], self.labels[rows])

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """Return the pairs of all parts."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def swapped(self) -> Pairs:
        """Return the pairs in the opposite order."""
        return Pairs(self.second, self.first, 1 - self.labels)

    def cues(self) -> FloatArray:
        """Return the teacher's features.

        (n, 3): the difference in log length, the difference in the share of cue words, and the first reply's log
        length.
        """
        length, other = (reply.sum(axis=1, dtype=np.uint16) + 1.0 for reply in (self.first, self.second))
        shares = [
            reply[:, :CUE_WORDS].sum(axis=1) / size for reply, size in ((self.first, length), (self.second, other))
        ]
        return np.column_stack([np.log(length / other), shares[0] - shares[1], np.log(length)])

    def features(self, language: Language) -> FloatArray:
        """Return the student's (n, dims + 8) features: the difference of the replies, and 8 weakly scaled sums."""
        first, second = language.embed(self.first), language.embed(self.second)
        return np.column_stack([first - second, 0.3 * (first + second)[:, :8]])


class Chat(SeededTask):
    """The chat task."""

    name: ClassVar[str] = "chat"
    about: ClassVar[str] = (
        "An item is a pair of chat replies to the same prompt; label 1 means that a judge prefers the first. The "
        "weak teacher sees little more than the lengths of the replies; longer replies are often, but not always, "
        "better. The strong student represents a pair by 56 numbers from a model that was pretrained on many replies. "
        "The replies of a world come from several assistants. Some pairs appear a second time: in swapped order, so "
        "their labels are opposite, or with the first reply reworded by another assistant, so their labels are the "
        "same."
    )
    strong_l2: ClassVar[float] = 3e-2

    unlabelled: ItemCount = 1000
    """Unlabelled items in the training set; a third of them repeat another pair, swapped or reworded."""
    teacher_examples: Count = 150
    """Pairs with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    separation: Annotated[float, Field(ge=0, le=3)] = 1.2
    """Distance between good and bad drafts, in units of merit."""
    length_bias: Annotated[float, Field(ge=-0.7, le=0.7)] = 0.45
    """Correlation between the quality of a reply and its length, on which the teacher relies."""
    verbosity: Annotated[float, Field(ge=-0.7, le=0.7)] = 0.6
    """Effect of the first style on the length of a reply, relative to that of quality."""
    style: Scale = 1.2
    """Scale of the effect of styles on words."""
    assistants: Count = 5
    """Assistants that write the replies of a world, each in its own style."""
    preference_slope: Scale = 8.0
    """Slope of the judge's preference in the difference of quality; larger values give less label noise."""
    dims: Annotated[int, Field(ge=8, le=WORDS)] = 48
    """Dimensions of the student's embedding of one reply."""

    def pretrain(self, progress: Callable[[float], None]) -> list[Language]:
        """Return all languages, each with the embedding that the student learned."""
        parameters = {
            "replies": PRETRAINING_REPLIES,
            "words": WORDS,
            "length": TYPICAL_LENGTH,
            **self.model_dump(include={"dims", "separation", "length_bias", "verbosity", "style"}),
        }

        def make() -> dict[str, Float32Array]:
            learned = []
            for number in range(count):
                learned.append(self._learn_language(generator("chat", "language", number)))
                progress((number + 1) / count)
            return {field.name: np.stack([getattr(one, field.name) for one in learned]) for field in fields(Language)}

        count = len({number for numbers in LANGUAGES.values() for number in numbers})
        arrays = cached("chat", parameters, make)
        return [Language(**{name: array[number] for name, array in arrays.items()}) for number in range(count)]

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world in one of the languages of the split, by assistants drawn for the world."""
        language = self.pretrain(lambda share: None)[int(rng.choice(LANGUAGES[split]))]
        assistants = self._assistants(split, rng)
        total = size.unlabelled or self.unlabelled
        n_repeated, n_teacher = total // 3, self.teacher_examples
        n_swapped, n_distinct = n_repeated // 2, total - n_repeated
        first = self._replies(n_teacher + n_distinct + size.test, assistants, rng)
        second = replace(self._replies(len(first.merits), assistants, rng), topics=first.topics)
        prefers_first = expit(self.preference_slope * (first.quality() - second.quality()))
        labels = (rng.random(len(prefers_first)) < prefers_first).astype(np.int64)
        pairs = Pairs(self._words(first, language, rng), self._words(second, language, rng), labels)

        # The first pairs are repeated: half of them swapped, the others with the first reply reworded.
        repeated = slice(n_teacher + n_swapped, n_teacher + n_repeated)
        other_styles = self._replies(n_repeated - n_swapped, assistants, rng).styles
        reworded = Replies(first.merits[repeated], first.topics[repeated], other_styles)
        distinct = pairs[n_teacher : n_teacher + n_distinct]
        shown = Pairs.joined(
            [
                distinct,
                distinct[:n_swapped].swapped(),
                replace(pairs[repeated], first=self._words(reworded, language, rng)),
            ]
        )
        test, taught = pairs[n_teacher + n_distinct :], pairs[:n_teacher]
        teacher = WeakTeacher.fit(taught.cues(), taught.labels, neighbours=self.neighbours)
        row = np.arange(n_repeated)
        return Items(
            features=shown.features(language),
            labels=shown.labels,
            weak_labels=teacher.probabilities(shown.cues()),
            test_features=test.features(language),
            test_labels=test.labels,
            test_weak_labels=teacher.probabilities(test.cues()),
            relations=np.column_stack([row, n_distinct + row, np.where(row < n_swapped, OPPOSITE, SAME)]),
        )

    def _assistants(self, split: Split, rng: np.random.Generator) -> FloatArray:
        """Return the (k, STYLES) styles of the assistants of a world."""
        if split == "shifted":
            return rng.normal(size=(SHIFTED_ASSISTANTS * self.assistants, STYLES))
        styles = np.zeros((self.assistants, STYLES))
        styles[:, :STANDARD_STYLES] = rng.normal(size=(self.assistants, STANDARD_STYLES))
        return styles

    def _replies(self, n: int, assistants: FloatArray, rng: np.random.Generator) -> Replies:
        """Return n replies by random assistants.

        A reply starts from a good or a bad draft, which shifts all merits together. Each merit also varies on its own.
        """
        draft = rng.choice([-1, 1], n)
        merits = self.separation * draft[:, None] * MERIT_WEIGHTS + 0.7 * rng.normal(size=(n, MERITS))
        styles = assistants[rng.integers(0, len(assistants), n)]
        varied = 0.3 * rng.normal(size=styles.shape) * assistants.any(axis=0)
        return Replies(merits, rng.normal(size=(n, TOPICS)), styles + varied)

    def _words(self, replies: Replies, language: Language, rng: np.random.Generator) -> Counts:
        """Return the (n, WORDS) word counts of n replies."""
        quality = replies.quality()
        effects = self.length_bias * quality / quality.std() + self.verbosity * replies.styles[:, 0]
        noise = np.sqrt(1 - self.length_bias**2 - self.verbosity**2) * rng.normal(size=len(quality))
        length = TYPICAL_LENGTH * np.exp(0.4 * (effects + noise))
        factors = np.column_stack([0.45 * replies.merits, self.style * replies.styles, 0.6 * replies.topics])
        rates = factors.astype(np.float32) @ language.loadings
        rates += language.base
        np.exp(rates, out=rates)
        rates *= (length / rates.sum(axis=1))[:, None].astype(np.float32)
        return poisson_counts(rates, rng)

    def _learn_language(self, rng: np.random.Generator) -> Language:
        """Return a random language with the axes that the student learned from replies in it."""
        strengths, present = rng.normal(size=(N_FACTORS, WORDS)), rng.random((N_FACTORS, WORDS)) < 0.3
        loadings, base = (strengths * present).astype(np.float32), (0.8 * rng.normal(size=WORDS)).astype(np.float32)
        language = Language(loadings, base, np.empty((WORDS, 0), np.float32))
        replies = self._replies(PRETRAINING_REPLIES, rng.normal(size=(PRETRAINING_REPLIES, STYLES)), rng)
        logs = _log_counts(self._words(replies, language, rng))
        axes, deviations = principal_axes(logs.astype(np.float64), self.dims)
        return replace(language, axes=(axes / np.sqrt(deviations)).astype(np.float32))


_LOG_OF_COUNT: Float32Array = np.log1p(np.arange(256)).astype(np.float32)


def _log_counts(counts: Counts) -> Float32Array:
    """Return log(1 + count) from a table, which is faster than computing it."""
    return _LOG_OF_COUNT.take(counts)
