"""A scenario: everything that determines a run, apart from what live models say."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from aarlab.graph.calls.budget import Budget
from aarlab.graph.calls.live_settings import RECORDED_CONTEXT, LiveSettings, is_recorded
from aarlab.graph.structure.structure import Structure
from aarlab.graph.structure.topologies import neighbours_of
from aarlab.graph.task_choice import TaskChoice
from aarlab.memory.messages import Json

Hours = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TeamConfig(_Section):
    """Who researches."""

    researchers: Annotated[int, Field(ge=1, le=1000)] = 9
    """How many researchers there are."""
    model: str = "simulated/researcher"
    """Base model of the researchers, `provider/model`."""
    reviewer: str = "simulated/reviewer"
    """Base model of the reviewer, where the structure has one."""
    librarian: str = "simulated/librarian"
    """Base model of the librarian, where the structure has one."""
    overseer: str = "simulated/overseer"
    """Who oversees, where the structure has somebody."""
    models: dict[str, str] = {}
    """Base models of single researchers that think with another than `model`, by name, such as `{r1: human/terminal}`;
    `planner` is whoever plans before the work begins.
    """
    tools: list[str] = []
    """Tools of installed packages that researchers have beside the built-in tools, by name; see docs/example-tool."""
    temperament: str = "varied"
    """Distribution from which simulated researchers draw their temperaments. With `@` and a seed behind it, such as
    `varied@7`, they are drawn from that seed instead of the run's own: the same researchers in other runs.
    """

    @property
    def names(self) -> list[str]:
        """The researchers' names, r1, r2 and so on."""
        return [f"r{i + 1}" for i in range(self.researchers)]

    def model_of(self, agent: str) -> str:
        """Return the base model of a researcher, or of the planner."""
        return self.models.get(agent, self.model)

    @field_validator("model", "reviewer", "librarian", "overseer")
    @classmethod
    def _names_a_model(cls, name: str, info: ValidationInfo) -> str:
        from aarlab.agents.models.registry import check_model_name

        if not is_recorded(info):
            check_model_name(name)
        return name

    @model_validator(mode="after")
    def _agents_exist(self, info: ValidationInfo) -> "TeamConfig":
        for agent, model in self.models.items():
            self._names_a_model(model, info)
            if agent not in (*self.names, "planner"):
                raise ValueError(f"models names {agent!r}; there are {self.names[0]} to {self.names[-1]}, and planner")
        return self

    @field_validator("tools")
    @classmethod
    def _names_installed_tools(cls, names: list[str], info: ValidationInfo) -> list[str]:
        if names and not is_recorded(info):
            from aarlab.tools.tool_registry import load_tool

            for name in names:
                load_tool(name)
        return list(dict.fromkeys(names))

    @field_validator("temperament")
    @classmethod
    def _names_a_distribution(cls, name: str) -> str:
        from aarlab.agents.models.registry import check_temperament

        check_temperament(name)
        return name


class StepCosts(_Section):
    """Research hours that each kind of step takes."""

    think: Hours = 0.1
    """One call of the base model."""
    read: Hours = 0.1
    """Reading or searching the board, a finding, a notebook or a file."""
    write: Hours = 0.1
    """Writing a file or into the notebook."""
    ask: Hours = 0.2
    """Asking the librarian."""
    share: Hours = 0.1
    """Posting, critiquing, nominating."""
    review: Hours = 0.2
    """Having a full run reviewed."""
    smoke: Hours = 0.1
    """A smoke test."""
    pilot: Hours = 0.25
    """A pilot: one small world."""
    full: Hours = 2.0
    """A full experiment; one that fails at once costs the share of its worlds that were tried."""

    @model_validator(mode="after")
    def _think_costs_time(self) -> "StepCosts":
        if self.think <= 0:
            raise ValueError("think must cost something, or an agent that only thinks would never come to its end")
        return self


