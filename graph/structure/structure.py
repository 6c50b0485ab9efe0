"""Structure: the dials, and the named points on the way from free to bound."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aarlab.graph.structure.dials import (
    directions,
    evaluation,
    oversight,
    review,
    selection,
    sharing,
    topology,
    workflow,
)
from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

DIALS: tuple[Dial, ...] = (
    workflow.DIAL, directions.DIAL, selection.DIAL, review.DIAL, sharing.DIAL, topology.DIAL, oversight.DIAL,
    evaluation.DIAL,
)  # fmt: skip
"""In the order in which they draw: review stands before publish in the team graph, oversight after it."""

_AUTONOMOUS_DIALS: Mapping[str, str] = {
    "workflow": "autonomous", "directions": "distinct", "selection": "self", "sharing": "synced",
    "topology": "complete", "review": "none", "oversight": "none", "evaluation": "guarded",
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
"""From the least structure to the most."""


class Structure(BaseModel):
    """How much is laid down for the agents: one value for each dial, on top of a preset."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    preset: Literal["autonomous", "undirected", "suggested", "reviewed", "staged", "scripted"] = "autonomous"
    """Where the dials stand that are not set one by one."""
    workflow: Literal["autonomous", "suggested", "staged"] = "autonomous"
    directions: Literal["none", "distinct", "pool"] = "distinct"
    selection: Literal["self", "evolutionary"] = "self"
    sharing: Literal["none", "synced", "query", "keyword"] = "synced"
    topology: Literal["complete", "scale-free", "small-world", "star", "ring", "islands", "networkx", "file"] = (
        "complete"
    )
    review: Literal["none", "advisory", "gate"] = "none"
    oversight: Literal["none", "checkpoint", "gate"] = "none"
    evaluation: Literal["guarded", "capped", "open"] = "guarded"

    directions_source: Literal["study", "model"] = "study"
    """Who wrote distinct directions: the study's nine, in this project's words, or the team's base model."""
    pool_ideas: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Ideas in a pool; left out: four for each researcher."""
    pool_revisions: Annotated[int, Field(ge=0, le=10)] = 0
    """How often the base model criticises and rewrites its pool."""
    topology_parameters: dict[str, float | int | str] = {}
    """Parameters of the topology, such as `{neighbours: 4, rewired: 0.1}` for a small world."""
    checkpoint_rounds: Annotated[int, Field(ge=1)] = 3
    """Rounds between two checkpoints."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        """A bare name is a preset; dials not named stand where the preset has them."""
        if isinstance(data, str):
            data = {"preset": data}
        if isinstance(data, dict):
            # An unknown preset falls through to the field's own check, which names what is allowed.
            return {**PRESETS.get(str(data.get("preset", "autonomous")), {}), **data}
        return data

    @model_validator(mode="after")
    def _check_consistency(self) -> "Structure":
        """Refuse what contradicts itself, and what would do nothing."""
        if self.sharing == "none" and self.topology != "complete":
            raise ValueError(f"sharing none and topology {self.topology} contradict each other: nobody hears anybody")
        if self.sharing == "none" and self.oversight == "gate":
            raise ValueError("sharing none and oversight gate contradict each other: there is nothing to release")
        without_effect = {
            "directions_source": self.directions_source != "study" and self.directions != "distinct",
            "pool_ideas": self.pool_ideas is not None and self.directions != "pool",
            "pool_revisions": self.pool_revisions > 0 and self.directions != "pool",
            "topology_parameters": bool(self.topology_parameters) and self.topology == "complete",
        }
        for option, of in (("directions_source", "directions"), ("pool_ideas", "directions"),
                           ("pool_revisions", "directions"), ("topology_parameters", "topology")):  # fmt: skip
            if without_effect[option]:
                raise ValueError(f"{option} does nothing where {of} is {getattr(self, of)}")
        return self

    def value_of(self, dial: Dial) -> str:
        """Return where a dial stands."""
        return str(getattr(self, dial.name))

    @property
    def planned(self) -> bool:
        """Whether the base model writes directions or ideas before the work begins."""
        return self.directions == "pool" or self.directions_source == "model"

    def resolved(self) -> ResolvedStructure:
        """Return what the dials ask for together."""
        resolved = ResolvedStructure()
        for dial in DIALS:
            dial.apply(self.value_of(dial), resolved)
        return resolved
