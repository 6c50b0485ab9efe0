"""The structure settings of a scenario: one value per dial, and presets that set all of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aarlab.graph.structure.dials import (
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
from aarlab.graph.structure.topology_schedule import TopologyChange, neighbours_by_round
from aarlab.memory.board import Neighbours

DIALS: tuple[Dial, ...] = (
    workflow.DIAL, directions.DIAL, selection.DIAL, review.DIAL, sharing.DIAL, topology.DIAL, oversight.DIAL,
    evaluation.DIAL, opening.DIAL,
)  # fmt: skip
"""In the order in which they are applied. In the team graph `review` comes before `publish` and oversight after it."""

_AUTONOMOUS_DIALS: Mapping[str, str] = {
    "workflow": "autonomous", "directions": "distinct", "selection": "self", "sharing": "synced",
    "topology": "complete", "review": "none", "oversight": "none", "evaluation": "guarded",
    "opening": "published",
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, str]] = {
    "autonomous": _AUTONOMOUS_DIALS,
    "undirected": {**_AUTONOMOUS_DIALS, "directions": "none"},
    "suggested": {**_AUTONOMOUS_DIALS, "workflow": "suggested"},
    "reviewed": {**_AUTONOMOUS_DIALS, "review": "gate"},
    "staged": {**_AUTONOMOUS_DIALS, "workflow": "staged"},
    "scripted": {
        **_AUTONOMOUS_DIALS, "workflow": "staged", "directions": "pool", "selection": "evolutionary", "review": "gate",
    },
}  # fmt: skip
"""Values of all dials by preset, from the least structure to the most."""


class Structure(BaseModel):
    """The structure of the team: a preset, and dials that differ from it. `aarlab structure` explains the values."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    preset: Literal["autonomous", "undirected", "suggested", "reviewed", "staged", "scripted"] = "autonomous"
    """Sets all dials that are not set individually."""
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

    directions_source: Literal["study", "model"] = "study"
    """Source of distinct directions: the nine of the study, reworded, or the base model of the planner."""
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
    checkpoint_rounds: Annotated[int, Field(ge=1)] = 3
    """Number of rounds between checkpoints."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        """Accept the bare name of a preset, and fill in the dials that are not set."""
        if isinstance(data, str):
            data = {"preset": data}
        if isinstance(data, dict):
            # The field validator reports an unknown preset, with the allowed names.
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
        if self.sharing == "none" and self.topology != "complete":
            raise ValueError(f"sharing none and topology {self.topology} contradict each other: no findings are shared")
        if self.sharing == "none" and self.topology_schedule:
            raise ValueError("sharing none and topology_schedule contradict each other: no findings are shared")
        if self.sharing == "none" and self.oversight == "gate":
            raise ValueError("sharing none and oversight gate contradict each other: no findings are released")
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

    def value_of(self, dial: Dial) -> str:
        """Return the value of a dial."""
        return str(getattr(self, dial.name))

    @property
    def planned(self) -> bool:
        """Whether the base model writes directions or ideas before the work begins."""
        return self.directions == "pool" or self.directions_source == "model"

    def resolved(self) -> ResolvedStructure:
        """Return the combined settings of all dials."""
        resolved = ResolvedStructure()
        for dial in DIALS:
            dial.apply(self.value_of(dial), resolved)
        if self.topology_schedule:
            resolved.explanations.append(topology.SCHEDULE_EXPLANATION)
        return resolved

    def neighbours_by_round(self, names: Sequence[str], seed: int) -> dict[int, Neighbours]:
        """Return whose findings each researcher sees, by the first round in which that applies.

        Args:
            names: The researchers, in team order.
            seed: The run's seed.

        Raises:
            ValueError: A topology does not take its parameters, or has another size than the team.
        """
        return neighbours_by_round(self.topology, self.topology_parameters, self.topology_schedule, names, seed)
