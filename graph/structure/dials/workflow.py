"""Workflow: the researcher chooses its next step, with or without a suggested order, or the stages are fixed."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import Decision

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

_AUTONOMOUS = "You choose what to do next. There is no fixed order of work."
_SUGGESTED = (
    "Suggested order of work (not required): 1. read what is known; 2. propose one idea; 3. smoke test it; "
    "4. pilot it; 5. run it in full if the pilot looks promising; 6. write down what you learn; 7. share it."
)
_STAGED = (
    "The work has a fixed sequence of stages: propose, plan, implement, smoke test, full run, analyse, share, and then "
    "propose again. Each stage offers only its own tools. The smoke test and the full run start automatically."
)

_READ_TOOLS = ("read_board", "search_board", "read_findings", "read_file", "read_notebook")
STAGE_TOOLS: Mapping[str, tuple[str, ...]] = {
    "propose": (*_READ_TOOLS, "borrow", "critique", "post_finding"),
    "plan": ("read_notebook", "read_file", "write_notebook"),
    "implement": ("read_file", "read_findings", "borrow", "write_file"),
    "analyse": ("read_notebook", "write_notebook"),
    "share": ("post_finding", "submit", "critique"),
}
"""Built-in tools of each stage of the staged workflow that has a researcher's turns."""


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "staged":
        resolved.workflow = "staged"
        resolved.explanations.append(_STAGED)
    else:
        resolved.explanations.append(_SUGGESTED if value == "suggested" else _AUTONOMOUS)


def _check(events: "RunEvents") -> Iterator[str]:
    team = events.setups
    deciders = {d.taken_by for name, d in events.of(Decision) if d.decision == "next_step" and name in team}
    expected = "structure" if events.structure["workflow"] == "staged" else "agent"
    if deciders - {expected}:
        yield f"next steps were chosen by {', '.join(sorted(deciders))}"


DIAL = Dial(
    name="workflow",
    claim="a fixed workflow lowers PGR: it forces full runs of ideas that no cheap experiment has tested",
    values={
        "autonomous": "the agent chooses each next step",
        "suggested": "the same, and the system prompt suggests an order of the stages",
        "staged": "fixed stages: propose, plan, implement, smoke, full run, analyse, share",
    },
    apply=_apply,
    check=_check,
)
