"""A simulated researcher reacts to critiques: it believes less, replicates first, and tries suggested changes."""

import dataclasses
import json

from stub_environment import LOG, StubEnvironment, prompt

from aarlab.agents.models.simulated import ideas, temperament
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, parse_recipe, write
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.turn import Turn
from aarlab.agents.researcher import round_message
from aarlab.memory.messages import user_message
from aarlab.scenarios.toolkit import catalogue

SPACE = SearchSpace(catalogue())
RECIPE: Recipe = parse_recipe("coherence(rounds=8) > knn_propagate(k=10)", SPACE) or ()
WITH_EVIDENCE, WITHOUT_EVIDENCE = "The standard error is 0.30. Try bag.", "I do not believe it. Try bag."


def turn(*critiques: str, trust: float = 1.0, receptivity: float = 0.0, pgr: float = 0.8) -> Turn:
    """Return a turn of r1 after it has read one finding of r2 with these critiques."""
    model = SimulatedResearcher(7, "r1")
    entry = {
        "finding": "r2.f1", "author": "r2", "type": "result", "title": "coherence", "fidelity": "full", "pgr": pgr,
        "se": 0.03, "code": write(RECIPE), "log": LOG, "critiques": [{"by": "reviewer", "text": t} for t in critiques],
    }  # fmt: skip
    env = StubEnvironment(
        model,
        user_message(
            round_message(round=2, rounds=6, used=0.0, hours=24.0, until=8.0, new_findings=json.dumps([entry]))
        ),
    )
    env.next_turn(answers={"read_findings": {"findings": [entry]}})
    assert env.calls[0][0] == "read_findings"
    state = ConversationParser().state(env.conversation)
    traits = temperament.draw(7, "r1", state.prompt.space)
    return Turn(state, dataclasses.replace(traits, trust=trust, receptivity=receptivity), 7, "r1")


def expected_pgr(turn: Turn) -> float:
    return float(turn.surrogate.predict([RECIPE])[0][0])


def test_a_criticised_finding_is_believed_less() -> None:
    assert expected_pgr(turn(WITH_EVIDENCE)) < expected_pgr(turn()) - 0.1
    assert turn(WITH_EVIDENCE).best_score < turn().best_score


def test_evidence_makes_a_critique_count_more() -> None:
    assert expected_pgr(turn(WITH_EVIDENCE)) < expected_pgr(turn(WITHOUT_EVIDENCE)) < expected_pgr(turn())


def test_without_trust_a_critique_changes_no_belief() -> None:
    assert expected_pgr(turn(WITH_EVIDENCE, trust=0.0)) == expected_pgr(turn())


def test_a_criticised_recipe_is_replicated_before_it_is_borrowed() -> None:
    for critiques, borrows in (((), True), (("The standard error is 0.30.",), False)):
        options = [ideas.best_new_option(turn_of(critiques, seed), pilots_allowed=True) for seed in range(12)]
        built_on = [o.idea.recipe for o in options if o and o.idea.builds_on == ("r2.f1",)]
        assert any(recipe != RECIPE for recipe in built_on) is borrows


def turn_of(critiques: tuple[str, ...], seed: int) -> Turn:
    base = turn(*critiques)
    return Turn(base.state, base.traits, seed, "r1")


def test_a_receptive_researcher_always_tries_a_named_remedy() -> None:
    tried = {receptivity: [remedied(receptivity, seed) for seed in range(10)] for receptivity in (0.0, 1.0)}
    assert all(tried[1.0])
    # Otherwise the remedied recipe only competes with the others.
    assert not all(tried[0.0])


def remedied(receptivity: float, seed: int) -> bool:
    base = turn(WITH_EVIDENCE, receptivity=receptivity, pgr=-0.1)
    option = ideas.best_new_option(Turn(base.state, base.traits, seed, "r1"), pilots_allowed=True)
    assert option is not None
    operators = [step.operator for step in option.idea.recipe]
    return "bag" in operators and [name for name in operators if name != "bag"] == ["coherence", "knn_propagate"]


def test_critiques_of_its_own_reports_are_read_if_there_is_a_reviewer() -> None:
    reviewed = prompt().replace("As you like.", "A reviewer reads the posted findings and comments on them.")
    for system, reads in ((reviewed, True), (prompt(), False)):
        env = StubEnvironment(SimulatedResearcher(7, "r1"), system=system, pgr=0.6)
        while not any(name == "post_finding" and a["type"] == "result" for name, a in env.calls):
            env.next_turn()
        state = ConversationParser().state(env.conversation)
        report = next(idea.report_id for idea in state.ideas if idea.report_id)
        env.send(user_message(round_message(round=2, rounds=6, used=5.0, hours=24.0, until=8.0, new_findings="[]")))
        unread = ConversationParser().state(env.conversation).unread
        assert (report in unread) is reads
