"""The input of a method: the visible part of a world."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SAME = 0
"""Relation kind: the two items have the same label."""
OPPOSITE = 1
"""Relation kind: the two items have opposite labels."""
NOT_BOTH = 2
"""Relation kind: at most one of the two items has label 1."""


ItemSet = Literal["unlabelled", "test"]
"""The unlabelled items or the test items of a world."""


class RefusedRequest(RuntimeError):
    """A request of a method to train or to use the student is invalid; the message has the reason."""


class StudentService(Protocol):
    """Trains the strong student outside the method's process. A method uses it through `Inputs`."""

    def __call__(self, request: Mapping[str, Any], arrays: FloatArray) -> FloatArray:
        """Return the answer to a request. Raises RefusedRequest for an invalid one."""


@dataclass(frozen=True, slots=True)
class FineTunedStudent:
    """A fine-tuned student; `Inputs.predict` takes it."""

    number: int
    """Its number in this world, from 1."""
    loss: float
    """Mean training loss in the last epoch."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inputs:
    """The visible part of a world. It contains no true label."""

    features: FloatArray
    """(n, d) the strong student's features of the unlabelled items."""
    weak_labels: FloatArray
    """(n,) the weak teacher's probability that an item has label 1."""
    test_features: FloatArray
    """(m, d) the strong student's features of the test items."""
    relations: IntArray
    """(r, 3) rows (i, j, kind): known relation of two unlabelled items; kind is SAME, OPPOSITE or NOT_BOTH."""
    seed: int
    """Seed for the method's randomness."""
    log: list[dict[str, Any]] = field(default_factory=list)
    """The training log, JSON-able: each operator of the toolkit appends its diagnostics."""
    texts: tuple[str, ...] = ()
    """The n unlabelled items as text; empty unless the student is a real model."""
    test_texts: tuple[str, ...] = ()
    """The m test items as text."""
    zero_shot: FloatArray | None = None
    """(n,) log odds of label 1 of a language model that was not trained; None: the student is none."""
    test_zero_shot: FloatArray | None = None
    """(m,) the same for the test items."""
    student: StudentService | None = None
    """Trains a student that is a real model; None: the student is a readout of the features."""

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        seed: int,
        log: list[dict[str, Any]],
        student: StudentService | None = None,
    ) -> Self:
        """Return the inputs of a job, from the arrays that `arrays` returned."""
        fields: dict[str, Any] = dict(arrays)
        if "text_bytes" in fields:
            n, content = len(fields["weak_labels"]), bytes(fields.pop("text_bytes"))
            ends = fields.pop("text_ends").tolist()
            texts = tuple(content[a:b].decode() for a, b in zip([0, *ends], ends, strict=False))
            fields |= {"texts": texts[:n], "test_texts": texts[n:]}
        return cls(**fields, seed=seed, log=log, student=student)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything but seed, log and student as plain arrays by name, for a job."""
        names = ("features", "weak_labels", "test_features", "relations", "zero_shot", "test_zero_shot")
        arrays = {name: array for name in names if (array := getattr(self, name)) is not None}
        if self.texts:
            encoded = [text.encode() for text in (*self.texts, *self.test_texts)]
            arrays["text_bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
            arrays["text_ends"] = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return arrays

    def finetune(
        self,
        targets: FloatArray,
        weights: FloatArray | None = None,
        *,
        epochs: int | None = None,
        rate: float = 1.0,
        alpha: float = 0.0,
        seed: int = 0,
    ) -> FineTunedStudent:
        """Fine-tune the strong model from its checkpoint on the unlabelled items.

        Args:
            targets: (n,) probabilities of label 1.
            weights: (n,) non-negative weights; items with weight 0 are left out. None: equal weights.
            epochs: Passes over the items; None: the number in the task's parameters.
            rate: Factor of the learning rate in the task's parameters, from 0.1 to 10.
            alpha: Final weight of the model's own hardened predictions in the targets, from 0 to 0.95 (auxiliary
                confidence loss, Burns et al. 2023).
            seed: Seed of head, order and dropout, together with the world's.

        Raises:
            RefusedRequest: An argument is invalid, the training budget of the method is used up, or this task has no
                model to train.
        """
        targets = np.asarray(targets, dtype=np.float64)
        weights = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64)
        if targets.shape != self.weak_labels.shape or weights.shape != targets.shape:
            raise ValueError(f"targets and weights must have shape ({len(self.weak_labels)},), one per unlabelled item")
        request = {"call": "finetune", "epochs": epochs, "rate": rate, "alpha": alpha, "seed": seed}
        number, loss = self._service()(request, np.stack([targets, weights]))
        return FineTunedStudent(int(number), float(loss))

    def predict(self, student: FineTunedStudent, items: ItemSet = "test") -> FloatArray:
        """Return the probabilities of label 1 of the test items, (m,), or the unlabelled items, (n,).

        Only the student that was trained last can predict. Raises RefusedRequest otherwise.
        """
        return self._service()({"call": "predict", "student": student.number, "items": items}, np.zeros((2, 0)))

    def _service(self) -> StudentService:
        if self.student is None:
            raise RefusedRequest("the student of this task is a readout of the features: use tk.fit or tk.finish")
        return self.student

    def __repr__(self) -> str:
        """Return the shapes instead of tens of thousands of numbers."""
        (n, d), m, r = self.features.shape, len(self.test_features), len(self.relations)
        return f"Inputs({n} unlabelled and {m} test items, {d} features, {r} relations)"