class Scoring(_Section):
    """How many fresh worlds stand behind each number."""

    full_worlds: Annotated[int, Field(ge=2, le=1024)] = 8
    """Worlds of a full experiment."""
    finalists: Annotated[int, Field(ge=1, le=100)] = 3
    """Findings scored again at the close before one is named best."""
    final_worlds: Annotated[int, Field(ge=2, le=1024)] = 16
    """Fresh worlds of that second scoring."""
    screening_worlds: Annotated[int, Field(ge=2, le=1024)] = 16
    """Worlds, the same for every run, on which the best fixed baseline is chosen."""
    heldout_worlds: Annotated[int, Field(ge=2, le=1024)] = 64
    """Worlds of the held-out panel, the same for every run."""
    shifted_worlds: Annotated[int, Field(ge=0, le=1024)] = 32
    """Worlds of the shifted panel, whose task is shifted, the same for every run; 0 leaves it out."""
    transfer_worlds: Annotated[int, Field(ge=0, le=1024)] = 8
    """Worlds of each task in `transfer_tasks`, the same for every run; 0 turns transfer off."""
    transfer_tasks: list[TaskChoice] = [TaskChoice(name=name) for name in ("chat", "math", "code", "digits")]
    """Tasks on which the winner is scored unchanged, each a name or the fields of `task`; the run's own task is skipped."""
    full_experiment_cap: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Full experiments that each researcher may have scored where the structure caps them."""
    secret: str = ""
    """Mixed into the seed of every world. Whoever knows this code can compute the worlds of a seed it can guess, labels
    and all, and those of the common panels without guessing. Where researchers might, set something long and random;
    runs that are to be compared share it.
    """

    @model_validator(mode="after")
    def _transfer_tasks_differ(self) -> "Scoring":
        names = [choice.name for choice in self.transfer_tasks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"transfer_tasks names {' and '.join(twice)} more than once; scores are recorded by name")
        return self


class Scenario(_Section):
    """One run, described."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "quickstart"
    """Names the run's file."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Everything random is derived from it."""
    task: TaskChoice = TaskChoice()
    team: TeamConfig = TeamConfig()
    structure: Structure = Structure()
    budget: Budget = Budget()
    costs: StepCosts = StepCosts()
    scoring: Scoring = Scoring()
    live: LiveSettings = LiveSettings()

    @classmethod
    def from_record(cls, data: Json) -> "Scenario":
        """Return the scenario of a recorded run that is only looked at: its base models and prices need not be there.

        Raises:
            ValueError: It means nothing here (pydantic's ValidationError).
        """
        return cls.model_validate(data, context=RECORDED_CONTEXT)

    @property
    def rounds(self) -> int:
        """Number of rounds that the budget allows."""
        return -int(-self.budget.hours // self.budget.round_hours)

    @property
    def transfer_tasks(self) -> list[TaskChoice]:
        """Tasks on which the winner is scored: those of the scoring section without the run's own."""
        tasks = self.scoring.transfer_tasks if self.scoring.transfer_worlds else []
        return [choice for choice in tasks if choice.name != self.task.name]

    @property
    def models_used(self) -> list[str]:
        """The base models that somebody thinks with under this structure, each once."""
        structure, team = self.structure, self.team
        used = [team.model_of(name) for name in team.names]
        used += [team.model_of("planner")] * structure.planned
        used += [team.reviewer] * (structure.review != "none")
        used += [team.librarian] * (structure.sharing == "query")
        used += [team.overseer] * (structure.oversight != "none")
        return list(dict.fromkeys(used))

    @model_validator(mode="after")
    def _topology_fits_the_team(self) -> "Scenario":
        neighbours_of(self.structure.topology, self.structure.topology_parameters, self.team.names, self.seed)
        return self

    @model_validator(mode="after")
    def _prices_are_known(self, info: ValidationInfo) -> "Scenario":
        """Refuse a limit on dollars that could not be kept."""
        if is_recorded(info) or (self.budget.usd is None and self.budget.usd_per_agent is None):
            return self
        unknown = [name for name in self.models_used if self.live.price(name) is None]
        if unknown:
            raise ValueError(
                f"a limit in dollars cannot be kept where a price is not known: {', '.join(unknown)}. Limit "
                "budget.tokens instead, or give the price in a file and name it in live.prices"
            )
        return self
