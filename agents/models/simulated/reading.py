"""What a simulated researcher knows: read from its request, as a language model would have to, and nowhere else."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from aarlab.agents.models.base import Request
from aarlab.agents.models.simulated.recipe import Recipe, Toolbox, read
from aarlab.memory.messages import Message, ToolUse

METHOD = "method.py"
"""The workspace file a simulated researcher keeps its method in."""

_JSON = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_USED = re.compile(r"You have used ([\d.]+) of ([\d.]+) research hours\. This round ends at hour (\d+(?:\.\d+)?)")
_COST = re.compile(r"^- (\w+): ([\d.]+)$", re.MULTILINE)
_DIRECTION = re.compile(r"## Your direction\n\n(.*?)\n\n## Time", re.DOTALL)
_STARTER = re.compile(r"`(baselines/\w+\.py)`")
_STAGE = re.compile(r"^## Stage: (\w+)")


@dataclass(frozen=True, slots=True)
class Brief:
    """What stands in the system prompt."""

    toolbox: Toolbox
    direction: str
    """Empty if none was given."""
    costs: Mapping[str, float]
    """Research hours by kind of step."""
    starters: tuple[str, ...]
    """Workspace files with methods to start from."""


@lru_cache(maxsize=64)
def read_brief(system: str) -> Brief:
    """Read the system prompt. Raises ValueError if it has no catalogue of the toolkit."""
    catalogue = _JSON.search(system)
    if catalogue is None:
        raise ValueError("a simulated researcher needs the toolkit's catalogue in its system prompt, as a JSON block")
    direction = _DIRECTION.search(system)
    costs = {step: float(hours) for step, hours in _COST.findall(system)}
    starters = tuple(_STARTER.findall(system))
    return Brief(Toolbox(json.loads(catalogue[1])), direction[1].strip() if direction else "", costs, starters)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an experiment of its own."""

    id: str
    fidelity: str
    pgr: float | None
    se: float | None
    error: str | None
    log: list[dict[str, Any]]


@dataclass(slots=True)
class Idea:
    """A recipe it works on, and how far it has got."""

    recipe: Recipe
    builds_on: tuple[str, ...] = ()
    """Findings it comes from."""
    hypothesis: str | None = None
    """The finding in which it was announced."""
    written: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Its last outcome at each fidelity."""
    posted: str | None = None
    """The finding that reports on it."""
    refused: int = 0
    """How often a full run of it was rejected."""
    repairs: int = 0
    """How many ideas before this one it repairs, in a row."""


@dataclass(frozen=True, slots=True)
class Known:
    """A finding it has read."""

    id: str
    author: str
    type: str
    title: str
    recipe: Recipe | None
    pgr: float | None
    se: float | None
    log: list[dict[str, Any]]
    critiques: int


@dataclass(slots=True)
class Notes:
    """Everything a simulated researcher knows at this moment."""

    brief: Brief
    turn: int = 0
    """How often it has spoken before."""
    round: int = 0
    stage: str | None = None
    """The stage of a fixed workflow, if there is one."""
    hours: float = 0.0
    budget: float = 0.0
    until: float = 0.0
    """Hour at which this round ends."""
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Findings of others it has seen listed."""
    known: dict[str, Known] = field(default_factory=dict)
    """Findings of others it has read."""
    borrowed: set[str] = field(default_factory=set)
    critiqued: set[str] = field(default_factory=set)
    read_this_round: int = 0
    critiqued_this_round: int = 0
    starters: dict[str, Recipe | None] = field(default_factory=dict)
    """Methods to start from that it has read, by path."""
    ideas: list[Idea] = field(default_factory=list)
    """Its own ideas, oldest first."""
    best_posted: tuple[float, str] | None = None
    """Score and id of its best posted result."""
    submitted: str | None = None

    @property
    def idea(self) -> Idea | None:
        """The idea it works on."""
        return self.ideas[-1] if self.ideas else None

    def can_afford(self, *steps: str) -> bool:
        """Tell whether these steps, one thought included, fit into what is left of the budget."""
        return self.hours + sum(self.brief.costs[step] for step in ("think", *steps)) <= self.budget + 1e-9


