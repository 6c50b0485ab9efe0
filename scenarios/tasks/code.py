"""The code task: is the claimed output of a small program right? The student was pretrained to execute instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

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
from aarlab.scenarios.toolkit.inputs import BoolArray, FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

INSTRUCTIONS = 8
ADD, MULTIPLY, BRANCH, SWAP, INCREMENT, SELECT, SUBTRACT, ACCUMULATE = range(INSTRUCTIONS)
"""Instructions on the registers x and y, modulo ten; z never changes. See `run`."""
LENGTH = 3
"""Instructions in a program."""
STYLES = 6
"""Dimensions of the author's style."""
PRETRAINING_STEPS, EPOCHS, BATCH, RATE, HIDDEN = 11_000, 25, 128, 4e-3, 128
STANDARD_INSTRUCTIONS = np.full(INSTRUCTIONS, 1 / INSTRUCTIONS)
STANDARD_MISTAKES = np.array([0.35, 0.3, 0.2, 0.15])
"""Shares among wrong outputs: an instruction skipped, a condition negated, x off by one, a random output."""


@dataclass(frozen=True, slots=True, eq=False)
class Programs:
    """n programs with their initial registers."""

    registers: IntArray
    """(n, 3) initial x, y, z, each a digit."""
    instructions: IntArray
    """(n, length)"""

    def __len__(self) -> int:
        return len(self.registers)

    def __getitem__(self, rows: IntArray | slice) -> Programs:
        return Programs(self.registers[rows], self.instructions[rows])

    def changes_y(self) -> BoolArray:
        """Return (n,) booleans: whether an instruction of the program changes y."""
        return np.asarray(np.isin(self.instructions, (SWAP, ACCUMULATE)).any(axis=1))


def run(programs: Programs, *, skipped: IntArray | None = None, negated: IntArray | None = None) -> IntArray:
    """Return the (n, 2) final x and y.

    `skipped` and `negated` are (n,) positions: of an instruction that is not executed, and of an instruction with a
    negated condition, if it has a condition.
    """
    x, y, z = programs.registers.T
    for position, op in enumerate(programs.instructions.T):
        larger = x > y
        if negated is not None:
            larger = larger ^ (negated == position)
        new_x = np.choose(
            op,
            [x + y, x * z, np.where(larger, x - y, x + z), y, x + 1, np.where(larger, z, x), x - z, x],
        )
        new_y = np.select([op == SWAP, op == ACCUMULATE], [x, x + y], default=y)
        runs = np.full(len(x), True) if skipped is None else skipped != position
        x, y = np.where(runs, new_x % 10, x), np.where(runs, new_y % 10, y)
    return np.column_stack([x, y])


class Code(SeededTask):
    """The code task."""

    name: ClassVar[str] = "code"
    about: ClassVar[str] = (
        "An item is a program of three instructions on three registers with a claimed output; label 1 means that the "
        "output is right. The weak teacher compares the claim with the inputs and the last instruction, and "
        "knows which of two authors made it: in its training set one of them was right more often. The strong student "
        "represents an item by numbers from a network that was trained to execute one instruction and is applied step "
        "by step, together with surface features of the program and the author's style. There are two claims on every "
        "program, by different authors. For some programs it is known whether the claims differ: then at most one is "
        "right."
    )
    strong_l2: ClassVar[float] = 1e-1

    unlabelled: ItemCount = 1200
    """Unlabelled items in the training set: two claims on each of half as many programs."""
    teacher_examples: Count = 400
    """Claims with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    related_share: Share = 0.5
    """Share of the programs for which methods know whether the two claims differ."""
    belief: Scale = 0.7
    """Scale of the features that hold the student's belief in a claim."""
    hidden: Scale = 0.4
    """Scale of the features that hold the student's hidden state."""
    style: Scale = 1.0
    """Scale of the features that hold the author's style."""
    spurious_agreement: Annotated[float, Field(ge=0.5, le=1)] = 0.65
    """Probability that author and label agree in the teacher's training set; elsewhere they are independent."""

    def pretrain(self, progress: Callable[[float], None]) -> Network:
        """Return the network that was trained to execute one instruction."""
        settings = {"steps": PRETRAINING_STEPS, "epochs": EPOCHS, "batch": BATCH, "rate": RATE, "hidden": HIDDEN}

        def make() -> dict[str, Float32Array]:
            rng = generator("code", "executor")
            programs = _programs(STANDARD_INSTRUCTIONS, PRETRAINING_STEPS, rng, length=1)
            inputs = np.column_stack([*_encoded(programs)])
            return train(
                Network.random((inputs.shape[1], HIDDEN, 20), rng),
                inputs,
                run(programs),
                rng,
                loss="categorical",
                epochs=EPOCHS,
                batch=BATCH,
                learning_rate=RATE,
                progress=progress,
            ).arrays()

        return Network.of_arrays(cached("code", settings, make))

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world. In shifted ones, instructions and mistakes have other shares."""
        if split != "shifted":
            return self._draw_items(STANDARD_INSTRUCTIONS, STANDARD_MISTAKES, size, rng)
        instruction_shares = rng.dirichlet(np.ones(INSTRUCTIONS))
        return self._draw_items(instruction_shares, rng.dirichlet(np.ones(len(STANDARD_MISTAKES))), size, rng)

    def _draw_items(
        self, instruction_shares: FloatArray, mistakes: FloatArray, size: WorldSize, rng: np.random.Generator
    ) -> Items:
        n_pairs = (size.unlabelled or self.unlabelled) // 2
        programs = _programs(instruction_shares, self.teacher_examples + n_pairs + size.test, rng)
        programs = programs[question_rows(self.teacher_examples, n_pairs, size.test)]
        claims, labels = _claims(programs, mistakes, rng)
        authors = self._authors(labels, n_pairs, rng)

        teacher_rows, world_rows = slice(self.teacher_examples), slice(self.teacher_examples, None)
        view = _teacher_view(programs, claims, authors)
        teacher = WeakTeacher.fit(view[teacher_rows], labels[teacher_rows], neighbours=self.neighbours)
        claims, labels = claims[world_rows], labels[world_rows]
        same_claim = (claims[:n_pairs] == claims[n_pairs : 2 * n_pairs]).all(axis=1)
        return claim_items(
            self._features(programs[world_rows], claims, authors[world_rows], rng),
            labels,
            teacher.probabilities(view[world_rows]),
            pair_relations(same_claim, self.related_share),
            pairs=n_pairs,
        )

    def _authors(self, labels: IntArray, n_pairs: int, rng: np.random.Generator) -> IntArray:
        """Return the author (0 or 1) of each claim. In the teacher's training set the author predicts the label."""
        authors = rng.integers(0, 2, len(labels))
        teacher_labels = labels[: self.teacher_examples]
        authors[: self.teacher_examples] = np.where(
            rng.random(len(teacher_labels)) < self.spurious_agreement, teacher_labels, 1 - teacher_labels
        )
        first = authors[self.teacher_examples : self.teacher_examples + n_pairs]
        authors[self.teacher_examples + n_pairs : self.teacher_examples + 2 * n_pairs] = 1 - first
        return authors

    def _features(
        self, programs: Programs, claims: IntArray, authors: IntArray, rng: np.random.Generator
    ) -> FloatArray:
        """Return the student's (n, d) features."""
        network_output = _execute(self.pretrain(lambda share: None), programs)
        beliefs = claim_features(network_output, claims, rng, belief=self.belief, hidden=self.hidden)
        style_direction = rng.normal(size=STYLES)
        style = np.outer(2 * authors - 1, style_direction / np.linalg.norm(style_direction))
        style = style + 0.35 * rng.normal(size=style.shape)
        return np.column_stack([beliefs, _surface(programs, claims), self.style * style])


