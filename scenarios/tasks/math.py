"""The math task: is a claimed result right? The teacher rounds the operands, the student was pretrained to compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.claims import (
    NetworkOutput,
    claim_features,
    claim_items,
    one_hot,
    pair_relations,
    question_rows,
)
from aarlab.scenarios.tasks.mlp import Float32Array, Network, log_softmax, train
from aarlab.scenarios.tasks.seeded_task import Count, ItemCount, Scale, SeededTask, Share
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
    """Distribution of problems and of mistakes in claims."""

    templates: FloatArray
    """(4,) share of each template."""
    lowest: tuple[int, int]
    """Smallest a and b."""
    highest: tuple[int, int]
    """Largest a and b."""
    mistakes: FloatArray
    """(5,) shares among wrong claims: off by ten, off by one or two, wrong template, swapped digits, random."""


STANDARD = ProblemDistribution(
    np.full(TEMPLATES, 1 / TEMPLATES), (10, 10), (99, 99), np.array([0.27, 0.27, 0.2, 0.1, 0.16])
)


@dataclass(frozen=True, slots=True, eq=False)
class Problems:
    """n problems: templates, operands a and b with two digits, operand c with one."""

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


class Math(SeededTask):
    """The math task."""

    name: ClassVar[str] = "math"
    about: ClassVar[str] = (
        "An item is an arithmetic problem with a claimed result; label 1 means that the result is right. The weak "
        "teacher rounds the operands and compares the claim with its estimate. The strong student represents an item "
        "by numbers from a network that was trained to compute results digit by digit: its probabilities of the "
        "claimed digits, its uncertainty, part of its hidden state, and surface features of the problem. There are two "
        "claims on every problem. For some problems it is known whether the claims differ: then at most one is right."
    )
    strong_l2: ClassVar[float] = 1e-2

    unlabelled: ItemCount = 1200
    """Unlabelled items in the training set: two claims on each of half as many problems."""
    teacher_examples: Count = 200
    """Claims with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    related_share: Share = 0.3
    """Share of the problems for which methods know whether the two claims differ."""
    belief: Scale = 0.6
    """Scale of the features that hold the student's belief in a claim."""
    hidden: Scale = 0.4
    """Scale of the features that hold the student's hidden state."""

    def pretrain(self, progress: Callable[[float], None]) -> Network:
        """Return the network that was trained to compute."""
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

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world. In shifted ones, shares of templates and mistakes and operands differ."""
        if split != "shifted":
            return self._draw_items(STANDARD, size, rng)
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
        problems = problems[question_rows(self.teacher_examples, n_pairs, size.test)]
        claims, labels = _claims(problems, distribution.mistakes, rng)

        teacher_rows, world_rows = slice(self.teacher_examples), slice(self.teacher_examples, None)
        view = _teacher_view(problems, claims)
        teacher = WeakTeacher.fit(view[teacher_rows], labels[teacher_rows], neighbours=self.neighbours)
        claims, labels = claims[world_rows], labels[world_rows]
        return claim_items(
            self._features(problems[world_rows], claims, rng),
            labels,
            teacher.probabilities(view[world_rows]),
            pair_relations(claims[:n_pairs] == claims[n_pairs : 2 * n_pairs], self.related_share),
            pairs=n_pairs,
        )

    def _features(self, problems: Problems, claims: IntArray, rng: np.random.Generator) -> FloatArray:
        """Return the student's (n, d) features."""
        *_, hidden, output = self.pretrain(lambda share: None).activations(problems.encoded())
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
    """Return the (n,) claimed results and their (n,) labels; half of the claims are right."""
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
    """Return the teacher's (n, 11) features: mainly the claim's distance from an estimate by rounded operands."""
    a, b = ((operand + 5) // 10 * 10 for operand in (problems.a, problems.b))
    distance = np.abs(claims - _results(problems.template, a, b, problems.c))
    return np.column_stack(
        [
            np.log1p(distance),
            distance / 100,
            distance < 20,
            distance > 60,
            claims % 2 == 0,
            claims % 5 == 0,
            claims / 500,
            one_hot(problems.template, TEMPLATES),
        ]
    )


def _surface(problems: Problems, claims: IntArray) -> FloatArray:
    """Return (n, 11) surface features of a problem and its claim, each with a standard deviation near 0.5."""
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
