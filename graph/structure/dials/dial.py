"""What a dial is, and the blueprint that dials draw on before anything is compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aarlab.memory.events import Decider, DecisionKind

if TYPE_CHECKING:  # who only reads about a run's structure is spared the evaluator
    from aarlab.tools.experiment_tool import EvaluationMode

Workflow = Literal["autonomous", "staged"]
Assigner = Literal["pool", "evolution"]


@dataclass(slots=True)
class ResolvedStructure:
    """What the dials ask for; the graphs, the tools and the brief are made from it and from nothing else."""

    workflow: Workflow = "autonomous"
    """Shape of the researcher graph."""
    distinct_directions: bool = False
    """Whether each researcher is given a direction of its own."""
    assigners: list[Assigner] = field(default_factory=list)
    """Who gives researchers their next idea, the first that has one; nobody: they choose it themselves."""
    team_nodes: list[str] = field(default_factory=list)
    """Nodes of the team graph between `research` and the next round, in order."""
    new_findings: bool = False
    """Whether a round opens with what the others have published."""
    gated: bool = False
    """Whether a reviewer must approve each full run."""
    evaluation: "EvaluationMode" = "guarded"
    """How experiments are scored."""
    withheld_tools: set[str] = field(default_factory=set)
    """Tools that researchers do not get."""
    explanations: list[str] = field(default_factory=list)
    """Paragraphs of the brief: they explain the structure, they do not make it."""


def deciders(resolved: ResolvedStructure) -> dict[DecisionKind, Decider]:
    """Return who takes which decision, where it is not the researcher itself."""
    by_structure: set[DecisionKind] = set()
    if resolved.distinct_directions or "pool" in resolved.assigners:
        by_structure.add("direction")
    if resolved.assigners:
        by_structure |= {"idea", "parent"}
    if resolved.workflow == "staged":
        by_structure |= {"next_step", "fidelity", "share"}
    return dict.fromkeys(sorted(by_structure), "structure")


@dataclass(frozen=True, slots=True)
class Dial:
    """One way in which structure can be imposed."""

    name: str
    claim: str
    """The claim of the study that turning it tests."""
    values: Mapping[str, str]
    """What each value means, from the least structure to the most."""
    apply: Callable[[str, ResolvedStructure], None]
    """Draws a value into a blueprint."""
