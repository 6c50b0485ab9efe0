"""The structure settings of a scenario: one value per dial, and presets that set all of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aarlab.graph.structure.approval import explain_approval
from aarlab.graph.structure.dials import (
    authority,
    coordination,
    directions,
    evaluation,
    opening,
    oversight,
    review,
    selection,
    sharing,
    topology,
    workflow,
)
from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.graph.structure.group_leads import Leads, explain_group_leads, groups_by_lead
from aarlab.graph.structure.response import apply_response
from aarlab.graph.structure.topology_schedule import TopologyChange, neighbours_by_round
from aarlab.memory.board import Neighbours

DIALS: tuple[Dial, ...] = (
    workflow.DIAL, directions.DIAL, selection.DIAL, review.DIAL, sharing.DIAL, topology.DIAL, oversight.DIAL,
    evaluation.DIAL, opening.DIAL, coordination.DIAL, authority.DIAL,
)  # fmt: skip
"""In the order in which they are applied. In the team graph `review` comes before `publish` and oversight after it."""

_AUTONOMOUS_DIALS: Mapping[str, str] = {
    "workflow": "autonomous", "directions": "distinct", "selection": "self", "sharing": "synced",
    "topology": "complete", "review": "none", "oversight": "none", "evaluation": "guarded",
    "opening": "published", "coordination": "peers", "authority": "flat",
}  # fmt: skip
_UNDIRECTED_DIALS: Mapping[str, str] = {**_AUTONOMOUS_DIALS, "directions": "none"}
SINGLE = "single"
"""The preset of a team of one researcher."""
PRESETS: Mapping[str, Mapping[str, str]] = {
    "autonomous": _AUTONOMOUS_DIALS,
    "undirected": _UNDIRECTED_DIALS,
    "suggested": {**_AUTONOMOUS_DIALS, "workflow": "suggested"},
    "reviewed": {**_AUTONOMOUS_DIALS, "review": "gate"},
    "staged": {**_AUTONOMOUS_DIALS, "workflow": "staged"},
    "scripted": {
        **_AUTONOMOUS_DIALS, "workflow": "staged", "directions": "pool", "selection": "evolutionary", "review": "gate",
    },
    SINGLE: {**_UNDIRECTED_DIALS, "sharing": "none"},
    "independent": {**_UNDIRECTED_DIALS, "sharing": "none"},
    "decentralised": _UNDIRECTED_DIALS,
    "hybrid": {**_UNDIRECTED_DIALS, "coordination": "hybrid"},
    "centralised": {**_UNDIRECTED_DIALS, "coordination": "lead", "sharing": "none"},
    "specialists": {**_UNDIRECTED_DIALS, "coordination": "specialists"},
}  # fmt: skip
"""Values of all dials by preset: those of aarlab, then the architectures of Kim et al. (2025) and the expert team of
Shen et al. (2026), each from the least structure to the most.
"""


class Structure(BaseModel):
    """The structure of the team: a preset, and dials that differ from it. `aarlab structure` explains the values."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    preset: Literal[
        "autonomous", "undirected", "suggested", "reviewed", "staged", "scripted", "single", "independent",
        "decentralised", "hybrid", "centralised", "specialists",
    ] = "autonomous"  # fmt: skip
    """Sets all dials that are not set individually. `single` is a team of one researcher."""
    workflow: Literal["autonomous", "suggested", "staged"] = "autonomous"
    """Whether researchers choose their next steps (autonomous, or suggested: with a suggested order) or follow fixed
    stages (staged).
    """
    directions: Literal["none", "distinct", "pool"] = "distinct"
    """Whether all researchers get the same prompt (none), a direction each (distinct), or assigned ideas (pool)."""
    selection: Literal["self", "evolutionary"] = "self"
    """Whether researchers choose what to try next (self) or an evolutionary search on the scores does."""
    sharing: Literal["none", "synced", "query", "keyword"] = "synced"
    """How researchers see the findings of others: not at all (none), listed every round (synced), through a librarian
    (query), or by search (keyword).
    """
    topology: Literal["complete", "scale-free", "small-world", "star", "ring", "islands", "networkx", "file"] = (
        "complete"
    )
    """Which researchers see each other's findings."""
    review: Literal["none", "advisory", "gate"] = "none"
    """No review, comments on findings, or approval of full runs."""
    oversight: Literal["none", "checkpoint", "gate"] = "none"
    """Whether a person is asked if the work continues (checkpoint) or which findings are shared (gate)."""
    evaluation: Literal["guarded", "capped", "open"] = "guarded"
    """How experiments are scored: on fresh worlds (guarded), on fresh worlds with a limited number of scored full
    experiments (capped), or exactly on one fixed world (open).
    """
    opening: Literal["none", "published", "library"] = "published"
    """Known methods that the lab posts on the board before round 1, with code and scores: none, the four published
    methods of the study, or all that come with aarlab (library). It costs one full experiment for each method.
    """
    coordination: Literal["peers", "hybrid", "lead", "specialists"] = "peers"
    """Whether researchers decide what to work on (peers), or a lead assigns each a task every round: researchers see
    each other's findings (hybrid), or only their own and those that their tasks name (lead, which sets `sharing` to
    none unless it is set). specialists: idea, method and analysis specialists hand off methods before they are run.
    """
    authority: Literal["flat", "senior"] = "flat"
    """Whether all findings are listed alike (flat), or those of one researcher are marked and listed first (senior)."""

    directions_source: Literal["study", "model"] = "study"
    """Source of distinct directions: the nine of the study, reworded, or the base model of the lead."""
    pool_ideas: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Number of ideas in the pool; not set: four per researcher."""
    pool_revisions: Annotated[int, Field(ge=0, le=10)] = 0
    """How many times the base model criticises and rewrites its pool."""
    topology_parameters: dict[str, float | int | str] = {}
    """Parameters of the topology, such as `{neighbours: 4, rewired: 0.1}` for a small world."""
    topology_schedule: dict[int, TopologyChange] = {}
    """Topologies of later rounds by their first round, such as `{4: ring}`, or with parameters `{4: {topology: islands,
    parameters: {bridges: 2}}}`. A finding that has reached a researcher stays visible to it.
    """
    leads: Leads = "one"
    """Whether one lead assigns the tasks of the team (one), or each island of the topology `islands` is a group with a
    lead of its own, which sees the findings that reach its group (per_group).
    """
    checkpoint_rounds: Annotated[int, Field(ge=1)] = 3
    """Number of rounds between checkpoints."""
    response: Literal["record", "warn", "withhold", "disqualify", "ask"] = "record"
    """What a flag of a monitor does: nothing until the close (record), warn the author, withhold the findings from the
    team, disqualify them (they are not shared and not scored), or ask the overseer whether to disqualify them.
    """
    approve_tools: list[str] = []
    """Tools of researchers whose calls the overseer approves, changes or rejects before they take effect, such as
    `[run_experiment, submit]`.
    """

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        """Accept the bare name of a preset, and fill in the dials that are not set."""
        if isinstance(data, str):
            data = {"preset": data}
        if isinstance(data, dict):
            # The field validator reports an unknown preset, with the allowed names.
            if data.get("coordination") == "lead":
                data = {"sharing": "none", **data}
            return {**PRESETS.get(str(data.get("preset", "autonomous")), {}), **data}
        return data

    @field_validator("topology_schedule", mode="before")
    @classmethod
    def _rounds_as_numbers(cls, data: Any) -> Any:
        """Accept rounds as text, as in JSON and in `--set structure.topology_schedule.4=ring`."""
        if not isinstance(data, dict):
            return data
        if wrong := [round for round in data if not str(round).isdecimal() or int(round) < 2]:
            raise ValueError(f"topology_schedule has rounds from 2 on, not {wrong[0]!r}; `topology` is that of round 1")
        return {int(round): change for round, change in data.items()}

    @model_validator(mode="after")
    def _check_consistency(self) -> "Structure":
        """Reject contradictory values and options without effect."""
        self._check_leads()
        # With a lead for each group, the topology determines which findings reach which lead.
        isolated = self.sharing == "none" and self.leads == "one"
        if isolated and self.topology != "complete":
            raise ValueError(f"sharing none and topology {self.topology} contradict each other: no findings are shared")
        if isolated and self.topology_schedule:
            raise ValueError("sharing none and topology_schedule contradict each other: no findings are shared")
        if self.sharing == "none" and self.oversight == "gate":
            raise ValueError("sharing none and oversight gate contradict each other: no findings are released")
        if self.sharing == "none" and self.authority == "senior":
            raise ValueError("sharing none and authority senior contradict each other: no findings are listed")
        self._check_coordination()
        without_effect = {
            ("directions_source", "directions"): self.directions_source != "study" and self.directions != "distinct",
            ("pool_ideas", "directions"): self.pool_ideas is not None and self.directions != "pool",
            ("pool_revisions", "directions"): self.pool_revisions > 0 and self.directions != "pool",
            ("topology_parameters", "topology"): bool(self.topology_parameters) and self.topology == "complete",
        }
        for (option, dial), ignored in without_effect.items():
            if ignored:
                raise ValueError(f"{option} has no effect if {dial} is {getattr(self, dial)}")
        return self

    def _check_leads(self) -> None:
        """Reject leads of groups in a team without groups or without leads."""
        if self.leads == "per_group" and not self.has_lead:
            raise ValueError(
                f"leads per_group has no effect if coordination is {self.coordination}; set coordination to lead or "
                "hybrid"
            )
        if self.leads == "per_group" and self.topology != "islands":
            raise ValueError(
                f"leads per_group and topology {self.topology} contradict each other: the groups are the islands; set "
                "topology to islands"
            )

    def _check_coordination(self) -> None:
        """Reject dials that contradict the coordination."""
        if self.coordination == "lead" and self.sharing != "none":
            raise ValueError(
                f"coordination lead and sharing {self.sharing} contradict each other: only the lead sees all findings; "
                "set sharing to none, or coordination to hybrid"
            )
        if self.coordination == "hybrid" and self.sharing == "none":
            raise ValueError(
                "coordination hybrid and sharing none contradict each other: in a hybrid team researchers see each "
                "other's findings; set coordination to lead, or share findings"
            )
        if self.coordination == "specialists" and self.sharing != "synced":
            raise ValueError(
                f"coordination specialists and sharing {self.sharing} contradict each other: specialists get what is "
                "handed off in the lists of new findings; set sharing to synced"
            )
        if self.coordination == "specialists" and self.workflow == "staged":
            raise ValueError(
                "coordination specialists and workflow staged contradict each other: each researcher of a staged "
                "workflow goes through all stages"
            )
        if self.assigns_work and self.directions == "pool":
            raise ValueError(f"coordination {self.coordination} and directions pool contradict each other: both assign")
        if self.assigns_work and self.selection == "evolutionary":
            raise ValueError(
                f"coordination {self.coordination} and selection evolutionary contradict each other: both assign"
            )

    def value_of(self, dial: Dial) -> str:
        """Return the value of a dial."""
        return str(getattr(self, dial.name))

    @property
    def planned(self) -> bool:
        """Whether the base model writes directions or ideas before the work begins."""
        return self.directions == "pool" or self.directions_source == "model"

    @property
    def assigns_ideas(self) -> bool:
        """Whether researchers get their ideas from a pool or from an evolutionary search."""
        return self.directions == "pool" or self.selection == "evolutionary"

    @property
    def assigns_work(self) -> bool:
        """Whether the coordination determines what a researcher works on."""
        return self.coordination != "peers"

    @property
    def has_lead(self) -> bool:
        """Whether a lead assigns tasks."""
        return self.coordination in ("lead", "hybrid")

    def resolved(self) -> ResolvedStructure:
        """Return the combined settings of all dials."""
        resolved = ResolvedStructure()
        for dial in DIALS:
            dial.apply(self.value_of(dial), resolved)
        if self.topology_schedule:
            resolved.explanations.append(topology.SCHEDULE_EXPLANATION)
        if self.leads == "per_group":
            explain_group_leads(resolved, shared=self.sharing != "none")
        apply_response(self.response, resolved)
        explain_approval(self.approve_tools, resolved)
        return resolved

    def withholding_dial(self, tool: str) -> Dial | None:
        """Return the dial whose value keeps a tool from all researchers; None if there is none."""
        resolved = ResolvedStructure()
        withholding: Dial | None = None
        for dial in DIALS:  # a later dial can return a tool: a lead returns `borrow`
            dial.apply(self.value_of(dial), resolved)
            withholding = (withholding or dial) if tool in resolved.withheld_tools else None
        return withholding

    @property
    def has_overseer(self) -> bool:
        """Whether an overseer is asked."""
        return self.oversight != "none" or self.response == "ask" or bool(self.approve_tools)

    def groups_by_lead(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return the researchers to whom each lead assigns tasks, by the name of the lead; empty without a lead.

        Args:
            names: The researchers, in team order.
        """
        return groups_by_lead(self.leads, self.topology_parameters, names) if self.has_lead else {}

    def senior(self, names: Sequence[str], seed: int) -> str | None:
        """Return the senior of a team, given its names and the run's seed; None if the structure has none."""
        return authority.draw_senior(names, seed) if self.authority == "senior" else None

    def neighbours_by_round(self, names: Sequence[str], seed: int) -> dict[int, Neighbours]:
        """Return whose findings each researcher sees, by the first round in which that applies.

        Args:
            names: The researchers, in team order.
            seed: The run's seed.

        Raises:
            ValueError: A topology does not take its parameters, or has another size than the team.
        """
        return neighbours_by_round(self.topology, self.topology_parameters, self.topology_schedule, names, seed)


def structure_text(structure: Mapping[str, Any]) -> str:
    """Return the preset of a recorded structure and the dials that differ from it, such as `autonomous review=gate`."""
    preset = str(structure.get("preset", ""))
    values = PRESETS.get(preset, {}).items()
    changed = (f"{dial}={structure[dial]}" for dial, value in values if structure.get(dial, value) != value)
    return " ".join((preset, *changed))
