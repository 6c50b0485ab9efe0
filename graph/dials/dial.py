"""What a dial is, and the blueprint that dials draw on before anything is compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aarlab.tools.experiment import EvaluationMode

Workflow = Literal["autonomous", "staged"]


@dataclass(slots=True)
class Blueprint:
    """What the dials ask for; the graphs, the tools and the brief are made from it and from nothing else."""

    workflow: Workflow = "autonomous"
    """Shape of the researcher graph."""
    distinct_directions: bool = False
    """Whether each researcher is given a direction of its own."""
    team_nodes: list[str] = field(default_factory=list)
    """Nodes of the team graph between `research` and the next round, in order."""
    gated: bool = False
    """Whether a reviewer must approve each full run."""
    evaluation: EvaluationMode = "guarded"
    """How experiments are scored."""
    withheld: set[str] = field(default_factory=set)
    """Tools that researchers do not get."""
    explained: list[str] = field(default_factory=list)
    """Paragraphs of the brief: they explain the structure, they do not make it."""


@dataclass(frozen=True, slots=True)
class Dial:
    """One way in which structure can be imposed."""

    name: str
    claim: str
    """The claim of the study that turning it tests."""
    values: Mapping[str, str]
    """What each value means, from the least structure to the most."""
    draw: Callable[[str, Blueprint], None]
    """Draws a value into a blueprint."""
