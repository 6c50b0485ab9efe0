"""The code task: is the claimed output of a small program right? The student was pretrained to execute instructions."""

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

INSTRUCTION_SET = 8
"""Instructions of a language, on the registers x and y, modulo ten; z never changes. See `_executed`."""
LANGUAGES: Mapping[Split, int] = MappingProxyType({"development": 0, "heldout": 1, "shifted": 1})
"""Number of the language of each split."""
Y_CHANGING = (3, 7)
"""Instructions that change y, in both languages."""
LENGTH = 3
"""Instructions in a program."""
STYLES = 10
"""Dimensions of an author's style."""
STANDARD_STYLES = 6
"""Independent traits from which styles are mixed in standard worlds; in shifted worlds there are more."""
PRETRAINING_STEPS, EPOCHS, BATCH, RATE, HIDDEN = 11_000, 25, 128, 4e-3, 128
MISTAKES = np.array([0.35, 0.3, 0.2, 0.15])
"""Shares among wrong outputs: an instruction skipped, a condition negated, x off by one, a random output."""
INSTRUCTION_SCALE = 2.1
"""Scale of the features that hold the last instruction."""
TEACHER_CANDIDATES = 4
"""Claims from which each example of the teacher is sampled."""
DIFFERENT_EVERY = 33
"""One in so many of the programs has a known relation although the claims differ."""


@dataclass(frozen=True, slots=True, eq=False)
class Programs:
    """n programs with their initial registers."""

    registers: IntArray
    """(n, 3) initial x, y, z, each a digit."""
    instructions: IntArray
    """(n, length) numbers of instructions"""
    language: int
    """Number of the language."""

    def __len__(self) -> int:
        return len(self.registers)

    def __getitem__(self, rows: IntArray | slice) -> Programs:
        return Programs(self.registers[rows], self.instructions[rows], self.language)

    def changes_y(self) -> BoolArray:
        """Return (n,) booleans: whether an instruction of the program changes y."""
        return np.asarray(np.isin(self.instructions, Y_CHANGING).any(axis=1))


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
        new_x, new_y = _executed(programs.language, op, x, y, z, larger)
        runs = np.full(len(x), True) if skipped is None else skipped != position
        x, y = np.where(runs, new_x % 10, x), np.where(runs, new_y % 10, y)
    return np.column_stack([x, y])


def _executed(
    language: int, op: IntArray, x: IntArray, y: IntArray, z: IntArray, larger: BoolArray
) -> tuple[IntArray, IntArray]:
    """Return the new (n,) x and y, before they are reduced modulo ten; `larger` is the condition x > y."""
    if language == 0:
        new_x = [x + y, x * z, np.where(larger, x - y, x + z), y, x + 1, np.where(larger, z, x), x - z, x]
        new_y = [x, x + y]
    else:
        new_x = [x + z, x * y, np.where(larger, x + y, x - z), x, 2 * x, np.where(larger, y, z), x - y, x + 3]
        new_y = [y + z, x]
    return np.choose(op, new_x), np.select([op == number for number in Y_CHANGING], new_y, default=y)


