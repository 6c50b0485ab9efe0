"""How a simulated researcher reads its request, as a language model would have to: its notes come from nowhere else."""

import json
import re
from functools import lru_cache
from typing import Any

from aarlab.agents.models.simulated.notes import Assignment, Brief, Idea, Known, Notes, Outcome
from aarlab.agents.models.simulated.recipe import Toolbox, read, spelled
from aarlab.memory.messages import Conversation, Message, ToolUse, content_hash

METHOD = "method.py"
"""The workspace file a simulated researcher keeps its method in."""
MOST_LISTED = 60
"""How many unread findings it keeps in view."""

_NAME = re.compile(r"^You are (\S+),")
_JSON = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_USED = re.compile(r"You have used ([\d.]+) of ([\d.]+) research hours\. This round ends at hour (\d+(?:\.\d+)?)")
_COST = re.compile(r"^- (\w+): ([\d.]+)$", re.MULTILINE)
_DIRECTION = re.compile(r"## Your direction\n\n(.*?)\n\n## Time", re.DOTALL)
_STARTER = re.compile(r"`(baselines/\w+\.py)`")
_ADVICE = re.compile(r"not required: (1\. .*)")
_STAGE = re.compile(r"^## Stage: (\w+)", re.MULTILINE)
_RECIPE = re.compile(
    r"^Recipe: (.*?)(?: \(from (.*?)\))?(?: \(repair (\d+)\))?(?: \(assignment (\d+)\))?$", re.MULTILINE
)
_PLAIN = "the weak labels as they are"


@lru_cache(maxsize=16)
def _toolbox(catalogue: str) -> Toolbox:
    # One catalogue, one toolbox: what is known of recipes can then be kept by toolbox.
    return Toolbox(json.loads(catalogue))


@lru_cache(maxsize=1024)
def read_brief(system: str) -> Brief:
    """Read the system prompt. Raises ValueError if it has no catalogue of the toolkit."""
    catalogue = _JSON.search(system)
    if catalogue is None:
        raise ValueError("a simulated researcher needs the toolkit's catalogue in its system prompt, as a JSON block")
    name, direction, advice = (pattern.search(system) for pattern in (_NAME, _DIRECTION, _ADVICE))
    return Brief(
        name=name[1] if name else "",
        toolbox=_toolbox(catalogue[1]),
        direction=direction[1].strip() if direction else "",
        costs={step: float(hours) for step, hours in _COST.findall(system)},
        starters=tuple(_STARTER.findall(system)),
        advice=advice[1].lower() if advice else "",
    )


