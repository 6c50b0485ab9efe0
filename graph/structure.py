"""Structure: the dials, and the named points on the way from free to bound."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from aarlab.graph.dials import directions, evaluation, review, sharing, workflow
from aarlab.graph.dials.dial import Blueprint, Dial

DIALS: tuple[Dial, ...] = (workflow.DIAL, directions.DIAL, review.DIAL, sharing.DIAL, evaluation.DIAL)
"""In the order in which they draw: review stands before publish in the team graph."""

_FREE: Mapping[str, str] = {
    "workflow": "autonomous", "directions": "distinct", "sharing": "synced", "review": "none", "evaluation": "guarded"
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, str]] = {
    "autonomous": _FREE,
    "undirected": {**_FREE, "directions": "none"},
    "reviewed": {**_FREE, "review": "gate"},
    "staged": {**_FREE, "workflow": "staged"},
}
"""From the least structure to the most."""


class Structure(BaseModel):
    """How much is laid down for the agents: one value for each dial, on top of a preset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["autonomous", "undirected", "reviewed", "staged"] = "autonomous"
    """Where the dials stand that are not set one by one."""
    workflow: Literal["autonomous", "staged"] = "autonomous"
    directions: Literal["none", "distinct"] = "distinct"
    sharing: Literal["none", "synced"] = "synced"
    review: Literal["none", "advisory", "gate"] = "none"
    evaluation: Literal["guarded", "capped", "open"] = "guarded"

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

    def setting(self, dial: Dial) -> str:
        """Return where a dial stands."""
        return str(getattr(self, dial.name))

    def blueprint(self) -> Blueprint:
        """Return what the dials ask for together."""
        blueprint = Blueprint()
        for dial in DIALS:
            dial.draw(self.setting(dial), blueprint)
        return blueprint
