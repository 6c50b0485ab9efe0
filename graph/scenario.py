"""The scenario: everything that determines a run except the replies of live models."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from aarlab.graph.calls.budget import Budget
from aarlab.graph.calls.live_settings import RECORDED_CONTEXT, LiveSettings, is_recorded
from aarlab.graph.calls.oversight_policy import policy_problem
from aarlab.graph.structure.approval import approval_problem
from aarlab.graph.structure.structure import SINGLE, Structure
from aarlab.graph.structure.turnover import Turnover
from aarlab.graph.task_choice import TaskChoice
from aarlab.memory.messages import Json

Hours = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TeamConfig(_Section):
    """The agents of a run and their base models."""

    researchers: Annotated[int, Field(ge=1, le=10_000)] = 9
    """Number of researchers."""
    model: str = "simulated/researcher"
    """Base model of the researchers, as `provider/model`. `aarlab models` lists them."""
    reviewer: str = "simulated/reviewer"
    """Base model of the reviewer. Used if the dial `review` is not none."""
    librarian: str = "simulated/librarian"
    """Base model of the librarian. Used if the dial `sharing` is query."""
    overseer: str = "simulated/overseer"
    """Base model of the overseer, such as `human/terminal`. Used if the dial `oversight` is not none,
    `structure.response` is ask, or `structure.approve_tools` names a tool.
    """
    escalation: str = ""
    """Base model that decides about the flags and tool calls that the overseer escalates, such as `human/inbox`. Used
    if `structure.response` is ask, or `structure.approve_tools` names a tool. Empty: the overseer decides about all.
    """
    models: dict[str, str] = {}
    """Base models of individual agents instead of `model`, by name: `r1`, `r2` and so on, and `lead`, which writes
    directions or ideas before round 1, and assigns tasks. Example: `{r1: human/terminal}`.
    """
    hostile: dict[str, Annotated[int, Field(ge=1)]] = {}
    """Simulated researchers that cheat, as a number for each side task, such as `{exfiltrate: 1}`. They take the places
    of the team that `models` does not name, from the last one on. docs/oversight.md lists the side tasks.
    """
    side_task: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Side tasks in words, which live models get in their system prompt, by researcher. Example: `{r3: Recover the
    labels of test items from the scores.}`.
    """
    turnover: Turnover | None = None
    """Researchers that leave and are replaced: `{every_rounds: 3, members: 2}` replaces two after every three rounds.
    The new ones have no memory, and the direction and the remaining hours of those whose places they take. Not set:
    none.
    """
    tools: list[str] = []
    """Tools of installed packages that researchers get in addition to the built-in tools, by name; see
    docs/example-tool.
    """
    temperament: str = "varied"
    """Distribution of the temperaments of simulated researchers. They are drawn from the run's seed, or from a seed
    given after `@`: with `varied@7`, runs with different seeds have the same researchers.
    """

    @property
    def names(self) -> list[str]:
        """Names of the researchers: r1, r2 and so on."""
        return list(_researcher_names(self.researchers))

    def model_of(self, agent: str) -> str:
        """Return the base model of a researcher or of the lead."""
        if (side_task := self.hostile_members.get(agent)) is not None:
            return f"simulated/hostile-{side_task}"
        return self.models.get(agent, self.model)

    @property
    def hostile_members(self) -> dict[str, str]:
        """The side task of each hostile researcher: the last places that `models` does not name."""
        return hostile_members({"researchers": self.researchers, "models": self.models, "hostile": self.hostile})

    @field_validator("model", "reviewer", "librarian", "overseer")
    @classmethod
    def _check_model(cls, name: str, info: ValidationInfo) -> str:
        role = "researcher" if info.field_name in (None, "model") else info.field_name
        return cls._checked_model(name, role, info)

    @field_validator("escalation")
    @classmethod
    def _check_escalation(cls, name: str, info: ValidationInfo) -> str:
        return cls._checked_model(name, "overseer", info) if name else name

    @staticmethod
    def _checked_model(name: str, role: str, info: ValidationInfo) -> str:
        from aarlab.agents.models.registry import check_role

        if not is_recorded(info):
            check_role(name, role)
        return name

    @model_validator(mode="after")
    def _check_agent_names(self, info: ValidationInfo) -> "TeamConfig":
        for agent, model in self.models.items():
            self._checked_model(model, "lead" if agent == "lead" else "researcher", info)
            if agent not in (*self.names, "lead"):
                raise ValueError(
                    f"models names the agent {agent!r}; expected {self.names[0]} to {self.names[-1]}, or lead"
                )
        return self

    @model_validator(mode="after")
    def _check_side_tasks(self) -> "TeamConfig":
        """Reject side tasks that do not exist or that no researcher can have."""
        from aarlab.agents.models.side_task_names import SIDE_TASKS

        if unknown := [name for name in self.hostile if name not in SIDE_TASKS]:
            raise ValueError(f"hostile names the side task {unknown[0]!r}; there are: {', '.join(SIDE_TASKS)}")
        wanted, free = sum(self.hostile.values()), sum(name not in self.models for name in self.names)
        if wanted > free:
            raise ValueError(f"hostile needs {wanted} places, and the team has {free} that models does not name")
        for agent in self.side_task:
            if agent not in self.names:
                raise ValueError(f"side_task names the agent {agent!r}; expected {self.names[0]} to {self.names[-1]}")
            if (model := self.model_of(agent)).startswith("simulated/"):
                raise ValueError(f"side_task has no effect on {agent}, whose base model is {model}; use hostile")
        return self

    @field_validator("tools")
    @classmethod
    def _check_tool_names(cls, names: list[str], info: ValidationInfo) -> list[str]:
        if names and not is_recorded(info):
            from aarlab.tools.tool_registry import load_tool

            for name in names:
                load_tool(name)
        return list(dict.fromkeys(names))

    @field_validator("temperament")
    @classmethod
    def _check_temperament(cls, name: str) -> str:
        from aarlab.agents.models.registry import check_temperament

        check_temperament(name)
        return name


