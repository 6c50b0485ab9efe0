"""Parsing of a simulated researcher's conversation, which is the only source of its state."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from aarlab.agents.models.simulated.recipe import EMPTY_RECIPE, SearchSpace, parse_code, parse_recipe, recipe_text
from aarlab.agents.models.simulated.state import (
    ExperimentOutcome,
    KnownFinding,
    ParsedAssignment,
    ParsedPrompt,
    ParsedState,
    ParsedTask,
    TrackedIdea,
)
from aarlab.agents.overseer import CALL_REJECTED
from aarlab.memory.messages import Conversation, Message, ToolCall, content_hash

METHOD = "method.py"
"""The workspace file of a simulated researcher's method."""
MAX_UNREAD = 60
"""Maximum number of unread findings that it tracks."""

_NAME = re.compile(r"^You are (\S+),")
_JSON_BLOCK = re.compile(r"^```json\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
_USED = re.compile(r"You have used ([\d.]+) of ([\d.]+) research hours\. This round ends at hour (\d+(?:\.\d+)?)")
_COST = re.compile(r"^- (\w+): ([\d.]+)$", re.MULTILINE)
_DIRECTION = re.compile(r"## Your direction\n\n(.*?)\n\n## Time", re.DOTALL)
_REVIEWER = "A reviewer reads the posted findings"
_SPECIALTY = re.compile(r"^Your specialty: (.*)\.$", re.MULTILINE)
_ADVICE = re.compile(r"not required[^:\n]*: (1\. .*)")
_STAGE = re.compile(r"^## Stage: (\w+)", re.MULTILINE)
_RECIPE = re.compile(r"^Recipe: (.*?)(?: \(from (.*?)\))?(?: \(assignment (\d+)\))?$", re.MULTILINE)


@lru_cache(maxsize=16)
def _space(catalogue: str) -> SearchSpace:
    # Equal catalogues give the same object, which other caches use as their key.
    return SearchSpace(json.loads(catalogue))


@lru_cache(maxsize=1024)
def parse_prompt(system: str) -> ParsedPrompt:
    """Return the content of the system prompt. Raises ValueError if it has no catalogue of the toolkit."""
    catalogue = _JSON_BLOCK.search(system)
    if catalogue is None:
        raise ValueError("a simulated researcher needs the toolkit's catalogue in its system prompt, as a JSON block")
    patterns = (_NAME, _DIRECTION, _ADVICE, _SPECIALTY)
    name, direction, advice, specialty = (pattern.search(system) for pattern in patterns)
    return ParsedPrompt(
        name=name[1] if name else "",
        space=_space(catalogue[1]),
        direction=direction[1].strip() if direction else "",
        costs={step: float(hours) for step, hours in _COST.findall(system)},
        has_reviewer=_REVIEWER in system,
        advice=advice[1].lower() if advice else "",
        specialties=frozenset(specialty[1].split(" and ") if specialty else ()),
    )


class NewMessages:
    """What a conversation has in addition to the previous one that was taken, if it continues that one."""

    def __init__(self) -> None:
        """Start without a conversation."""
        self._head, self._n_taken = "", 0

    def take(self, conversation: Conversation) -> tuple[bool, Sequence[Message]]:
        """Return whether a conversation continues the previous one, and its new messages; if not, all its messages.

        It continues it if it starts with the same system prompt and messages, according to its chain of hashes.
        """
        new, head = conversation.messages[self._n_taken :], self._head
        for message in new:
            head = content_hash(head, message.key)
        continues = head == conversation.head
        self._head, self._n_taken = conversation.head, len(conversation.messages)
        return continues, new if continues else conversation.messages


class ConversationParser:
    """Parses conversations. If a conversation continues the previous one, only the new messages are parsed."""

    def __init__(self) -> None:
        """Start without a conversation."""
        self._new = NewMessages()
        self._state: ParsedState | None = None
        self._pending_calls: dict[str, ToolCall] = {}

    def state(self, conversation: Conversation) -> ParsedState:
        """Return the state after the whole conversation. Earlier calls do not affect the result."""
        continues, messages = self._new.take(conversation)
        if self._state is None or not continues:
            self._state, self._pending_calls = ParsedState(parse_prompt(conversation.system)), {}
        for message in messages:
            self._update(self._state, message)
        return self._state

    def _update(self, state: ParsedState, message: Message) -> None:
        if message.speaker == "assistant":
            state.turn += 1
            _add_announced_ideas(state, message)
            self._pending_calls.update({call.id: call for call in message.tool_calls})
            return
        # Results first: text in the same message, such as the next assignment, responds to them.
        for result in message.tool_results:
            call = self._pending_calls.pop(result.tool_call_id)
            _update_from_result(state, call, json.loads(result.content), result.is_error)
        if message.text:
            _update_from_text(state, message.text)


def json_blocks(text: str) -> list[Any]:
    """Return the values of all fenced JSON blocks of a text."""
    return [json.loads(block) for block in _JSON_BLOCK.findall(text)]


def announcement(idea: TrackedIdea) -> str:
    """Return the line that announces an idea; `_add_announced_ideas` parses it."""
    text = f"Recipe: {recipe_text(idea.recipe)}"
    text += f" (from {', '.join(idea.builds_on)})" if idea.builds_on else ""
    return text + (f" (assignment {idea.assignment})" if idea.assignment is not None else "")


def _add_announced_ideas(state: ParsedState, message: Message) -> None:
    for recipe_match, builds_on, assignment in _RECIPE.findall(message.text):
        recipe = () if recipe_match == EMPTY_RECIPE else parse_recipe(recipe_match, state.prompt.space)
        if recipe is not None:
            parents = tuple(builds_on.split(", ")) if builds_on else ()
            number = int(assignment) if assignment else None
            state.ideas.append(TrackedIdea(recipe, parents, number))


# -- messages -------------------------------------------------------------------------------------------------------


def _update_from_text(state: ParsedState, text: str) -> None:
    if used := _USED.search(text):
        state.hours, state.budget, state.round_end_hour = (float(number) for number in used.groups())
        state.round += 1
        state.read_this_round = state.critiqued_this_round = state.searches_this_round = 0
        state.hypotheses_this_round = 0
        state.stage, state.task, state.new_findings_this_round = None, None, False
        if state.prompt.has_reviewer:
            _add_own_reports(state)
    if stage := _STAGE.search(text):
        state.stage = stage[1]
    for block in json_blocks(text):
        match block:
            case list(entries):
                state.new_findings_this_round = bool(entries)
                _add_listed(state, entries)
            case {"assignment": int()} as assigned:
                state.assignment = _assignment(assigned)
            case {"task": int(), "text": str(task_text), "findings": list(named)}:
                state.task = ParsedTask(task_text, named[0]["finding"] if named else None)
                _add_listed(state, named)
            case {"experiment": str(), "fidelity": str()} as data:
                state.hours = max(state.hours, data.get("hours", 0.0))
                _add_outcome(state, data)
            case _:
                pass
    if "The reviewer rejected" in text and state.idea:
        state.idea.rejections += 1


def _add_listed(state: ParsedState, entries: list[dict[str, Any]]) -> None:
    others = [e for e in entries if e["author"] != state.prompt.name and e["finding"] not in state.known]
    _add_unread(state, {e["finding"]: e for e in others if e.get("pgr") is not None})
    state.unscored |= {e["finding"]: e for e in others if e.get("pgr") is None}


def _add_own_reports(state: ParsedState) -> None:
    """List its own reports as unread, because they may have critiques."""
    reports = {idea.report_id: idea.best_outcome for idea in state.ideas if idea.report_id and idea.critiques is None}
    _add_unread(state, {key: {"pgr": best.pgr, "se": best.se} for key, best in reports.items() if best})


def _add_unread(state: ParsedState, new: dict[str, dict[str, Any]]) -> None:
    best = sorted((state.unread | new).items(), key=lambda item: -item[1]["pgr"])[:MAX_UNREAD]
    state.unread = dict(best)


def _assignment(data: dict[str, Any]) -> ParsedAssignment:
    mutation = data.get("mutation") or {}
    return ParsedAssignment(
        number=data["assignment"],
        text=data.get("text") or "",
        parent=data.get("parent"),
        parent_code=data.get("parent_code"),
        kind=mutation.get("kind"),
        operator=mutation.get("operator"),
        replacement=mutation.get("with"),
        partner=mutation.get("partner"),
        partner_code=mutation.get("partner_code"),
    )


# -- tool results ---------------------------------------------------------------------------------------------------


def _update_from_result(state: ParsedState, call: ToolCall, data: dict[str, Any], is_error: bool) -> None:
    state.hours = max(state.hours, data.get("hours", 0.0))
    idea = state.idea
    if call.name == "run_experiment" and idea and call.arguments.get("path") == idea.path:
        if "experiment" not in data:
            idea.rejections += 1
        elif idea.written:  # else the file has another method
            _add_outcome(state, data)
    elif call.name == "run_experiment":
        _add_side_outcome(state, str(call.arguments.get("path")), data)
    if is_error:
        if str(data.get("error", "")).startswith(CALL_REJECTED):
            _add_rejection(state, call)
        return
    match call.name:
        case "write_file" if call.arguments["path"] != METHOD:
            state.side_files[call.arguments["path"]] = call.arguments["text"]
        case "write_file" if idea:
            idea.written = True
        case "write_notebook" if idea:
            idea.in_notebook = True
        case "read_findings":
            state.read_this_round += len(data["findings"])
            _add_read_findings(state, data["findings"])
        case "ask_librarian":
            state.searches_this_round += 1
            _add_read_findings(state, data["findings"])
        case "search_board":
            state.searches_this_round += 1
            _add_listed(state, data["findings"])
        case "grep_board":
            state.searches_this_round += 1
            _move_matches_first(state, data["matches"])
        case "borrow":
            _add_borrowed(state, call.arguments["finding"], data)
        case "hand_off":
            state.handed_off.add(call.arguments["finding"])
        case "critique":
            state.critiqued_this_round += 1
            state.critiqued.add(call.arguments["finding"])
        case "post_finding":
            _add_post(state, call, data["finding"])
        case "submit":
            state.submitted = call.arguments["finding"]
        case _:
            pass


def _add_rejection(state: ParsedState, call: ToolCall) -> None:
    """Note that the overseer rejected a call, so that it is not made again."""
    idea = state.idea
    match call.name:
        case "write_file" if idea and call.arguments["path"] == METHOD:
            idea.rejections += 2  # it is over
        case "write_notebook" if idea:
            idea.in_notebook = True
        case "post_finding" if reported := _reported(state, call):
            reported.report_id = ""
        case "post_finding" if idea:
            idea.hypothesis_id = ""
        case "read_findings":
            for finding in call.arguments["findings"]:
                state.unread.pop(finding, None)
                state.unscored.pop(finding, None)
        case "ask_librarian" | "search_board" | "grep_board":
            state.searches_this_round += 1
        case "borrow":
            state.borrowed.add(call.arguments["finding"])
        case "hand_off":
            state.handed_off.add(call.arguments["finding"])
        case "critique":
            state.critiqued_this_round += 1
            state.critiqued.add(call.arguments["finding"])
        case "submit":
            state.submitted = call.arguments["finding"]
        case _:
            pass


def _add_side_outcome(state: ParsedState, path: str, data: dict[str, Any]) -> None:
    if "experiment" in data:
        state.side_outcomes.setdefault(path, []).append(_outcome(data))
        state.full_runs_left = data.get("full_experiments_left", state.full_runs_left)


def _add_borrowed(state: ParsedState, finding: str, data: dict[str, Any]) -> None:
    state.borrowed.add(finding)
    # A specialist that does not write methods runs the borrowed one.
    if "analysis" in state.prompt.specialties and state.idea and finding in state.idea.builds_on:
        state.idea.written, state.idea.path = True, data["path"]


def _outcome(data: dict[str, Any]) -> ExperimentOutcome:
    return ExperimentOutcome(
        data["experiment"], data["fidelity"], data.get("pgr"), data.get("se"), data.get("error"), data["log"]
    )


def _add_outcome(state: ParsedState, data: dict[str, Any]) -> None:
    if state.idea and "experiment" in data:
        state.idea.outcomes.append(_outcome(data))
        state.full_runs_left = data.get("full_experiments_left", state.full_runs_left)


def _add_read_findings(state: ParsedState, entries: list[dict[str, Any]]) -> None:
    for data in entries:
        state.unread.pop(data["finding"], None)
        state.unscored.pop(data["finding"], None)
        critiques = tuple(critique["text"] for critique in data.get("critiques", ()))
        if data["author"] == state.prompt.name:
            for idea in (idea for idea in state.ideas if idea.report_id == data["finding"]):
                idea.critiques = critiques
            continue
        state.known[data["finding"]] = KnownFinding(
            data["finding"],
            data["author"],
            data["type"],
            data["title"],
            parse_code(data["code"], state.prompt.space) if "code" in data else None,
            data.get("pgr"),
            data.get("se"),
            data.get("fidelity"),
            data.get("log") or [],
            critiques,
            data.get("body") or "",
            is_marked(data),
        )


def is_marked(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of a listing has the mark of an author with a rank."""
    return "author_rank" in entry


def _move_matches_first(state: ParsedState, matches: list[dict[str, Any]]) -> None:
    """Move the findings with a match to the front of the unread findings."""
    matching = {match["finding"] for match in matches}
    state.unread = dict(sorted(state.unread.items(), key=lambda item: item[0] not in matching))


def _reported(state: ParsedState, call: ToolCall) -> TrackedIdea | None:
    """Return the idea whose experiment a post reports; None if it reports none."""
    experiment = call.arguments.get("experiment")
    reported = [idea for idea in state.ideas if any(outcome.id == experiment for outcome in idea.outcomes)]
    return reported[-1] if reported else None


def _add_post(state: ParsedState, call: ToolCall, finding: str) -> None:
    state.posted[call.arguments["title"]] = finding
    idea = _reported(state, call)
    if call.arguments["type"] == "hypothesis" or idea is None:
        state.hypotheses_this_round += 1
        if state.idea:
            state.idea.hypothesis_id = finding
        return
    idea.report_id = finding
    if state.assignment and idea.assignment == state.assignment.number:
        state.assignment = None
    full = idea.outcome("full")
    pgr = full.pgr if full and call.arguments["type"] == "result" else None
    if pgr is not None and (state.best_posted is None or pgr > state.best_posted[0]):
        state.best_posted = (pgr, finding)
