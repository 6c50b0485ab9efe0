"""The fields of an ablation file, and the plan of runs that is made from them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aarlab.ablation.arm_configuration import RUN_FIELDS
from aarlab.ablation.execution_options import Part, Shard
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import canonical_json, content_hash

CONTROL = "random search"
"""Name of the arm that is added as a control."""
CONTROL_SETTINGS: Mapping[str, Any] = {"team.model": "simulated/random-pilots"}
"""Settings of the control on top of the first arm: random search with pilots that starts from the opening."""
CONTROL_MODELS = ("simulated/random", "simulated/random-pilots", "simulated/shuffled-board")
"""Base models that are controls of the simulated researcher."""
FORK_SOURCE_FILE = "parent.db"
"""File in the ablation's folder with the run that all arms fork from."""


Seeds = Annotated[int, Field(ge=1, le=100_000)] | list[Annotated[int, Field(ge=0, lt=2**63)]]
"""A number of seeds, or a list of them."""
GridValues = dict[str, list[bool | int | float | str]]
"""Values by dotted scenario path."""


class ForkPoint(BaseModel):
    """A run and a round. All arms fork from the run at the start of that round."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    run: Annotated[str, Field(min_length=1)]
    """A run file (path relative to the ablation file), a folder (its newest run) or the id of a run in ./runs."""
    at: Annotated[int, Field(ge=1)]
    """First round under the settings of the arms; earlier rounds repeat the recording."""
    digest: str | None = None
    """Expected digest of the run. Default: not checked, and filled in when the ablation starts."""


class SensitivityGrid(BaseModel):
    """The comparison repeated under other values of scenario fields that all arms share."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    grid: Annotated[GridValues, Field(min_length=1)]
    """Values by dotted scenario path, such as `costs.pilot`. No arm may set these fields."""
    cross: bool = False
    """Whether every combination of the values is a setting. Default: every value of one field, the others unchanged."""
    seeds: Seeds = 5
    """Number of seeds of each setting, or a list of seeds. Runs that the ablation contains anyway are not repeated.
    `--set seeds=N` reduces the number to N.
    """
    tasks: Annotated[list[str], Field(min_length=1)] | None = None
    """Names of the tasks. Default: all tasks of the ablation."""
    arms: Annotated[list[str], Field(min_length=2)] | None = None
    """Names of the arms. Default: all arms in `comparisons` except the control."""


