"""The fields of an ablation file, and the plan of runs that is made from them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aarlab.ablation.arm_configuration import RUN_FIELDS
from aarlab.ablation.execution_options import Shard
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import canonical_json, content_hash

CONTROL = "random search"
"""Name of the arm that is added as a control."""
CONTROL_SETTINGS: Mapping[str, Any] = {"team.model": "simulated/random"}
"""Settings of the control on top of the first arm."""
FORK_SOURCE_FILE = "parent.db"
"""File in the ablation's folder with the run that all arms fork from."""


class ForkPoint(BaseModel):
    """A run and a round. All arms fork from the run at the start of that round."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    run: Annotated[str, Field(min_length=1)]
    """A run file (path relative to the ablation file), a folder (its newest run) or the id of a run in ./runs."""
    at: Annotated[int, Field(ge=1)]
    """First round under the settings of the arms; earlier rounds repeat the recording."""
    digest: str | None = None
    """Expected digest of the run. Default: not checked, and filled in when the ablation starts."""


class Ablation(BaseModel):
    """Arms x seeds: the same scenario with different settings, each under the same seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the ablation and of its default folder."""
    question: str = ""
    """The question that the ablation answers, in one sentence."""
    scenario: dict[str, Any] | str = "quickstart"
    """The scenario that all arms share: its fields, the name of a shipped scenario, or the path of a scenario file
    (relative to the ablation file).
    """
    fork_from: ForkPoint | None = None
    """A run that all arms fork from, once per seed: they share its events up to a round. The default scenario is then
    the configuration of that run.
    """
    arms: dict[str, dict[str, Any]] = {}
    """Settings of each arm by its name: dotted scenario paths and values. An empty section is the scenario itself."""
    grid: dict[str, list[bool | int | float | str]] = {}
    """Values by dotted scenario path. Every combination is an arm; with `arms`, every arm runs at every combination."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] | list[Annotated[int, Field(ge=0, lt=2**63)]] = 10
    """Number of seeds (5 means 1 to 5), or a list of seeds. All arms run under the same seeds."""
    measures: Annotated[list[str], Field(min_length=1)] = ["heldout.pgr"]
    """Measures, as paths in a run's summary; the first is the primary measure."""
    comparisons: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    """Planned comparisons, as pairs [arm, arm it is compared with]. Default: every arm with the first."""
    controls: bool = True
    """Whether to add an arm `random search`: the first arm with a base model that proposes at random."""
    budget_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Limit in US dollars for all runs together. Default: no limit."""
    budget_tokens: Annotated[int, Field(gt=0)] | None = None
    """Limit in input and output tokens for all runs together. Default: no limit."""
    retries: Annotated[int, Field(ge=0, le=100)] = 1
    """Maximum number of retries of a failed run each time the ablation is started."""

    @field_validator("scenario", mode="before")
    @classmethod
    def _as_fields(cls, scenario: object) -> object:
        """Accept a `Scenario` made in Python; its name and seed are ignored."""
        if not isinstance(scenario, Scenario):
            return scenario
        return scenario.model_dump(mode="json", exclude_unset=True, exclude=set(RUN_FIELDS))


@dataclass(frozen=True, slots=True)
class PlannedArm:
    """An arm with its resolved scenario."""

    name: str
    settings: Mapping[str, Any]
    """Settings on top of the ablation's scenario, by dotted path."""
    scenario: Scenario
    """The resolved scenario under the first seed."""


@dataclass(frozen=True, slots=True)
class ForkSource:
    """The run that all arms fork from."""

    run: Path
    """Its run file."""
    at: int
    """First round under the settings of the arms; earlier rounds repeat the recording."""
    digest: str
    """Digest of the run."""
    scenario: Scenario
    """Scenario of the run before that round."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of the ablation, executed or not."""

    arm: str
    scenario: Scenario
    """Resolved, with its seed. Its name is the file name of the arm."""
    fork_from: ForkSource | None = None

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.scenario.seed

    @property
    def key(self) -> str:
        """Hash of the resolved scenario with its seed, and of the fork source if there is one."""
        fork_key = () if self.fork_from is None else (self.fork_from.digest, str(self.fork_from.at))
        return content_hash(canonical_json(self.scenario.model_dump(mode="json")), *fork_key)[:12]

    @property
    def stem(self) -> str:
        """The run's id, and the name of its file without the suffix."""
        return f"{self.scenario.name}-seed{self.seed}-{self.key}"


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """An ablation with its resolved arms and runs."""

    ablation: Ablation
    """With all fields of its scenario and with its comparisons filled in."""
    arms: tuple[PlannedArm, ...]
    """In the order of the file, the control last."""
    runs: tuple[PlannedRun, ...]
    """In order of execution: seed by seed, so that all arms have similar numbers of runs if execution stops early."""
    fork_from: ForkSource | None = None

    def runs_of(self, shard: Shard) -> tuple[PlannedRun, ...]:
        """Return the runs of a shard."""
        return self.runs[shard.number - 1 :: shard.of]


def slug(arm: str) -> str:
    """Return an arm's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", arm).strip("-")


def seeds_of(ablation: Ablation) -> list[int]:
    """Return the seeds in ascending order."""
    return list(range(1, ablation.seeds + 1)) if isinstance(ablation.seeds, int) else sorted(ablation.seeds)