def take_notes(request: Request) -> Notes:
    """Read the whole request, from the brief to the last message."""
    notes = Notes(read_brief(request.conversation.system))
    asked: dict[str, ToolUse] = {}
    for message in request.conversation.messages:
        if message.speaker == "assistant":
            notes.turn += 1
            _note_thought(notes, message)
            asked.update({wish.id: wish for wish in message.tool_uses})
        else:
            _note_words(notes, message.text)
            for result in message.tool_results:
                wish = asked[result.tool_use_id]
                _note_result(notes, wish, json.loads(result.content), is_error=result.is_error)
    return notes


_RECIPE = re.compile(r"^Recipe: (.*?)(?: \(from (.*?)\))?(?: \(repair (\d+)\))?$", re.MULTILINE)


def spoken(recipe: str, builds_on: tuple[str, ...], repairs: int) -> str:
    """Return how an idea is put into words, so that it can be read back from them."""
    words = f"Recipe: {recipe}"
    if builds_on:
        words += f" (from {', '.join(builds_on)})"
    return words + (f" (repair {repairs})" if repairs else "")


def _note_thought(notes: Notes, message: Message) -> None:
    for recipe, builds_on, repairs in _RECIPE.findall(message.text):
        steps = read("\n".join(f"tk.{step}" for step in recipe.split(" > ")), notes.brief.toolbox)
        if steps is not None:
            parents = tuple(builds_on.split(", ")) if builds_on else ()
            notes.ideas.append(Idea(steps, parents, repairs=int(repairs or 0)))


def _note_words(notes: Notes, text: str) -> None:
    if used := _USED.search(text):
        notes.hours, notes.budget, notes.until = (float(number) for number in used.groups())
        notes.round += 1
        notes.read_this_round = notes.critiqued_this_round = 0
        notes.stage = None
        for block in _JSON.findall(text):
            notes.listed.update({entry["finding"]: entry for entry in json.loads(block)})
    if stage := _STAGE.search(text):
        notes.stage = stage[1]
        for block in _JSON.findall(text):
            _note_outcome(notes, json.loads(block))
    if "The reviewer rejected" in text and notes.idea:
        notes.idea.refused += 1


def _note_result(notes: Notes, wish: ToolUse, told: dict[str, Any], *, is_error: bool) -> None:
    notes.hours = max(notes.hours, told.get("hours", 0.0))
    idea = notes.idea
    if wish.name == "run_experiment" and wish.arguments.get("path") == METHOD:
        if "experiment" in told:
            _note_outcome(notes, told)
        elif idea:
            idea.refused += 1
    if is_error:
        return
    match wish.name:
        case "write_file" if idea:
            idea.written = True
        case "read_file" if told.get("path") in notes.brief.starters:
            notes.starters[told["path"]] = read(told["text"], notes.brief.toolbox)
        case "read_findings":
            for finding in told["findings"]:
                notes.read_this_round += 1
                _note_finding(notes, finding)
        case "borrow":
            notes.borrowed.add(wish.arguments["finding"])
        case "critique":
            notes.critiqued_this_round += 1
            notes.critiqued.add(wish.arguments["finding"])
        case "post_finding" if idea:
            _note_post(notes, idea, wish, told["finding"])
        case "submit":
            notes.submitted = wish.arguments["finding"]
        case _:
            pass


def _note_outcome(notes: Notes, told: dict[str, Any]) -> None:
    hours = told.get("hours", 0.0)
    notes.hours = max(notes.hours, hours)
    if notes.idea and "experiment" in told:
        outcome = Outcome(
            told["experiment"], told["fidelity"], told.get("pgr"), told.get("se"), told.get("error"), told["log"]
        )
        notes.idea.outcomes[outcome.fidelity] = outcome


def _note_finding(notes: Notes, told: dict[str, Any]) -> None:
    notes.known[told["finding"]] = Known(
        told["finding"],
        told["author"],
        told["type"],
        told["title"],
        read(told["code"], notes.brief.toolbox) if "code" in told else None,
        told.get("pgr"),
        told.get("se"),
        told.get("log", []),
        len(told["critiques"]),
    )


def _note_post(notes: Notes, idea: Idea, wish: ToolUse, finding: str) -> None:
    if wish.arguments["type"] == "hypothesis":
        idea.hypothesis = finding
        return
    idea.posted = finding
    full = idea.outcomes.get("full")
    if wish.arguments["type"] == "result" and full and full.pgr is not None:
        score = full.pgr
        if notes.best_posted is None or score > notes.best_posted[0]:
            notes.best_posted = (score, finding)