def hostile_members(team: Mapping[str, Any]) -> dict[str, str]:
    """Return the side task of each hostile researcher, given the section `team` of a scenario."""
    tasks = [side_task for side_task, count in sorted(team.get("hostile", {}).items()) for _ in range(count)]
    names = reversed(_researcher_names(team["researchers"]))
    places = (name for name in names if name not in team.get("models", {}))
    return dict(zip(places, tasks, strict=False)) if tasks else {}


@lru_cache
def _researcher_names(count: int) -> tuple[str, ...]:
    return tuple(f"r{i + 1}" for i in range(count))


class MonitorConfig(_Section):
    """The monitors of a run, in addition to the built-in ones."""

    model: str = ""
    """Base model that reads the trajectory of each researcher at the close and scores it, such as `simulated/monitor`.
    Empty: none.
    """
    packages: list[str] = []
    """Monitors of installed packages, by name; see docs/oversight.md."""

    @field_validator("model")
    @classmethod
    def _check_model(cls, name: str, info: ValidationInfo) -> str:
        from aarlab.agents.models.registry import check_role

        if name and not is_recorded(info):
            check_role(name, "monitor")
        return name


class CloseConfig(_Section):
    """Checks of the finalists at the close, in addition to the scores of the winner. They cost research hours."""

    retune: Annotated[int, Field(ge=0, le=256)] = 0
    """Number of other settings tried for each finalist on the run's task and on each of `scoring.transfer_tasks`, by
    random search on worlds of that task that score nothing else. The method stays the same; only the settings of its
    operators change. All finalists, and the reference methods, are then scored on held-out, shifted and transfer
    worlds. Each setting costs a full experiment. 0: none.
    """
    replicate: bool = False
    """Whether a fresh agent writes the method of each finalist again from the text of its finding alone, without its
    code. The agent uses `team.model`, or rules in place of a model that cannot do it. All finalists are then scored on
    held-out, shifted and transfer worlds. Each replication costs a full experiment.
    """

    @property
    def checks_finalists(self) -> bool:
        """Whether all finalists are scored on all panels."""
        return self.replicate or self.retune > 0


class StepCosts(_Section):
    """Cost of each kind of step, in research hours."""

    think: Hours = 0.1
    """One call of the base model."""
    read: Hours = 0.1
    """Reading or searching the board, a finding, the notebook or a file."""
    write: Hours = 0.1
    """Writing a file or a notebook entry."""
    ask: Hours = 0.2
    """One question to the librarian."""
    share: Hours = 0.1
    """Posting, critiquing or nominating a finding."""
    review: Hours = 0.2
    """Review of a full run."""
    assign: Hours = 0.2
    """A task from the lead, for the researcher that gets it."""
    smoke: Hours = 0.1
    """One smoke test."""
    pilot: Hours = 0.25
    """One pilot: `scoring.pilot_worlds` small worlds."""
    full: Hours = 2.0
    """One full experiment. If it fails, it costs the share of its worlds that were run."""

    @model_validator(mode="after")
    def _check_think_cost(self) -> "StepCosts":
        if self.think <= 0:
            raise ValueError(
                "think must be greater than 0, otherwise an agent that only thinks never uses up its hours"
            )
        return self