def _programs(
    instruction_shares: FloatArray, count: int, rng: np.random.Generator, *, length: int = LENGTH
) -> Programs:
    return Programs(rng.integers(0, 10, (count, 3)), rng.choice(INSTRUCTIONS, (count, length), p=instruction_shares))


def _encoded(programs: Programs) -> list[Float32Array]:
    """Return one-hot x, y and z, each (n, 10), then each instruction, (n, 8)."""
    registers = [one_hot(register, 10) for register in programs.registers.T]
    return registers + [one_hot(op, INSTRUCTIONS) for op in programs.instructions.T]


def _execute(network: Network, programs: Programs) -> NetworkOutput:
    """Return the network's output after all instructions; its probabilities of x and y are fed back after each."""
    x, y, z, *instructions = _encoded(programs)
    for op in instructions:
        *_, hidden, output = network.activations(np.column_stack([x, y, z, op]))
        log_probabilities = log_softmax(output, 2)
        x, y = np.exp(log_probabilities).transpose(1, 0, 2)
    return NetworkOutput(log_probabilities, hidden)


def _claims(programs: Programs, mistakes: FloatArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return the (n, 2) claimed outputs and their (n,) labels; half of the claims are right."""
    n, right = len(programs), run(programs)
    labels = rng.integers(0, 2, n)
    sign = rng.choice([-1, 1], n)
    off_by_one = np.column_stack([(right[:, 0] + sign) % 10, right[:, 1]])
    wrong = np.choose(
        rng.choice(len(mistakes), n, p=mistakes)[:, None],
        [
            run(programs, skipped=rng.integers(0, programs.instructions.shape[1], n)),
            run(programs, negated=rng.integers(0, programs.instructions.shape[1], n)),
            off_by_one,
            rng.integers(0, 10, (n, 2)),
        ],
    )
    same_output = (wrong == right).all(axis=1)
    column = rng.integers(0, 2, n)
    rows = np.flatnonzero(same_output)
    wrong[rows, column[rows]] = (right[rows, column[rows]] + sign[rows]) % 10
    return np.where(labels[:, None] == 1, right, wrong), labels


def _teacher_view(programs: Programs, claims: IntArray, authors: IntArray) -> FloatArray:
    """Return the teacher's (n, 19) features: claim compared with inputs, last instruction, author."""
    x, y, z = programs.registers.T
    claimed_x, claimed_y = claims.T
    touches_y = programs.changes_y()
    return np.column_stack(
        [
            claimed_x == x,
            claimed_y == y,
            (claimed_x == x) & (claimed_y == y),
            claimed_x == y,
            claimed_x == z,
            claimed_x / 9,
            claimed_y / 9,
            one_hot(programs.instructions[:, -1], INSTRUCTIONS),
            touches_y,
            touches_y & (claimed_y == y),
            ~touches_y & (claimed_y != y),
            authors,
        ]
    )


def _surface(programs: Programs, claims: IntArray) -> FloatArray:
    """Return (n, 15) surface features of a program and its claimed output, each with a standard deviation near 0.5."""
    x, y, z = programs.registers.T
    claimed_x, claimed_y = claims.T
    return 0.6 * np.column_stack(
        [
            claimed_x == x,
            claimed_y == y,
            claimed_x == y,
            claimed_x == z,
            claimed_x / 4.5 - 1,
            claimed_y / 4.5 - 1,
            one_hot(programs.instructions[:, -1], INSTRUCTIONS) - 1 / INSTRUCTIONS,
            programs.changes_y(),
        ]
    )