class Code(SeededTask):
    """The code task."""

    name: ClassVar[str] = "code"
    about: ClassVar[str] = (
        "An item is a program of three instructions on three registers with a claimed output; label 1 means that the "
        "output is right. The weak teacher compares the claim with the inputs, and sees the last instruction and one "
        "trait of the author's style: in its training set some authors and instructions were right more often. The "
        "strong student represents an item by numbers from a network that was trained to execute one instruction and "
        "is applied step by step, together with surface features of the program and the author's style. There are two "
        "claims on every program, by different authors. For some programs it is known that the claims are equal, so "
        "their labels are the same, or that they differ: then at most one is right."
    )
    strong_l2: ClassVar[float] = 3e-3

    unlabelled: ItemCount = 1000
    """Unlabelled items in the training set: two claims on each of half as many programs."""
    teacher_examples: Count = 300
    """Claims with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    related_share: Share = 0.5
    """Share of the programs for which methods know it if the two claims are equal."""
    belief: Scale = 0.5
    """Scale of the features that hold the student's belief in a claim."""
    hidden: Scale = 0.4
    """Scale of the features that hold the student's hidden state."""
    style: Scale = 2.0
    """Scale of the features that hold the author's style."""
    author_bias: Annotated[float, Field(ge=0, le=4)] = 1.5
    """Half log odds per standard deviation of a trait that an author is right in the teacher's training set; elsewhere
    the trait and the label are independent."""
    instruction_bias: Annotated[float, Field(ge=0, le=4)] = 0.7
    """Likewise the largest half log odds for the last instructions of programs."""

    def pretrain(self, progress: Callable[[float], None]) -> Mapping[Split, Network]:
        """Return the networks that were trained to execute one instruction of each split's language."""
        networks = [self._network(0, lambda share: progress(share / 2))]
        networks.append(self._network(1, lambda share: progress((1 + share) / 2)))
        return {split: networks[language] for split, language in LANGUAGES.items()}

    def _network(self, language: int, progress: Callable[[float], None] = lambda share: None) -> Network:
        """Return the network for a language, from the cache if possible."""
        settings = {
            "language": language,
            "steps": PRETRAINING_STEPS,
            "epochs": EPOCHS,
            "batch": BATCH,
            "rate": RATE,
            "hidden": HIDDEN,
        }

        def make() -> dict[str, Float32Array]:
            rng = generator("code", "executor", language)
            programs = _programs(language, PRETRAINING_STEPS, rng, length=1)
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
        """Return the items of a world. In shifted ones, styles have more traits."""
        n_pairs = (size.unlabelled or self.unlabelled) // 2
        n_candidates = TEACHER_CANDIDATES * self.teacher_examples
        programs = _programs(LANGUAGES[split], n_candidates + n_pairs + size.test, rng)
        programs = programs[question_rows(n_candidates, n_pairs, size.test)]
        claims, labels = _claims(programs, rng)
        traits = rng.normal(size=(len(labels), STYLES if split == "shifted" else STANDARD_STYLES))

        instruction_bias = self.instruction_bias * rng.permutation(np.linspace(-1, 1, INSTRUCTION_SET))
        bias = self.author_bias * traits[:, 0] + instruction_bias[programs.instructions[:, -1]]
        taught = biased_sample(labels[:n_candidates], bias[:n_candidates], self.teacher_examples, rng)
        view = np.column_stack([_teacher_view(programs, claims), traits[:, 0] + 0.3 * rng.normal(size=len(labels))])
        teacher = WeakTeacher.fit(view[taught], labels[taught], neighbours=self.neighbours)
        rows = slice(n_candidates, None)
        claims, labels = claims[rows], labels[rows]
        same_claim = (claims[:n_pairs] == claims[n_pairs : 2 * n_pairs]).all(axis=1)
        return claim_items(
            self._features(programs[rows], claims, traits[rows], rng),
            labels,
            teacher.probabilities(view[rows]),
            pair_relations(same_claim, self.related_share, different_every=DIFFERENT_EVERY),
            pairs=n_pairs,
        )

    def _features(
        self, programs: Programs, claims: IntArray, traits: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Return the student's (n, d) features."""
        network_output = _execute(self._network(programs.language), programs)
        beliefs = claim_features(network_output, claims, rng, belief=self.belief, hidden=self.hidden)
        n_traits = traits.shape[1]
        style = traits @ rng.normal(size=(n_traits, STYLES)) / np.sqrt(n_traits)
        noise = 0.3 * rng.normal(size=style.shape)
        return np.column_stack([beliefs, _surface(programs, claims), self.style * style + noise])


def _programs(language: int, count: int, rng: np.random.Generator, *, length: int = LENGTH) -> Programs:
    return Programs(rng.integers(0, 10, (count, 3)), rng.integers(0, INSTRUCTION_SET, (count, length)), language)


def _encoded(programs: Programs) -> list[Float32Array]:
    """Return one-hot x, y and z, each (n, 10), then each instruction, (n, 8)."""
    registers = [one_hot(register, 10) for register in programs.registers.T]
    return registers + [one_hot(op, INSTRUCTION_SET) for op in programs.instructions.T]


def _execute(network: Network, programs: Programs) -> NetworkOutput:
    """Return the network's output after all instructions; its probabilities of x and y are fed back after each."""
    x, y, z, *instructions = _encoded(programs)
    for op in instructions:
        *_, hidden, output = network.activations(np.column_stack([x, y, z, op]))
        log_probabilities = log_softmax(output, 2)
        x, y = np.exp(log_probabilities).transpose(1, 0, 2)
    return NetworkOutput(log_probabilities, hidden)


def _claims(programs: Programs, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return the (n, 2) claimed outputs and their (n,) labels; half of the claims are right."""
    n, right = len(programs), run(programs)
    labels = rng.integers(0, 2, n)
    sign = rng.choice([-1, 1], n)
    off_by_one = np.column_stack([(right[:, 0] + sign) % 10, right[:, 1]])
    wrong = np.choose(
        rng.choice(len(MISTAKES), n, p=MISTAKES)[:, None],
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


def _teacher_view(programs: Programs, claims: IntArray) -> FloatArray:
    """Return the teacher's (n, 18) features of programs and claims: comparison with inputs, last instruction."""
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
            one_hot(programs.instructions[:, -1], INSTRUCTION_SET),
            touches_y,
            touches_y & (claimed_y == y),
            ~touches_y & (claimed_y != y),
        ]
    )


def _surface(programs: Programs, claims: IntArray) -> FloatArray:
    """Return (n, 15) surface features of a program and its claimed output."""
    x, y, z = programs.registers.T
    claimed_x, claimed_y = claims.T
    comparisons = [
        claimed_x == x,
        claimed_y == y,
        claimed_x == y,
        claimed_x == z,
        claimed_x / 4.5 - 1,
        claimed_y / 4.5 - 1,
        programs.changes_y(),
    ]
    last = one_hot(programs.instructions[:, -1], INSTRUCTION_SET)
    return np.column_stack([0.3 * np.column_stack(comparisons), INSTRUCTION_SCALE * last])
