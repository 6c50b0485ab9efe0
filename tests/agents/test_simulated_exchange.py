"""A simulated researcher reads findings, follows advice and parses its conversation."""

import dataclasses
import json
from typing import Any

import pytest
from stub_environment import LOG, StubEnvironment, prompt

from aarlab.agents.models.simulated import temperament
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, parse_code, parse_recipe, recipe_text, write
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.researcher import round_message
from aarlab.graph.structure.structure import Structure
from aarlab.memory.messages import Conversation, user_message
from aarlab.scenarios import baselines
from aarlab.scenarios.toolkit import catalogue

SPACE = SearchSpace(catalogue())
WORK = ("write_file", "read_file", "run_experiment", "post_finding", "submit", "write_notebook")
GOOD_RECIPE: Recipe = parse_recipe("coherence(rounds=8) > knn_propagate(k=10)", SPACE) or ()


def entry(name: str, pgr: float = 0.9) -> dict[str, Any]:
    """Return a finding of r2 as the board lists it."""
    about = {"finding": name, "round": 1, "author": "r2", "type": "result", "title": "coherence", "family": "ensemble"}
    return {**about, "fidelity": "full", "pgr": pgr, "se": 0.03}


def in_full(name: str, pgr: float = 0.9) -> dict[str, Any]:
    """Return a finding of r2 as read_findings returns it."""
    return {**entry(name, pgr), "body": "", "code": write(GOOD_RECIPE), "log": LOG, "critiques": [], "builds_on": []}


ANSWERS: dict[str, dict[str, Any]] = {
    "ask_librarian": {"answer": "this", "findings": [in_full("r2.f1")]},
    "search_board": {"findings": [entry("r2.f1")]},
    "read_findings": {"findings": [in_full("r2.f1")]},
    "grep_board": {"matches": [{"finding": "r2.f1", "line": "coherence"}]},
}
TOOLS_BY_CHANNEL = {
    "librarian": ("ask_librarian",),
    "words": ("search_board", "read_findings"),
    "news": ("read_findings",),
}


ROUND: dict[str, Any] = {"round": 2, "rounds": 6, "used": 0.0, "hours": 24.0, "until": 8.0}


def new_findings(*entries: dict[str, Any]) -> str:
    return round_message(**ROUND, new_findings=json.dumps(entries))


@pytest.mark.parametrize("channel", TOOLS_BY_CHANNEL)
def test_findings_are_read_through_each_channel_and_built_on(channel: str) -> None:
    model = SimulatedResearcher(7, "r1")
    env = StubEnvironment(model)
    for _ in range(5):
        env.send(
            user_message(
                new_findings(entry("r2.f1")) if channel == "news" else round_message(**ROUND, new_findings=None)
            )
        )
        for _ in range(8):
            env.next_turn(*WORK, "borrow", *TOOLS_BY_CHANNEL[channel], answers=ANSWERS)
    used = [name for name, _ in env.calls]
    assert set(TOOLS_BY_CHANNEL[channel]) <= set(used)
    assert "r2.f1" in ConversationParser().state(env.conversation).known
    posts = [arguments for name, arguments in env.calls if name == "post_finding"]
    assert any("r2.f1" in post["builds_on"] for post in posts)


def test_a_researcher_works_without_access_to_others() -> None:
    env = StubEnvironment(SimulatedResearcher(7, "r1"))
    for _ in range(12):
        env.next_turn(*WORK)
    assert "post_finding" in {name for name, _ in env.calls}


def test_its_own_findings_are_not_listed_as_unread() -> None:
    conversation = Conversation.begin(prompt()).then(
        user_message(new_findings({**entry("r1.f1"), "author": "r1"}, entry("r2.f1")))
    )
    assert list(ConversationParser().state(conversation).unread) == ["r2.f1"]


# -- advice ---------------------------------------------------------------------------------------------------------

(ADVICE,) = set(Structure(workflow="suggested").resolved().explanations) - set(Structure().resolved().explanations)


def steps_taken(compliance: float, system: str) -> list[str]:
    model = SimulatedResearcher(7, "r1")
    space = ConversationParser().state(StubEnvironment(model, system=system).conversation).prompt.space
    traits = temperament.draw(7, "r1", space)
    model._traits[space] = dataclasses.replace(traits, compliance=compliance)
    env = StubEnvironment(model, system=system)
    for _ in range(14):
        env.next_turn(*WORK)
    return [str(arguments.get("fidelity", name)) for name, arguments in env.calls]


def test_compliant_researchers_follow_advice() -> None:
    advised = prompt().replace("As you like.", ADVICE)
    taken = steps_taken(1.0, advised)
    assert {"smoke", "pilot", "write_notebook", "post_finding"} <= set(taken)
    assert taken.index("smoke") < taken.index("pilot")
    for steps in (steps_taken(0.0, advised), steps_taken(1.0, prompt())):
        assert {"smoke", "write_notebook"}.isdisjoint(steps)


# -- parsing --------------------------------------------------------------------------------------------------------


def test_parsing_new_messages_equals_parsing_everything() -> None:
    parser, env = (
        ConversationParser(),
        StubEnvironment(SimulatedResearcher(7, "r1"), user_message(new_findings(entry("r2.f1")))),
    )
    for _ in range(20):
        env.next_turn(answers=ANSWERS)
        assert parser.state(env.conversation) == ConversationParser().state(env.conversation)


def test_parsing_another_conversation_starts_from_scratch() -> None:
    parser, envs = ConversationParser(), [StubEnvironment(SimulatedResearcher(seed, "r1")) for seed in (7, 8)]
    for _ in range(6):
        for env in envs:
            env.next_turn()
            assert parser.state(env.conversation) == ConversationParser().state(env.conversation)
    shorter = Conversation.begin(envs[0].conversation.system)
    assert parser.state(shorter) == ConversationParser().state(shorter)


def test_a_known_method_parses_as_a_recipe() -> None:
    assert parse_code(baselines.load()["coherence_chain"].code, SPACE)
    assert recipe_text(GOOD_RECIPE).startswith("coherence(")
