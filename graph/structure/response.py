"""The response to flags: what a flag of a monitor does during the run."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.memory.events import Flagged, FlagOutcome

if TYPE_CHECKING:  # it loads the method toolkit
    from aarlab.graph.structure.run_events import RunEvents

Response = Literal["record", "warn", "withhold", "disqualify", "ask"]
OUTCOMES: Mapping[Response, FlagOutcome] = {"warn": "warned", "withhold": "withheld", "disqualify": "disqualified"}
"""The outcome of every flag under a response that asks nobody."""
_EXPLANATIONS: Mapping[Response, str] = {
    "warn": "the author is warned",
    "withhold": "these findings are not shared",
    "disqualify": "these results are disqualified: they are not shared and not scored",
    "ask": "an overseer decides whether these results are disqualified",
}


def apply_response(response: Response, resolved: ResolvedStructure) -> None:
    """Add the node `respond` before findings are published, and explain it in the system prompt."""
    if response == "record":
        return
    nodes = resolved.team_nodes
    nodes.insert(next((i for i, name in enumerate(nodes) if name in ("publish", "release")), len(nodes)), "respond")
    resolved.explanations.append(
        f"After each round, monitors look for cheating in the record. If they flag a result, {_EXPLANATIONS[response]}."
    )


def response_violations(events: "RunEvents") -> Iterator[str]:
    """Yield one sentence for each flag whose outcome is not that of the configured response."""
    response: Response = events.structure.get("response", "record")
    for _, flag in events.of(Flagged):
        if response == "record":
            yield f"{flag.subject} was {flag.outcome}, although flags are only recorded"
        elif flag.outcome != OUTCOMES.get(response, flag.outcome):
            yield f"{flag.subject} was {flag.outcome} under the response {response}"
