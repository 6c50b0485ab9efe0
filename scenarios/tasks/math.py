"""The math task: is a claimed result right? The teacher rounds the operands, the student was pretrained to compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.claims import (
    NetworkOutput,
    biased_sample,
    biased_sources,
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

TEMPLATES: Mapping[Split, tuple[int, ...]] = MappingProxyType(
    {"development": (0, 1, 2, 3), "heldout": (4, 5, 6, 7), "shifted": (4, 5, 6, 7)}
)
"""Templates of the problems of each split: a + b + c, a c, |a - b| + c, 2a + b; a + b - c, b c, |a - b| c, a + 2b."""
N_TEMPLATES = 8
DIGITS = 3
"""Digits of a result; all are below 1000."""
PERIODS = (2, 5, 10, 20, 100, 200)
"""Periods of the waves by which the student's network encodes an operand."""
PRETRAINING_PROBLEMS, EPOCHS, BATCH, RATE = 60_000, 10, 256, 4e-3
HIDDEN = (192, 96)
SOLVER_STYLES = 6
"""Dimensions of a solver's style."""
MISTAKES = np.array([0.27, 0.27, 0.2, 0.1, 0.16])
"""Shares among wrong claims: off by ten, off by one or two, wrong template, swapped digits, random."""
TEMPLATE_SCALE = 1.8
"""Scale of the features that hold the template of a problem."""
BELIEFS = 3 * DIGITS + 2
"""Number of features that hold the student's belief in a claim."""
BELIEF_SHIFT = 2.5
"""Standard deviation of the shift of the belief by the solver, in units of the scale of the belief."""
SHIFTED_SKILL = 1.5
"""Largest half log odds that a solver is right in shifted worlds."""
TEACHER_CANDIDATES = 4
"""Claims from which each example of the teacher is sampled."""
DIFFERENT_EVERY = 20
"""One in so many of the problems has a known relation although the claims differ."""


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
        """Return the inputs of the student's network, one row for each problem.

        One-hot template and digits, and for each operand its size and two waves of each period (compare Zhou et al.
        2024, who find such waves in language models that add).
        """
        digits = [self.a // 10, self.a % 10, self.b // 10, self.b % 10, self.c]
        operands = np.stack([self.a, self.b, self.c], axis=1).astype(np.float32)
        angles = np.float32(2 * np.pi) * operands[:, :, None] / np.array(PERIODS, dtype=np.float32)
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=2).reshape(len(operands), -1)
        one_hots = [one_hot(self.template, N_TEMPLATES), *(one_hot(digit, 10) for digit in digits)]
        return np.column_stack([*one_hots, operands / 50, waves])


@dataclass(frozen=True, slots=True, eq=False)
class Solvers:
    """The solvers who make the claims of a world."""

    styles: FloatArray
    """(k, SOLVER_STYLES) features of a claim by each solver, apart from its content."""
    beliefs: FloatArray
    """(k, 11) shift of the student's belief in the claims of each solver."""
    skill: FloatArray
    """(k,) half the log odds that a claim of the solver is right."""


