"""How a simulated researcher comes by what others found, and what it does with advice: it uses what it is offered."""

import dataclasses
import json
from typing import Any

import pytest
from correspondence import LOG, STARTERS, Lab, brief

from aarlab.agents.models.simulated import temperament
from aarlab.agents.models.simulated.reading import Reader
from aarlab.agents.models.simulated.recipe import Recipe, Toolbox, phrase, read, spelled, write
from aarlab.agents.models.simulated.researcher import SimulatedResearcher
from aarlab.agents.researcher import round_opening
from aarlab.memory.messages import Conversation, user
from aarlab.scenarios.toolkit import catalogue

TOOLBOX = Toolbox(catalogue())
WORK = ("write_file", "read_file", "run_experiment", "post_finding", "submit", "write_notebook")
GREAT: Recipe = spelled("coherence(rounds=8) > knn_propagate(k=10)", TOOLBOX) or ()


def entry(name: str, pgr: float = 0.9) -> dict[str, Any]:
    """Return a finding of r2 as a listing has it."""
    about = {"finding": name, "round": 1, "author": "r2", "type": "result", "title": "coherence", "family": "ensemble"}
    return {**about, "fidelity": "full", "pgr": pgr, "se": 0.03}


def in_full(name: str, pgr: float = 0.9) -> dict[str, Any]:
    """Return a finding of r2 as read_findings has it."""
    return {**entry(name, pgr), "body": "", "code": write(GREAT), "log": LOG, "critiques": [], "builds_on": []}


ANSWERS: dict[str, dict[str, Any]] = {
    "ask_librarian": {"answer": "this", "findings": [in_full("r2.f1")]},
    "search_board": {"findings": [entry("r2.f1")]},
    "read_findings": {"findings": [in_full("r2.f1")]},
    "grep_board": {"matches": [{"finding": "r2.f1", "line": "coherence"}]},
}
WAYS = {"librarian": ("ask_librarian",), "words": ("search_board", "read_findings"), "news": ("read_findings",)}


ROUND: dict[str, Any] = {"round": 2, "rounds": 6, "used": 0.0, "hours": 24.0, "until": 8.0}


def news(*entries: dict[str, Any]) -> str:
    return round_opening(**ROUND, news=json.dumps(entries))


@pytest.mark.parametrize("way", WAYS)
def test_what_others_found_is_learned_in_the_way_that_is_offered_and_built_upon(way: str) -> None:
    model = SimulatedResearcher(7, "r1")
    lab = Lab(model)
    for _ in range(5):
        lab.tell(user(news(entry("r2.f1")) if way == "news" else round_opening(**ROUND, news=None)))
        for _ in range(8):
            lab.turn(*WORK, "borrow", *WAYS[way], answers=ANSWERS)
    used = [name for name, _ in lab.done]
    assert set(WAYS[way]) <= set(used)
    assert "r2.f1" in Reader().notes(lab.conversation).known
    posts = [arguments for name, arguments in lab.done if name == "post_finding"]
    assert any("r2.f1" in post["builds_on"] for post in posts)


def test_alone_a_researcher_works_without_others() -> None:
    lab = Lab(SimulatedResearcher(7, "r1"))
    for _ in range(12):
        lab.turn(*WORK)
    assert "post_finding" in {name for name, _ in lab.done}


def test_a_finding_of_its_own_is_not_taken_for_anothers() -> None:
    conversation = Conversation.begin(brief()).then(user(news({**entry("r1.f1"), "author": "r1"}, entry("r2.f1"))))
    assert list(Reader().notes(conversation).listed) == ["r2.f1"]


# -- advice ---------------------------------------------------------------------------------------------------------

ADVICE = (
    "A way of working that is suggested, not required: 1. read what is known; 2. propose one idea; 3. smoke test it; "
    "4. pilot it; 5. run it in full if the pilot looks promising; 6. write down what you learn; 7. share it."
)


def steps_taken(compliance: float, system: str) -> list[str]:
    model = SimulatedResearcher(7, "r1")
    toolbox = Reader().notes(Lab(model, system=system).conversation).brief.toolbox
    nature = temperament.draw(7, "r1", toolbox)
    model._nature[toolbox] = dataclasses.replace(nature, compliance=compliance, rigour=0.0)
    lab = Lab(model, system=system)
    for _ in range(14):
        lab.turn(*WORK)
    return [str(arguments.get("fidelity", name)) for name, arguments in lab.done]


def test_advice_moves_those_who_take_advice() -> None:
    advised = brief().replace("As you like.", ADVICE)
    taken = steps_taken(1.0, advised)
    assert {"smoke", "pilot", "write_notebook", "post_finding"} <= set(taken)
    assert taken.index("smoke") < taken.index("pilot")
    for ignored in (steps_taken(0.0, advised), steps_taken(1.0, brief())):
        assert {"smoke", "write_notebook"}.isdisjoint(ignored)


# -- reading --------------------------------------------------------------------------------------------------------


def test_reading_on_comes_to_the_same_as_reading_everything_again() -> None:
    reader, lab = Reader(), Lab(SimulatedResearcher(7, "r1"), user(news(entry("r2.f1"))))
    for _ in range(20):
        lab.turn(answers=ANSWERS)
        assert reader.notes(lab.conversation) == Reader().notes(lab.conversation)


def test_a_reader_that_is_shown_another_conversation_starts_anew() -> None:
    reader, labs = Reader(), [Lab(SimulatedResearcher(seed, "r1")) for seed in (7, 8)]
    for _ in range(6):
        for lab in labs:
            lab.turn()
            assert reader.notes(lab.conversation) == Reader().notes(lab.conversation)
    shorter = Conversation(labs[0].conversation.system, (), "").begin(labs[0].conversation.system)
    assert reader.notes(shorter) == Reader().notes(shorter)


def test_what_is_read_of_a_method_is_its_recipe() -> None:
    assert read(STARTERS["baselines/coherence_chain.py"], TOOLBOX)
    assert phrase(GREAT).startswith("coherence(")
