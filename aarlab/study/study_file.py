"""The study file: imported reference lines, as JSON. `aarlab import-study` writes it, other commands read it."""

import math
import statistics
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.atomic_file import atomic_output
from aarlab.study.json_input import input_error, parse_json, read_text

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Accuracy = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class AccuracyLine(_Record):
    """An accuracy, with its standard error if it is a mean over seeds."""

    mean: _Accuracy
    se: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    """Standard error over training seeds; None for one seed and for a fixed value."""
    seeds: int | None
    """Number of training seeds; None for a fixed value."""
    origin: Literal["files", "fixed"]
    """Mean over result files, or a fixed value that the result files name."""


class StudyTask(_Record):
    """The accuracies between which the PGR of a task is measured."""

    task: str
    weak: AccuracyLine | None
    """Accuracy of the weak teacher."""
    strong: AccuracyLine | None
    """Accuracy of the strong student trained on ground truth."""

    @property
    def gap(self) -> float | None:
        """Strong minus weak accuracy; None if one is unknown."""
        return None if self.weak is None or self.strong is None else self.strong.mean - self.weak.mean


class ReferenceLine(_Record):
    """The results of one method in one configuration on one task, over training seeds."""

    task: str
    method: str
    configuration: str
    """Name of the configuration's folder: models and hyperparameters."""
    pgr_by_seed: Annotated[dict[int, _Finite], Field(min_length=1)]
    """PGR of each training seed."""
    transfer_acc: AccuracyLine | None

    @property
    def values(self) -> list[float]:
        """PGRs in the order of seeds."""
        return [self.pgr_by_seed[seed] for seed in sorted(self.pgr_by_seed)]

    @property
    def pgr(self) -> float:
        """Mean PGR over seeds."""
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """Standard deviation of PGR over seeds; None for one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def se(self) -> float | None:
        """Standard error of the mean; None for one seed."""
        return None if self.sd is None else self.sd / math.sqrt(len(self.values))


class StudyFile(_Record):
    """Reference lines of an imported study."""

    format: Literal["aarlab study"] = "aarlab study"
    version: Literal[1] = 1
    source: str
    """Name of the imported folder."""
    tasks: list[StudyTask]
    lines: Annotated[list[ReferenceLine], Field(min_length=1)]
    warnings: list[str] = []
    """Contradictions in the result files."""

    @field_validator("lines")
    @classmethod
    def _check_unique(cls, lines: list[ReferenceLine]) -> list[ReferenceLine]:
        keys = [(line.task, line.method, line.configuration) for line in lines]
        if len(set(keys)) < len(keys):
            raise ValueError("two lines have the same task, method and configuration")
        return lines

    def pooled_sd(self) -> tuple[float, int] | None:
        """Return the SD of PGR over training seeds within a method, pooled over the lines, and its degrees of freedom.

        None if no line has two seeds.
        """
        with_spread = [line for line in self.lines if line.sd is not None]
        degrees_of_freedom = sum(len(line.values) - 1 for line in with_spread)
        if not degrees_of_freedom:
            return None
        squares = math.fsum((len(line.values) - 1) * (line.sd or 0.0) ** 2 for line in with_spread)
        return math.sqrt(squares / degrees_of_freedom), degrees_of_freedom


def load_study_file(path: Path) -> StudyFile:
    """Read a study file.

    Raises:
        ConfigError: It cannot be read, or is not a study file.
    """
    value = parse_json(read_text(path), path)
    if not isinstance(value, dict) or value.get("format") != "aarlab study":
        raise input_error(path, "format", "this is not a study file", "a file that `aarlab import-study` wrote")
    try:
        return StudyFile.model_validate(value)
    except ValidationError as error:
        raise ConfigError(
            [
                Fault(str(path), ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "), None)
                for fault in error.errors()
            ]
        ) from None


def write_study_file(study: StudyFile, path: Path) -> None:
    """Write a study file. Raises FileExistsError if the path exists, OSError if it cannot be written."""
    with atomic_output(path) as temporary:
        temporary.write_text(study.model_dump_json(indent=1) + "\n", encoding="utf-8")
