"""The NK task: search for the best bit string on a rugged landscape (Kauffman and Levin 1987).

It is no task of weak-to-strong supervision, but a search problem with a known answer about structure: on a rugged
landscape a team that communicates fast is better early and worse late (Lazer and Friedman 2007). A method returns the
string, one number per bit. All experiments and panels of a run use one landscape, because a string means nothing on
another.
"""

import functools
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from aarlab.scenarios.search_problems.nk import NKLandscape, bits_of, codes_of
from aarlab.scenarios.task import FULL, Split, World, WorldScore, WorldSize, checked_predictions, pgr
from aarlab.scenarios.tasks.seeded_task import Scale, SeededTask
from aarlab.scenarios.tasks.world_builder import Items, check_world_seed
from aarlab.scenarios.toolkit.bit_strings import MAX_BITS, set_bits
from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs
from aarlab.scenarios.toolkit.operators import operator_entry
from aarlab.scenarios.toolkit.randomness import generator

_EXAMPLE = '''"""All bits 0."""

from aarlab.scenarios import toolkit as tk


def method(world):
    s = tk.start(world)
    s = tk.set_bits(s, {settings})
    return tk.finish(s)
'''


@dataclass(frozen=True, slots=True, eq=False)
class NKWorld(World):
    """A landscape as a world. `weak_acc` is the payoff of the start string, `strong_acc` that of the best string."""

    payoffs: FloatArray
    """(2 ** n,) payoffs by code; bit i of a string has the value 2 ** i in its code."""

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (*self.inputs.arrays().values(), self._test_labels, self._unlabelled_labels, self.payoffs)
        return sum(array.nbytes for array in arrays)

    def score(self, predictions: npt.ArrayLike) -> WorldScore:
        """Return payoff (as `transfer_acc`) and relative payoff (as `pgr`) of (n,) numbers in [0, 1]; above 0.5 is 1.

        Raises:
            ValueError: There is not one number in [0, 1] per bit.
        """
        bits = checked_predictions(predictions, len(self.inputs.test_features)) > 0.5
        payoff = float(self.payoffs[codes_of(bits)])
        return WorldScore(payoff, pgr(payoff, self.weak_acc, self.strong_acc))


class NK(SeededTask):
    """The NK task."""

    name: ClassVar[str] = "nk"
    about: ClassVar[str] = (
        "An item is one bit of a string; its label is its value in the best string. The team searches one NK "
        "landscape, which assigns a payoff from 0 to 1 to every string. The contribution of each bit depends on "
        "itself and on k other bits that are not known, so the effect of a change depends on the rest of the string. "
        "Payoffs are exact, at every fidelity and in the final score. The start string has the median payoff of all "
        "strings."
    )
    score_name: ClassVar[str] = "relative payoff"
    single_world: ClassVar[bool] = True

    n: Annotated[int, Field(ge=2, le=MAX_BITS)] = 20
    """Number of bits."""
    k: Annotated[int, Field(ge=0, le=MAX_BITS - 1)] = 5
    """Number of other bits that the contribution of each bit depends on. 0: one peak; more: more local peaks."""
    exponent: Scale = 8.0
    """Power to which payoffs are raised after division by the maximum; 8 as in Lazer and Friedman (2007)."""

    @model_validator(mode="after")
    def _check_k(self) -> Self:
        if self.k >= self.n:
            raise ValueError(f"k is {self.k}; each of {self.n} bits can depend on at most {self.n - 1} others")
        return self

    def catalogue(self) -> list[dict[str, Any]]:
        """Return the operator that sets the bits of the string, with one setting for each bit."""
        entry = operator_entry(set_bits.__name__)
        settings = dict(list(entry["settings"].items())[: self.n])
        return [{**entry, "settings": settings}]

    def example(self) -> str:
        """Return the code of a method that sets all bits to 0."""
        settings = ", ".join(f"{name}=False" for name in self.catalogue()[0]["settings"])
        return _EXAMPLE.format(settings=settings)

    def world(self, seed: int, *, size: WorldSize = FULL, split: Split = "development") -> NKWorld:
        """Return the landscape of a seed. It is the same for every size and split."""
        check_world_seed(seed)
        items = self.draw(size, split, generator(self.name, seed))
        payoffs = self._landscape(generator(self.name, seed)).table
        inputs = Inputs(items.features, items.weak_labels, items.test_features, items.relations, seed=seed % 2**62)
        start, best = (float(payoffs[codes_of(bits)]) for bits in (items.weak_labels, items.labels))
        world = NKWorld(
            self.name, inputs, start, best, payoffs, _test_labels=items.test_labels, _unlabelled_labels=items.labels
        )
        world.protect()
        return world

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the bits of a string as items: the weak labels are the start string, the labels the best string.

        Each bit has its own feature, so a student can be fitted to every string.
        """
        landscape = self._landscape(rng)
        payoffs = landscape.table
        median = np.argpartition(payoffs, len(payoffs) // 2)[len(payoffs) // 2]
        start, best = bits_of(np.asarray(median), self.n), landscape.best.astype(np.int64)
        features, none = np.eye(self.n), np.empty((0, 3), dtype=np.int64)
        weak_labels = start.astype(np.float64)
        return Items(features, best, weak_labels, features.copy(), best, weak_labels, none)

    def _landscape(self, rng: np.random.Generator) -> NKLandscape:
        return _landscape(int(rng.integers(2**62)), self.n, self.k, self.exponent)


@functools.lru_cache(maxsize=2)
def _landscape(seed: int, n: int, k: int, exponent: float) -> NKLandscape:
    """Return a landscape. The last ones are kept, because a run uses one many times; each has up to 8 MiB."""
    return NKLandscape(seed, n, k, exponent=exponent)