class Math(SeededTask):
    """The math task."""

    name: ClassVar[str] = "math"
    about: ClassVar[str] = (
        "An item is an arithmetic problem with a claimed result; label 1 means that the result is right. The weak "
        "teacher rounds the operands and compares the claim with its estimate; it also knows the kind of problem and "
        "which of several solvers made the claim, and in its training set some of them were right more often. The "
        "strong student represents an item by numbers from a network that was trained to compute results digit by "
        "digit: its belief in the claimed digits, its uncertainty, part of its hidden state, surface features of the "
        "problem and the style of the solver, which also affects the belief. There are two claims on every problem, "
        "by any solvers. For some problems it is known that the claims are equal, so their labels are the same, or "
        "that they differ: then at most one is right."
    )
    strong_l2: ClassVar[float] = 1e-2

    unlabelled: ItemCount = 1000
    """Unlabelled items in the training set: two claims on each of half as many problems."""
    teacher_examples: Count = 240
    """Claims with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    related_share: Share = 0.3
    """Share of the problems for which methods know it if the two claims are equal."""
    belief: Scale = 0.5
    """Scale of the features that hold the student's belief in a claim."""
    hidden: Scale = 0.5
    """Scale of the features that hold the student's hidden state."""
    solvers: Count = 10
    """Solvers who make the claims of a world."""
    style: Scale = 2.0
    """Scale of the features that hold the solver's style."""
    solver_bias: Annotated[float, Field(ge=0, le=4)] = 2.0
    """Largest half log odds that a solver is right in the teacher's training set; elsewhere all are equally good."""
    template_bias: Annotated[float, Field(ge=0, le=4)] = 1.2
    """Likewise for the templates of the problems."""

    def pretrain(self, progress: Callable[[float], None]) -> Mapping[Split, Network]:
        """Return the networks that were trained to compute the templates of each split."""
        development = self._network("development", lambda share: progress(share / 2))
        heldout = self._network("heldout", lambda share: progress((1 + share) / 2))
        return {"development": development, "heldout": heldout, "shifted": heldout}

    def _network(self, split: Split, progress: Callable[[float], None] = lambda share: None) -> Network:
        """Return the network for the templates of a split, from the cache if possible."""
        settings: dict[str, float | int | str] = {
            "templates": str(TEMPLATES[split]),
            "problems": PRETRAINING_PROBLEMS,
            "epochs": EPOCHS,
            "batch": BATCH,
            "rate": RATE,
            "hidden": str(HIDDEN),
            "periods": str(PERIODS),
        }

        def make() -> dict[str, Float32Array]:
            rng = generator("math", "arithmetic", str(TEMPLATES[split]))
            problems = _problems(TEMPLATES[split], PRETRAINING_PROBLEMS, rng)
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
        """Return the items of a world. In shifted ones, solvers really differ in how often they are right."""
        n_pairs = (size.unlabelled or self.unlabelled) // 2
        n_candidates = TEACHER_CANDIDATES * self.teacher_examples
        problems = _problems(TEMPLATES[split], n_candidates + n_pairs + size.test, rng)
        problems = problems[question_rows(n_candidates, n_pairs, size.test)]
        claims, labels = _claims(problems, TEMPLATES[split], rng)
        solvers = self._solvers(split, rng)
        solver = biased_sources(labels, solvers.skill, rng)

        solver_bias, template_bias = (
            scale * rng.permutation(np.linspace(-1, 1, count))
            for scale, count in ((self.solver_bias, self.solvers), (self.template_bias, N_TEMPLATES))
        )
        bias = (solver_bias[solver] + template_bias[problems.template])[:n_candidates]
        taught = biased_sample(labels[:n_candidates], bias, self.teacher_examples, rng)
        view = np.column_stack([_teacher_view(problems, claims), one_hot(solver, self.solvers)])
        teacher = WeakTeacher.fit(view[taught], labels[taught], neighbours=self.neighbours)
        rows = slice(n_candidates, None)
        claims, labels = claims[rows], labels[rows]
        return claim_items(
            self._features(split, problems[rows], claims, solvers, solver[rows], rng),
            labels,
            teacher.probabilities(view[rows]),
            pair_relations(
                claims[:n_pairs] == claims[n_pairs : 2 * n_pairs], self.related_share, different_every=DIFFERENT_EVERY
            ),
            pairs=n_pairs,
        )

    def _solvers(self, split: Split, rng: np.random.Generator) -> Solvers:
        """Return the solvers of a world."""
        styles = self.style * rng.normal(size=(self.solvers, SOLVER_STYLES))
        beliefs = BELIEF_SHIFT * self.belief * rng.normal(size=(self.solvers, BELIEFS))
        skill = SHIFTED_SKILL * rng.permutation(np.linspace(-1, 1, self.solvers))
        return Solvers(styles, beliefs, skill if split == "shifted" else np.zeros(self.solvers))

    def _features(
        self,
        split: Split,
        problems: Problems,
        claims: IntArray,
        solvers: Solvers,
        solver: IntArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return the student's (n, d) features."""
        *_, hidden, output = self._network(split).activations(problems.encoded())
        network_output = NetworkOutput(log_softmax(output, DIGITS), hidden)
        features = claim_features(network_output, _digits(claims), rng, belief=self.belief, hidden=self.hidden)
        features[:, :BELIEFS] += solvers.beliefs[solver]
        style = solvers.styles[solver] + 0.3 * self.style * rng.normal(size=(len(claims), SOLVER_STYLES))
        return np.column_stack([features, _surface(problems, claims), style])


def _problems(templates: tuple[int, ...], count: int, rng: np.random.Generator) -> Problems:
    a, b = rng.integers(10, 100, (2, count))
    return Problems(rng.choice(templates, count), a, b, rng.integers(2, 10, count))


def _results(template: IntArray, a: IntArray, b: IntArray, c: IntArray) -> IntArray:
    results = [a + b + c, a * c, np.abs(a - b) + c, 2 * a + b, a + b - c, b * c, np.abs(a - b) * c, a + 2 * b]
    return np.asarray(np.choose(template, results), dtype=np.int64)


def _digits(numbers: IntArray) -> IntArray:
    """Return the (n, 3) decimal digits of (n,) numbers below 1000."""
    return np.column_stack([numbers // 100, numbers // 10 % 10, numbers % 10])


def _claims(problems: Problems, templates: tuple[int, ...], rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return the (n,) claimed results and their (n,) labels; half of the claims are right."""
    n, right = len(problems), problems.results()
    labels = rng.integers(0, 2, n)
    sign = rng.choice([-1, 1], n)
    others = len(templates)
    other_template = templates[0] + (problems.template - templates[0] + rng.integers(1, others, n)) % others
    hundreds, tens, ones = _digits(right).T
    wrong = np.choose(
        rng.choice(len(MISTAKES), n, p=MISTAKES),
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
    """Return the teacher's (n, 15) features: mainly the claim's distance from an estimate by rounded operands."""
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
            one_hot(problems.template, N_TEMPLATES),
        ]
    )


def _surface(problems: Problems, claims: IntArray) -> FloatArray:
    """Return (n, 15) surface features of a problem and its claim."""
    numbers = [
        claims / 500 - 1,
        claims % 2 - 0.5,
        claims % 5 == 0,
        claims > 99,
        (problems.a - 55) / 26,
        (problems.b - 55) / 26,
        (problems.c - 5.5) / 2.3,
    ]
    return np.column_stack([0.3 * np.column_stack(numbers), TEMPLATE_SCALE * one_hot(problems.template, N_TEMPLATES)])