class Reader:
    """Reads conversations. One that goes on from where the last one ended is not read from the start again."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._head = ""
        self._read = 0
        self._notes: Notes | None = None
        self._asked: dict[str, ToolUse] = {}

    def notes(self, conversation: Conversation) -> Notes:
        """Return what there is to know after the whole conversation; the same whatever was read before."""
        if self._notes is None or not self._goes_on(conversation):
            self._notes, self._read, self._asked = Notes(read_brief(conversation.system)), 0, {}
        for message in conversation.messages[self._read :]:
            self._note(self._notes, message)
        self._head, self._read = conversation.head, len(conversation.messages)
        return self._notes

    def _goes_on(self, conversation: Conversation) -> bool:
        """Tell, by the chain of hashes, whether the conversation starts with all that has been read."""
        head = self._head
        for message in conversation.messages[self._read :]:
            head = content_hash(head, message.key)
        return head == conversation.head

    def _note(self, notes: Notes, message: Message) -> None:
        if message.speaker == "assistant":
            notes.turn += 1
            _note_thought(notes, message)
            self._asked.update({wish.id: wish for wish in message.tool_uses})
            return
        # Results first: what is said after them, the next assignment for instance, comes in answer to them.
        for result in message.tool_results:
            _note_result(notes, self._asked.pop(result.tool_use_id), json.loads(result.content), result.is_error)
        if message.text:
            _note_words(notes, message.text)


def spoken(idea: Idea) -> str:
    """Return how an idea is put into words, so that it can be read back from them."""
    words = f"Recipe: {' > '.join(str(step) for step in idea.recipe) or _PLAIN}"
    words += f" (from {', '.join(idea.builds_on)})" if idea.builds_on else ""
    words += f" (repair {idea.repairs})" if idea.repairs else ""
    return words + (f" (assignment {idea.assignment})" if idea.assignment is not None else "")


def _note_thought(notes: Notes, message: Message) -> None:
    for said, builds_on, repairs, assignment in _RECIPE.findall(message.text):
        recipe = () if said == _PLAIN else spelled(said, notes.brief.toolbox)
        if recipe is not None:
            parents = tuple(builds_on.split(", ")) if builds_on else ()
            number = int(assignment) if assignment else None
            notes.ideas.append(Idea(recipe, parents, number, repairs=int(repairs or 0)))


# -- what it is told ------------------------------------------------------------------------------------------------


def _note_words(notes: Notes, text: str) -> None:
    if used := _USED.search(text):
        notes.hours, notes.budget, notes.until = (float(number) for number in used.groups())
        notes.round += 1
        notes.read_this_round = notes.critiqued_this_round = notes.asked_this_round = 0
        notes.stage, notes.news_this_round = None, False
    if stage := _STAGE.search(text):
        notes.stage = stage[1]
    for block in _JSON.findall(text):
        match json.loads(block):
            case list(entries):
                notes.news_this_round = bool(entries)
                _note_listed(notes, entries)
            case {"assignment": int()} as assigned:
                notes.assignment = _assignment(assigned)
            case {"experiment": str(), "fidelity": str()} as told:
                notes.hours = max(notes.hours, told.get("hours", 0.0))
                _note_outcome(notes, told)
            case _:
                pass
    if "The reviewer rejected" in text and notes.idea:
        notes.idea.refused += 1


def _note_listed(notes: Notes, entries: list[dict[str, Any]]) -> None:
    others = [e for e in entries if e["author"] != notes.brief.name and e["finding"] not in notes.known]
    new = {e["finding"]: e for e in others if e.get("pgr") is not None}
    # The best first; what falls off the end would hardly be read before better things come.
    best = sorted((notes.listed | new).items(), key=lambda item: -item[1]["pgr"])[:MOST_LISTED]
    notes.listed = dict(best)


def _assignment(told: dict[str, Any]) -> Assignment:
    change = told.get("mutation") or {}
    return Assignment(
        number=told["assignment"],
        text=told.get("text") or "",
        parent=told.get("parent"),
        parent_code=told.get("parent_code"),
        kind=change.get("kind"),
        operator=change.get("operator"),
        other=change.get("with"),
        partner=change.get("partner"),
        partner_code=change.get("partner_code"),
    )


# -- what its tools answer ------------------------------------------------------------------------------------------


def _note_result(notes: Notes, wish: ToolUse, told: dict[str, Any], is_error: bool) -> None:
    notes.hours = max(notes.hours, told.get("hours", 0.0))
    idea = notes.idea
    if wish.name == "run_experiment" and wish.arguments.get("path") == METHOD and idea:
        if "experiment" in told:
            _note_outcome(notes, told)
        else:
            idea.refused += 1
    if is_error:
        return
    match wish.name:
        case "write_file" if idea:
            idea.written = True
        case "write_notebook" if idea:
            idea.noted = True
        case "read_file" if told.get("path") in notes.brief.starters:
            notes.starters[told["path"]] = read(told["text"], notes.brief.toolbox)
        case "read_findings":
            notes.read_this_round += len(told["findings"])
            _note_findings(notes, told["findings"])
        case "ask_librarian":
            notes.asked_this_round += 1
            _note_findings(notes, told["findings"])
        case "search_board":
            notes.asked_this_round += 1
            _note_listed(notes, told["findings"])
        case "grep_board":
            notes.asked_this_round += 1
            _note_matches(notes, told["matches"])
        case "borrow":
            notes.borrowed.add(wish.arguments["finding"])
        case "critique":
            notes.critiqued_this_round += 1
            notes.critiqued.add(wish.arguments["finding"])
        case "post_finding":
            _note_post(notes, wish, told["finding"])
        case "submit":
            notes.submitted = wish.arguments["finding"]
        case _:
            pass


def _note_outcome(notes: Notes, told: dict[str, Any]) -> None:
    if notes.idea and "experiment" in told:
        outcome = Outcome(
            told["experiment"], told["fidelity"], told.get("pgr"), told.get("se"), told.get("error"), told["log"]
        )
        notes.idea.outcomes[outcome.fidelity] = outcome


def _note_findings(notes: Notes, entries: list[dict[str, Any]]) -> None:
    for told in (entry for entry in entries if entry["author"] != notes.brief.name):
        notes.listed.pop(told["finding"], None)
        notes.known[told["finding"]] = Known(
            told["finding"],
            told["author"],
            told["type"],
            told["title"],
            read(told["code"], notes.brief.toolbox) if "code" in told else None,
            told.get("pgr"),
            told.get("se"),
            told.get("log") or [],
            len(told.get("critiques", ())),
        )


def _note_matches(notes: Notes, matches: list[dict[str, Any]]) -> None:
    """Move findings that a pattern was found in to the front of what it means to read."""
    found = {match["finding"] for match in matches}
    notes.listed = dict(sorted(notes.listed.items(), key=lambda item: item[0] not in found))


def _note_post(notes: Notes, wish: ToolUse, finding: str) -> None:
    experiment = wish.arguments.get("experiment")
    about = [idea for idea in notes.ideas if any(outcome.id == experiment for outcome in idea.outcomes.values())]
    if wish.arguments["type"] == "hypothesis" or not about:
        if notes.idea:
            notes.idea.hypothesis = finding
        return
    idea = about[-1]
    idea.posted = finding
    if notes.assignment and idea.assignment == notes.assignment.number:
        notes.assignment = None
    full = idea.outcomes.get("full")
    if (
        wish.arguments["type"] == "result"
        and full
        and full.pgr is not None
        and (notes.best_posted is None or full.pgr > notes.best_posted[0])
    ):
        notes.best_posted = (full.pgr, finding)
