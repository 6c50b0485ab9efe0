"""An ablation: what its file says, and the runs that it comes to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import canonical_json, content_hash

CONTROL = "random search"
"""The arm that is added as a control."""
CONTROL_SETTINGS: Mapping[str, Any] = {"team.model": "simulated/random"}
"""What it sets on top of the first arm."""
FORK_SOURCE_FILE = "parent.db"
"""Where an ablation's folder keeps the run from whose midst its arms start."""


class ForkPoint(BaseModel):
    """A run up to one of its rounds: what all arms have behind them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    run: Annotated[str, Field(min_length=1)]
    """A run file (beside the ablation's own file), a folder (its newest run) or the id of a run in ./runs."""
    at: Annotated[int, Field(ge=1)]
    """The first round that is the arms' own."""
    digest: str | None = None
    """Digest of the run, so that it cannot be taken for another; filled in where it is left out."""


class Ablation(BaseModel):
    """Arms x seeds: the same scenario with different settings, each under the same seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Names the folder of its runs."""
    question: str = ""
    """What it is to answer, in one sentence."""
    scenario: dict[str, Any] | str = "quickstart"
    """What all arms have in common: a scenario's fields, the name of a shipped scenario, or the path of a scenario file
    (beside the ablation's own file).
    """
    fork_from: ForkPoint | None = None
    """A run from whose midst all arms start: they share what happened in it, and each goes on in its own way, once for
    each seed. The scenario is then how they go on, left out: as the run was configured.
    """
    arms: dict[str, dict[str, Any]] = {}
    """By name, what an arm sets on top of the scenario: dotted paths and values; an empty section is the scenario."""
    grid: dict[str, list[bool | int | float | str]] = {}
    """By dotted path, the values that a field takes. Every combination is an arm; with `arms`, of each arm."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] | list[Annotated[int, Field(ge=0, lt=2**63)]] = 10
    """How many seeds (5 means 1 to 5), or which. All arms run under the same seeds."""
    measures: Annotated[list[str], Field(min_length=1)] = ["heldout.pgr"]
    """Outcome measures, as paths into a run's summary; the first is the primary one."""
    comparisons: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    """Planned comparisons, pairs of an arm and what it is compared with; left out: every arm with the first."""
    controls: bool = True
    """Whether the first arm also runs with random search instead of its researchers' base model."""
    budget_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Dollars that the whole ablation may cost; left out: no limit."""
    budget_tokens: Annotated[int, Field(gt=0)] | None = None
    """Tokens, in and out, that the whole ablation may use; left out: no limit."""
    retries: Annotated[int, Field(ge=0, le=100)] = 1
    """How often a run that failed is tried again."""

    @field_validator("scenario", mode="before")
    @classmethod
    def _as_fields(cls, scenario: object) -> object:
        """A scenario that was made in Python stands for its fields, but for those that say which run it is."""
        if not isinstance(scenario, Scenario):
            return scenario
        return scenario.model_dump(mode="json", exclude_unset=True, exclude={"name", "seed"})


@dataclass(frozen=True, slots=True)
class PlannedArm:
    """One setting in an ablation."""

    name: str
    settings: Mapping[str, Any]
    """What it sets on top of the ablation's scenario, by dotted path."""
    scenario: Scenario
    """What it comes to, under the first of the seeds."""


@dataclass(frozen=True, slots=True)
class ForkSource:
    """The run from whose midst all arms start."""

    run: Path
    """Its file."""
    at: int
    """The first round that is the arms' own."""
    digest: str
    """Of the run."""
    scenario: Scenario
    """How it was configured before that round."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run that belongs to an ablation, whether or not it has taken place."""

    arm: str
    scenario: Scenario
    """Resolved, with its seed; its name is that of the arm, as far as a file can have it."""
    fork_from: ForkSource | None = None

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.scenario.seed

    @property
    def key(self) -> str:
        """Hash of the resolved scenario, its seed included, and of its past if it has one."""
        fork_key = () if self.fork_from is None else (self.fork_from.digest, str(self.fork_from.at))
        return content_hash(canonical_json(self.scenario.model_dump(mode="json")), *fork_key)[:12]

    @property
    def stem(self) -> str:
        """The run's id, and the name of its file without the ending."""
        return f"{self.scenario.name}-seed{self.seed}-{self.key}"


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """An ablation with everything that follows from its file."""

    ablation: Ablation
    """With its scenario in full and its comparisons named."""
    arms: tuple[PlannedArm, ...]
    """In the order of the file, the control last."""
    runs: tuple[PlannedRun, ...]
    """In the order in which they are begun: seed by seed, so that all arms have about as many whenever it stops."""
    fork_from: ForkSource | None = None

    def runs_of(self, shard: "Shard") -> tuple[PlannedRun, ...]:
        """Return the runs that fall to one of several processes."""
        return self.runs[shard.number - 1 :: shard.of]


@dataclass(frozen=True, slots=True)
class Shard:
    """A share of an ablation's runs: the `number`th of `of` equal ones, counted from 1."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"there is no shard {self.number} of {self.of}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that `i/n` names. Raises ValueError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not of the form i/n")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        return f"{self.number}/{self.of}"


ALL = Shard()
"""All of the runs, in one process."""


def slug(arm: str) -> str:
    """Return an arm's name as a file can have it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", arm).strip("-")


def seeds_of(ablation: Ablation) -> list[int]:
    """Return the seeds, ascending."""
    return list(range(1, ablation.seeds + 1)) if isinstance(ablation.seeds, int) else sorted(ablation.seeds)