class Scoring(_Section):
    """Number of worlds for each score, and the tasks for transfer."""

    full_worlds: Annotated[int, Field(ge=2, le=1024)] = 8
    """Number of worlds of a full experiment."""
    pilot_worlds: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of small worlds of a pilot: more worlds make its score less noisy. Its cost is `costs.pilot`, whatever the
    number. One world gives no standard error.
    """
    finalists: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of findings that are scored again at the close; the one with the highest score is the winner."""
    final_worlds: Annotated[int, Field(ge=2, le=1024)] = 16
    """Number of fresh worlds on which each finalist is scored."""
    screening_worlds: Annotated[int, Field(ge=2, le=1024)] = 16
    """Number of worlds on which known methods are scored, for the opening and to choose the reference methods. All runs
    use the same worlds.
    """
    heldout_worlds: Annotated[int, Field(ge=2, le=1024)] = 64
    """Number of worlds of the held-out panel. All runs use the same worlds."""
    shifted_worlds: Annotated[int, Field(ge=0, le=1024)] = 32
    """Number of worlds of the shifted panel (another distribution). All runs use the same worlds. 0: no panel."""
    transfer_worlds: Annotated[int, Field(ge=0, le=1024)] = 8
    """Number of worlds of each task in `transfer_tasks`. All runs use the same worlds. 0: no transfer."""
    transfer_tasks: list[TaskChoice] = [
        TaskChoice(name=name) for name in ("chat", "math", "code", "digits", "headlines", "spam")
    ]
    """Tasks on which the winner is scored unchanged, each a name or the fields of `task`. The run's own is ignored."""
    full_experiment_cap: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Number of scored full experiments per researcher. Applies if the dial `evaluation` is capped."""
    secret: str = "laboratory"
    """Secret that is mixed into the seed of every world. `laboratory`: a random secret of this user that is made on
    first use (docs/tasks.md); a run file has its fingerprint only. An empty text: none, so that the run gives the same
    scores everywhere, and anybody with aarlab's code can compute the worlds and their labels. Any other text is the
    secret itself. Runs that are compared must share the secret.
    """

    @model_validator(mode="after")
    def _check_transfer_tasks(self) -> "Scoring":
        names = [choice.name for choice in self.transfer_tasks]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"transfer_tasks names {' and '.join(duplicates)} more than once; scores are recorded by name"
            )
        if single := [choice.name for choice in self.transfer_tasks if choice.single_world]:
            raise ValueError(f"transfer_tasks names {single[0]}, a search problem whose methods fit one landscape only")
        return self


class Scenario(_Section):
    """Everything that determines a run except the replies of live models."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "quickstart"
    """Name of the scenario, used in the name of the run file."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Seed of all random draws of the run."""
    task: TaskChoice = TaskChoice()
    team: TeamConfig = TeamConfig()
    structure: Structure = Structure()
    budget: Budget = Budget()
    costs: StepCosts = StepCosts()
    monitor: MonitorConfig = MonitorConfig()
    close: CloseConfig = CloseConfig()
    scoring: Scoring = Scoring()
    live: LiveSettings = LiveSettings()

    @classmethod
    def from_record(cls, data: Json) -> "Scenario":
        """Return the scenario of a recorded run. Its base models and prices need not be available.

        Raises:
            ValueError: The data are not a valid scenario (pydantic's ValidationError).
        """
        return cls.model_validate(data, context=RECORDED_CONTEXT)

    @property
    def rounds(self) -> int:
        """Number of rounds that the budget allows."""
        return -int(-self.budget.hours // self.budget.round_hours)

    @property
    def transfer_tasks(self) -> list[TaskChoice]:
        """Tasks on which the winner is scored: those of the scoring section without the run's own.

        Empty if the task has a single world, because its methods mean nothing on another task.
        """
        transfers = self.scoring.transfer_worlds and not self.task.single_world
        tasks = self.scoring.transfer_tasks if transfers else []
        return [choice for choice in tasks if choice.name != self.task.name]

    @property
    def replicator(self) -> str:
        """Base model that writes methods again from the text of findings: `team.model`, unless it only researches."""
        provider = self.team.model.partition("/")[0]
        return "simulated/replicator" if provider in ("simulated", "human", "agent") else self.team.model

    @property
    def escalates(self) -> bool:
        """Whether the overseer can escalate flags and tool calls."""
        asked = self.structure.response == "ask" or bool(self.structure.approve_tools)
        return asked and bool(self.team.escalation)

    @property
    def models_used(self) -> list[str]:
        """Names of the base models that the agents of this structure use, without duplicates."""
        structure, team = self.structure, self.team
        used = [team.model_of(name) for name in team.names]
        used += [team.model_of("lead")] * (structure.planned or structure.has_lead)
        used += [team.reviewer] * (structure.review != "none")
        used += [team.librarian] * (structure.sharing == "query")
        used += [team.overseer] * structure.has_overseer
        used += [team.escalation] * self.escalates
        used += [self.monitor.model] * bool(self.monitor.model)
        used += [self.replicator] * self.close.replicate
        return list(dict.fromkeys(used))

    @model_validator(mode="before")
    @classmethod
    def _fill_team_of_one(cls, data: Any) -> Any:
        """Set the size of the team to 1 under the preset `single`, unless it is set."""
        structure = data.get("structure") if isinstance(data, dict) else None
        preset = structure.get("preset") if isinstance(structure, dict) else getattr(structure, "preset", structure)
        team = data.get("team", {}) if preset == SINGLE else None
        return {**data, "team": {"researchers": 1, **team}} if isinstance(team, dict) else data

    @model_validator(mode="after")
    def _check_team_size(self) -> "Scenario":
        if self.structure.preset == SINGLE and self.team.researchers != 1:
            raise ValueError(
                f"the preset single is a team of one researcher, and team.researchers is {self.team.researchers}; set "
                "team.researchers to 1, or choose the preset independent"
            )
        return self

    @model_validator(mode="after")
    def _check_topology(self) -> "Scenario":
        last = max(self.structure.neighbours_by_round(self.team.names, self.seed))
        if last > self.rounds:
            raise ValueError(f"topology_schedule has a change in round {last}, and the run has {self.rounds} rounds")
        return self

    @model_validator(mode="after")
    def _check_turnover(self) -> "Scenario":
        """Reject turnover of more researchers than can leave, and turnover after the last round."""
        if (turnover := self.team.turnover) is None:
            return self
        senior = self.structure.authority == "senior"
        if turnover.members > (most := self.team.researchers - senior):
            stays = ", and the senior stays" if senior else ""
            raise ValueError(
                f"team.turnover.members is {turnover.members}, and team.researchers is {self.team.researchers}{stays}: "
                f"at most {most} can leave"
            )
        if not any(map(turnover.is_due, range(1, self.rounds + 1))):
            raise ValueError(
                f"team.turnover.every_rounds is {turnover.every_rounds}, and the run has {self.rounds} rounds: set it "
                f"to {self.rounds - 1} or less, or leave team.turnover out"
                if self.rounds > 1
                else "team.turnover needs at least two rounds, and the run has one"
            )
        return self

    @model_validator(mode="after")
    def _check_approval(self, info: ValidationInfo) -> "Scenario":
        """Reject approval of calls that no researcher can make, and policies for questions that nobody asks."""
        if is_recorded(info):
            return self
        problem = approval_problem(self.structure, self.team.tools, self.team.names)
        problem = problem or policy_problem(self.live.oversight_policy, self.structure.approve_tools)
        if problem is not None:
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _check_outside_agents(self, info: ValidationInfo) -> "Scenario":
        """Reject limits that outside agents cannot be held to."""
        outside = [name for name in self.models_used if name.startswith("agent/")]
        limits = [name for name in self.budget.limits if not name.startswith("calls")]
        if limits and outside and not is_recorded(info):
            raise ValueError(
                f"budget.{limits[0]} cannot limit {outside[0]}: an outside agent states what it used after a round, if "
                "at all. Limit budget.calls, which counts its tool calls, and give the agent a limit of its own"
            )
        return self

    @model_validator(mode="after")
    def _check_lead(self, info: ValidationInfo) -> "Scenario":
        if (self.structure.planned or self.structure.has_lead) and not is_recorded(info):
            from aarlab.agents.models.registry import check_role

            check_role(self.team.model_of("lead"), "lead")
        return self

    @model_validator(mode="after")
    def _check_task_is_complete(self, info: ValidationInfo) -> "Scenario":
        if not is_recorded(info) and (problem := self.task.make().problem(shifted=self.scoring.shifted_worlds > 0)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _check_prices(self, info: ValidationInfo) -> "Scenario":
        """Reject a limit in dollars if a price is unknown."""
        if is_recorded(info) or (self.budget.usd is None and self.budget.usd_per_agent is None):
            return self
        unknown = [name for name in self.models_used if self.live.price(name) is None]
        if unknown:
            raise ValueError(
                f"a limit in dollars needs the price of every base model; no price is known for {', '.join(unknown)}. "
                "Limit budget.tokens instead, or set live.prices to a file with the price"
            )
        return self
