"""Math: is a claimed result right? The teacher estimates by rounding, the student computes digit by digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aarlab.scenarios.task import WorldSize
from aarlab.scenarios.tasks.claims import NetworkOutput, claim_features, one_hot, pair_relations
from aarlab.scenarios.tasks.mlp import Float32Array, Network, log_softmax, train
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.scenarios.tasks.weak_teacher import WeakTeacher
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

TEMPLATES = 4
"""a + b + c, a * c, |a - b| + c and 2a + b."""
DIGITS = 3
"""Digits of a result; all are below 1000."""
PRETRAINING_PROBLEMS, EPOCHS, BATCH, RATE = 95_000, 16, 256, 3e-3
HIDDEN = (256, 128)


@dataclass(frozen=True, slots=True, eq=False)
class ProblemDistribution:
    """Which problems are asked and which mistakes are made."""

    templates: FloatArray
    """(4,) share of each template."""
    lowest: tuple[int, int]
    """Smallest a and b."""
    highest: tuple[int, int]
    """Largest a and b."""
    mistakes: FloatArray
    """(5,) share among wrong claims: off by ten, off by one or two, wrong template, swapped digits, any number."""


STANDARD = ProblemDistribution(
    np.full(TEMPLATES, 1 / TEMPLATES), (10, 10), (99, 99), np.array([0.27, 0.27, 0.2, 0.1, 0.16])
)


@dataclass(frozen=True, slots=True, eq=False)
class Problems:
    """n problems: a template each, and the operands a, b of two digits and c of one."""

    template: IntArray
    a: IntArray
    b: IntArray
    c: IntArray

    def __len__(self) -> int:
        return len(self.template)

    def __getitem__(self, rows: IntArray | slice) -> Problems:
        return Problems(self.template[rows], self.a[rows], self.b[rows], self.c[rows])

    def results(self) -> IntArray:
        """Return the (n,) right results."""
        return _results(self.template, self.a, self.b, self.c)

    def encoded(self) -> Float32Array:
        """Return the (n, 54) inputs of the student's network: one-hot template and digits."""
        digits = [self.a // 10, self.a % 10, self.b // 10, self.b % 10, self.c]
        return np.column_stack([one_hot(self.template, TEMPLATES), *(one_hot(digit, 10) for digit in digits)])


@dataclass(frozen=True)
class Math(SeededTask):
    """The math task; its fields are its difficulty parameters."""

    name: ClassVar[str] = "math"
    about: ClassVar[str] = (
        "An item is an arithmetic problem with a claimed result; label 1 means that the result is right. The weak "
        "teacher rounds the operands and sees whether the claim is near its estimate. The strong student represents an "
        "item by numbers from a network that has learned to compute results digit by digit: what it thinks of the "
        "claimed digits, how unsure it is, part of its hidden state, and the look of the problem. There are two claims "
        "on every problem, and of some it is known whether they differ: then at most one of them is right."
    )
    strong_l2: ClassVar[float] = 1e-2

    unlabelled: int = 1200
    """Items to train on: two claims on each of half as many problems."""
    teacher_examples: int = 200
    """Claims with true labels that the teacher learned from."""
    neighbours: int = 5
    """Neighbours that the teacher asks."""
    related_share: float = 0.3
    """Share of the problems for which it is known whether the two claims differ."""
    belief: float = 0.6
    """Scale of the student's belief in a claim among its features."""
    hidden: float = 0.4
    """Scale of the student's hidden state among its features."""

    def __post_init__(self) -> None:
        self._require(0 <= self.related_share <= 1, "related is a share, from 0 to 1")
        self._require(self.belief > 0 and self.hidden > 0, "belief and hidden are above 0")
        counts = (self.teacher_examples, self.neighbours)
        self._require(min(counts) >= 1 and self.unlabelled >= 40, "counts are 1 or more, unlabelled 40 or more")

    def _pretrain(self, progress: Callable[[float], None]) -> Network:
        """Return the network that learned to compute."""
        settings: dict[str, float | int | str] = {
            "problems": PRETRAINING_PROBLEMS,
            "epochs": EPOCHS,
            "batch": BATCH,
            "rate": RATE,
            "hidden": str(HIDDEN),
        }

        def make() -> dict[str, Float32Array]:
            rng = generator("math", "arithmetic")
            problems = _problems(STANDARD, PRETRAINING_PROBLEMS, rng)
            inputs = problems.encoded()
            return train(
                Network.random((inputs.shape[1], *HIDDEN, DIGITS * 10), rng),
                inputs,
                _digits(problems.results()),
                rng,
                loss="categorical",
                epochs=EPOCHS,
                batch=BATCH,
                learning_rate=RATE,
                progress=progress,
            ).arrays()

        return Network.of_arrays(cached("math", settings, make))

    def _draw(self, size: WorldSize, rng: np.random.Generator) -> Items:
        return self._draw_items(STANDARD, size, rng)

    def _draw_shifted(self, size: WorldSize, rng: np.random.Generator) -> Items:
        """In a shifted world templates and mistakes have other shares, and the operands other ranges."""
        low = rng.integers(10, 60, 2)
        high = np.minimum(low + rng.integers(30, 60, 2), 99)
        distribution = ProblemDistribution(
            rng.dirichlet(np.ones(TEMPLATES)),
            (int(low[0]), int(low[1])),
            (int(high[0]), int(high[1])),
            rng.dirichlet(np.ones(len(STANDARD.mistakes))),
        )
        return self._draw_items(distribution, size, rng)

    def _draw_items(self, distribution: ProblemDistribution, size: WorldSize, rng: np.random.Generator) -> Items:
        n_pairs = (size.unlabelled or self.unlabelled) // 2
        problems = _problems(distribution, self.teacher_examples + n_pairs + size.test, rng)
        index = np.arange(len(problems))
        rows = np.insert(
            index, self.teacher_examples + n_pairs, index[self.teacher_examples : self.teacher_examples + n_pairs]
        )
        problems = problems[rows]
        claims, labels = _claims(problems, distribution.mistakes, rng)

        view = _teacher_view(problems, claims)
        teacher = WeakTeacher.fit(
            view[: self.teacher_examples], labels[: self.teacher_examples], neighbours=self.neighbours
        )
        problems, claims, labels = (
            problems[self.teacher_examples :],
            claims[self.teacher_examples :],
            labels[self.teacher_examples :],
        )
        weak = teacher.probabilities(view[self.teacher_examples :])
        features = self._features(problems, claims, rng)
        train_rows, test_rows = slice(2 * n_pairs), slice(2 * n_pairs, None)
        return Items(
            features=features[train_rows],
            labels=labels[train_rows],
            weak_labels=weak[train_rows],
            test_features=features[test_rows],
            test_labels=labels[test_rows],
            test_weak_labels=weak[test_rows],
            relations=pair_relations(claims[:n_pairs] == claims[n_pairs : 2 * n_pairs], self.related_share),
        )

    def _features(self, problems: Problems, claims: IntArray, rng: np.random.Generator) -> FloatArray:
        """Return the student's (n, d) features."""
        *_, hidden, output = self._pretrain(lambda share: None).activations(problems.encoded())
        network_output = NetworkOutput(log_softmax(output, DIGITS), hidden)
        beliefs = claim_features(network_output, _digits(claims), rng, belief=self.belief, hidden=self.hidden)
        return np.column_stack([beliefs, _surface(problems, claims)])


def _problems(distribution: ProblemDistribution, count: int, rng: np.random.Generator) -> Problems:
    template = rng.choice(TEMPLATES, count, p=distribution.templates)
    a, b = (
        rng.integers(low, high + 1, count) for low, high in zip(distribution.lowest, distribution.highest, strict=True)
    )
    return Problems(template, a, b, rng.integers(2, 10, count))


def _results(template: IntArray, a: IntArray, b: IntArray, c: IntArray) -> IntArray:
    return np.choose(template, [a + b + c, a * c, np.abs(a - b) + c, 2 * a + b])


def _digits(numbers: IntArray) -> IntArray:
    """Return the (n, 3) decimal digits of (n,) numbers below 1000."""
    return np.column_stack([numbers // 100, numbers // 10 % 10, numbers % 10])


def _claims(problems: Problems, mistakes: FloatArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return a (n,) claimed result for each problem and its (n,) label; half of the claims are right."""
    n, right = len(problems), problems.results()
    labels = rng.integers(0, 2, n)
    sign = rng.choice([-1, 1], n)
    other_template = (problems.template + rng.integers(1, TEMPLATES, n)) % TEMPLATES
    hundreds, tens, ones = _digits(right).T
    wrong = np.choose(
        rng.choice(len(mistakes), n, p=mistakes),
        [
            right + 10 * sign,
            right + sign * rng.integers(1, 3, n),
            _results(other_template, problems.a, problems.b, problems.c),
            100 * hundreds + 10 * ones + tens,
            rng.integers(0, 1000, n),
        ],
    )
    wrong = np.abs(wrong) % 1000
    wrong = np.where(wrong == right, (right + 1) % 1000, wrong)
    return np.where(labels == 1, right, wrong), labels


def _teacher_view(problems: Problems, claims: IntArray) -> FloatArray:
    """Return the (n, 11) features of the teacher: how far the claim is from an estimate with rounded operands."""
    a, b = ((operand + 5) // 10 * 10 for operand in (problems.a, problems.b))
    off = np.abs(claims - _results(problems.template, a, b, problems.c))
    return np.column_stack(
        [
            np.log1p(off),
            off / 100,
            off < 20,
            off > 60,
            claims % 2 == 0,
            claims % 5 == 0,
            claims / 500,
            one_hot(problems.template, TEMPLATES),
        ]
    )


def _surface(problems: Problems, claims: IntArray) -> FloatArray:
    """Return (n, 11) features of the look of a problem and its claim, each about half a unit wide."""
    return 0.5 * np.column_stack(
        [
            claims / 500 - 1,
            claims % 2 - 0.5,
            claims % 5 == 0,
            claims > 99,
            one_hot(problems.template, TEMPLATES) - 1 / TEMPLATES,
            (problems.a - 55) / 26,
            (problems.b - 55) / 26,
            (problems.c - 5.5) / 2.3,
        ]
    )
