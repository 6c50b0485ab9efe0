"""Structure: the dials, and the named points on the way from free to bound."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aarlab.graph.dials import directions, evaluation, oversight, review, selection, sharing, topology, workflow
from aarlab.graph.dials.dial import Blueprint, Dial

DIALS: tuple[Dial, ...] = (
    workflow.DIAL, directions.DIAL, selection.DIAL, review.DIAL, sharing.DIAL, topology.DIAL, oversight.DIAL,
    evaluation.DIAL,
)  # fmt: skip
"""In the order in which they draw: review stands before publish in the team graph, oversight after it."""

_FREE: Mapping[str, str] = {
    "workflow": "autonomous", "directions": "distinct", "selection": "self", "sharing": "synced",
    "topology": "complete", "review": "none", "oversight": "none", "evaluation": "guarded",
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, str]] = {
    "autonomous": _FREE,
    "undirected": {**_FREE, "directions": "none"},
    "suggested": {**_FREE, "workflow": "suggested"},
    "reviewed": {**_FREE, "review": "gate"},
    "staged": {**_FREE, "workflow": "staged"},
    "scripted": {
        **_FREE, "workflow": "staged", "directions": "pool", "selection": "evolutionary", "review": "gate",
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

    directions_by: Literal["study", "model"] = "study"
    """Who wrote distinct directions: the study's nine, in this project's words, or the team's base model."""
    pool_ideas: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Ideas in a pool; left out: four for each researcher."""
    pool_critiques: Annotated[int, Field(ge=0, le=10)] = 0
    """How often the base model criticises and rewrites its pool."""
    topology_parameters: dict[str, float | int | str] = {}
    """Parameters of the topology, such as `{neighbours: 4, rewired: 0.1}` for a small world."""
    checkpoint_rounds: Annotated[int, Field(ge=1)] = 3
    """Rounds between two checkpoints."""

    @model_validator(mode="before")
    @classmethod
    def _stand_on_a_preset(cls, data: Any) -> Any:
        """A bare name is a preset; dials not named stand where the preset has them."""
        if isinstance(data, str):
            data = {"preset": data}
        if isinstance(data, dict):
            # An unknown preset falls through to the field's own check, which names what is allowed.
            return {**PRESETS.get(str(data.get("preset", "autonomous")), {}), **data}
        return data

    @model_validator(mode="after")
    def _makes_sense(self) -> "Structure":
        """Refuse what contradicts itself, and what would do nothing."""
        if self.sharing == "none" and self.topology != "complete":
            raise ValueError(f"sharing none and topology {self.topology} contradict each other: nobody hears anybody")
        if self.sharing == "none" and self.oversight == "gate":
            raise ValueError("sharing none and oversight gate contradict each other: there is nothing to release")
        idle = {
            "directions_by": self.directions_by != "study" and self.directions != "distinct",
            "pool_ideas": self.pool_ideas is not None and self.directions != "pool",
            "pool_critiques": self.pool_critiques > 0 and self.directions != "pool",
            "topology_parameters": bool(self.topology_parameters) and self.topology == "complete",
        }
        for option, of in (("directions_by", "directions"), ("pool_ideas", "directions"),
                           ("pool_critiques", "directions"), ("topology_parameters", "topology")):  # fmt: skip
            if idle[option]:
                raise ValueError(f"{option} does nothing where {of} is {getattr(self, of)}")
        return self

    def setting(self, dial: Dial) -> str:
        """Return where a dial stands."""
        return str(getattr(self, dial.name))

    @property
    def planned(self) -> bool:
        """Whether the base model writes directions or ideas before the work begins."""
        return self.directions == "pool" or self.directions_by == "model"

    def blueprint(self) -> Blueprint:
        """Return what the dials ask for together."""
        blueprint = Blueprint()
        for dial in DIALS:
            dial.draw(self.setting(dial), blueprint)
        return blueprint
