"""A simulated researcher gives findings with the mark of a rank more weight, as far as its temperament says so."""

from dataclasses import replace
from typing import Any

import pytest
from stub_environment import prompt, round_start

from aarlab.agents.models.simulated import ideas, temperament
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.recipe import parse_recipe, write
from aarlab.agents.models.simulated.state import ParsedState
from aarlab.agents.models.simulated.turn import Turn
from aarlab.memory.messages import Conversation, Message, ToolCall, ToolResult, canonical_json


def entry(finding: str, pgr: float, code: str, **mark: str) -> dict[str, Any]:
    """Return a finding as read_findings shows it."""
    about = {"finding": finding, "author": finding[:2], "type": "result", "title": "", "body": "", "family": "other"}
    return {**about, "fidelity": "full", "pgr": pgr, "se": 0.02, "code": code, "log": [], **mark}


def turn(deference: float, *, read: bool) -> Turn:
    """Return the first turn of a researcher that knows a good finding, and a bad one with a mark."""
    state: ParsedState = ConversationParser().state(Conversation.begin(prompt()).then(round_start()))
    codes = [write(parse_recipe(text, state.prompt.space) or ()) for text in ("harden()", "bag(members=4)")]
    entries = [entry("r2.f1", 0.6, codes[0]), entry("r3.f1", 0.1, codes[1], author_rank="senior")]
    conversation = Conversation.begin(prompt()).then(round_start(new_findings=entries))
    if read:
        call = ToolCall("c", "read_findings", {"findings": ["r2.f1", "r3.f1"]})
        result = ToolResult("c", canonical_json({"findings": entries, "hours": 0.1}), is_error=False)
        conversation = conversation.then(Message("assistant", (call,)), Message("user", (result,)))
    state = ConversationParser().state(conversation)
    traits = temperament.draw(7, "r1", state.prompt.space)
    return Turn(state, replace(traits, deference=deference, receptivity=0.0), 7, "r1")


@pytest.mark.parametrize(("deference", "first"), [(0.0, "r2.f1"), (1.0, "r3.f1")])
def test_deference_decides_which_finding_is_read_first(deference: float, first: str) -> None:
    assert turn(deference, read=False).reading_order[0] == first


def test_a_deferent_researcher_builds_on_the_marked_finding() -> None:
    sources = [
        option.idea.builds_on
        for deference in (0.0, 1.0)
        if (option := ideas.best_new_option(turn(deference, read=True), pilots_allowed=True)) is not None
    ]
    assert sources[0] != ("r3.f1",)
    assert sources[1] == ("r3.f1",)
