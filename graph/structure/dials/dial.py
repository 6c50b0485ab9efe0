"""The type of a dial, and the resolved structure that the dials write to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aarlab.memory.events import Decider, DecisionKind

if TYPE_CHECKING:  # Reading the structure of a run must not load the evaluator and the method toolkit (scipy).
    from aarlab.graph.structure.run_events import RunEvents
    from aarlab.tools.experiment_tool import EvaluationMode

Workflow = Literal["autonomous", "staged"]
Opening = Literal["none", "published", "library"]
Assigner = Literal["pool", "evolution"]


@dataclass(slots=True)
class ResolvedStructure:
    """The combined settings of all dials. Graphs, tools and system prompts are built from these alone."""

    workflow: Workflow = "autonomous"
    """Shape of the researcher graph."""
    distinct_directions: bool = False
    """Whether each researcher gets its own direction."""
    assigners: list[Assigner] = field(default_factory=list)
    """Sources of assigned ideas; the first that has an idea is used. Empty: researchers choose their own ideas."""
    team_nodes: list[str] = field(default_factory=list)
    """Nodes of the team graph between `research` and the next round, in order."""
    has_lead: bool = False
    """Whether a lead assigns each researcher a task every round."""
    has_specialists: bool = False
    """Whether researchers are specialists that hand off methods before they are run."""
    has_senior: bool = False
    """Whether the findings of one researcher are marked and listed first."""
    new_findings: bool = False
    """Whether a round message lists the findings published since the last round."""
    gated: bool = False
    """Whether a reviewer must approve each full run."""
    opening: Opening = "none"
    """Known methods that the lab posts on the board before round 1."""
    evaluation: "EvaluationMode" = "guarded"
    """How experiments are scored."""
    withheld_tools: set[str] = field(default_factory=set)
    """Names of the tools that researchers do not get."""
    explanations: list[str] = field(default_factory=list)
    """Paragraphs of the system prompt that explain the structure; they have no other effect."""


def deciders(resolved: ResolvedStructure) -> dict[DecisionKind, Decider]:
    """Return the kinds of decisions that the structure takes instead of the researcher, each with its decider."""
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
    """One dimension of structure."""

    name: str
    claim: str
    """The claim about agent teams that an ablation of this dial tests."""
    values: Mapping[str, str]
    """Each value with its meaning, from the least structure to the most."""
    apply: Callable[[str, ResolvedStructure], None]
    """Applies a value to the resolved structure."""
    check: Callable[["RunEvents"], Iterator[str]]
    """Yields one sentence for each place where the events of a run contradict the configured value."""