class PublishedResult(BaseModel):
    """A published comparison that an ablation repeats."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    comparison: Annotated[list[str], Field(min_length=2, max_length=2)]
    """The pair of arms [arm, arm it is compared with]; one of the planned comparisons."""
    sign: Literal["+", "-", "0"]
    """Published sign of the difference in what corresponds to the primary measure; 0: no difference was found."""
    figure: Annotated[str, Field(min_length=1)]
    """The published figures in words, with their unit; `no figure` if there are none."""


class Ablation(BaseModel):
    """Arms x tasks x seeds: the same scenario with different settings, each on the same tasks under the same seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the ablation and of its default folder."""
    question: str = ""
    """The question that the ablation answers, in one sentence."""
    source: str = ""
    """The publication whose design the ablation repeats. Default: none."""
    published: list[PublishedResult] = []
    """Published comparisons; the report shows them beside those of the runs."""
    same: list[str] = []
    """What is the same as in the publication, in sentences."""
    differs: list[str] = []
    """What differs from the publication, in sentences."""
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
    grid: GridValues = {}
    """Values by dotted scenario path. Every combination is an arm; with `arms`, every arm runs at every combination."""
    tasks: Annotated[list[dict[str, Any] | str], Field(min_length=1)] | None = None
    """Tasks, each a name or the fields of `task`, such as `{path: my_task.py}`. Every arm runs on every task; arms are
    compared on each task and over all tasks. Default: the task of the scenario.
    """
    seeds: Seeds = 10
    """Number of seeds (5 means 1 to 5), or a list of seeds. All arms run under the same seeds."""
    seeds_from: Annotated[int, Field(ge=0, lt=2**62)] = 1
    """First seed if `seeds` is a number: 1001 gives fresh seeds for the confirmation of a selected result."""
    sensitivity: SensitivityGrid | None = None
    """Other values of shared scenario fields, under which the comparison is repeated. Default: none."""
    looks: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] | None = None
    """Numbers of seeds at which the ablation is analysed, ascending, such as [10, 20, 40]. `seeds` is one of them and
    may grow to a later one in the same folder. Significance levels account for all looks. Default: one analysis.
    """
    earlier_seeds: list[Annotated[int, Field(ge=1)]] = []
    """Numbers of seeds with which the folder was started before seeds were added that are no planned look. Written by
    `aarlab ablate`; the report mentions them.
    """
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Smallest difference of interest in the primary measure, for equivalence tests. Default: 0.05 for PGR and shares,
    none for other measures.
    """
    measures: Annotated[list[str], Field(min_length=1)] = ["heldout.pgr"]
    """Measures, as paths in a run's summary; the first is the primary measure."""
    comparisons: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    """Planned comparisons, as pairs [arm, arm it is compared with]. Default: every arm with the first."""
    controls: bool = True
    """Whether to add an arm `random search`: the first arm with a base model that pilots random methods."""
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
    scenarios: Mapping[str, Scenario]
    """The resolved scenario under the first seed, by task. Without `tasks` the only key is empty."""

    @property
    def scenario(self) -> Scenario:
        """The resolved scenario on the first task under the first seed."""
        return next(iter(self.scenarios.values()))


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
    """Resolved, with its seed. Its name is the file name of the arm, with that of the task if there are `tasks`."""
    fork_from: ForkSource | None = None
    task: str = ""
    """Name of its task; empty without `tasks`."""
    setting: str = ""
    """Name of its sensitivity setting; empty for the runs of the comparison itself."""

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.scenario.seed

    @property
    def title(self) -> str:
        """Arm, task, setting and seed in words."""
        task = f" on {self.task}" if self.task else ""
        setting = f" with {self.setting}" if self.setting else ""
        return f"{self.arm}{task}{setting}, seed {self.seed}"

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
class PlannedSetting:
    """A sensitivity setting with its runs. A run that is also a run of the comparison has the same file."""

    name: str
    """The changed fields and their values, such as `costs.pilot=0.5`."""
    values: Mapping[str, Any]
    """Values by dotted scenario path."""
    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """An ablation with its resolved arms and runs."""

    ablation: Ablation
    """With all fields of its scenario and with its comparisons filled in."""
    arms: tuple[PlannedArm, ...]
    """In the order of the file, the control last."""
    runs: tuple[PlannedRun, ...]
    """Runs of the comparison in order of execution: seed by seed, so that all arms have similar numbers of runs if
    execution stops early.
    """
    fork_from: ForkSource | None = None
    settings: tuple[PlannedSetting, ...] = ()
    """The sensitivity settings."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks; a single empty name without `tasks`."""
        return tuple(self.arms[0].scenarios)

    @property
    def folder_name(self) -> str:
        """Name of the default folder: fresh seeds have one of their own."""
        ablation = self.ablation
        return ablation.name if ablation.seeds_from == 1 else f"{ablation.name}-from-{ablation.seeds_from}"

    @property
    def sensitivity_runs(self) -> tuple[PlannedRun, ...]:
        """Runs of the sensitivity settings that are no runs of the comparison, each once."""
        own = {run.stem for run in self.runs}
        others = {run.stem: run for run in _by_seed(run for setting in self.settings for run in setting.runs)}
        return tuple(run for stem, run in others.items() if stem not in own)

    def runs_of(self, shard: Shard, part: Part = "all") -> tuple[PlannedRun, ...]:
        """Return the runs of a shard, all or those of one part of the ablation."""
        n_own = len(self.runs)
        numbered = list(enumerate((*self.runs, *self.sensitivity_runs)))[shard.number - 1 :: shard.of]
        kept = {"all": (True, True), "comparison": (True, False), "sensitivity": (False, True)}[part]
        return tuple(run for number, run in numbered if kept[number >= n_own])


def _by_seed(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Return runs by the rank of their seed, otherwise in the given order."""
    return sorted(runs, key=lambda run: run.seed)


def slug(arm: str) -> str:
    """Return an arm's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", arm).strip("-")


def seeds_of(ablation: Ablation) -> list[int]:
    """Return the seeds of the comparison in ascending order."""
    return seed_list(ablation.seeds, ablation.seeds_from)


def seed_list(seeds: int | list[int], first: int) -> list[int]:
    """Return seeds in ascending order: those of a list, or a number of them from the first on."""
    return list(range(first, first + seeds)) if isinstance(seeds, int) else sorted(seeds)
