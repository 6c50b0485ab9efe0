"""The simulated researchers: pure functions of seed, name and request that do not know the structure."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stub_environment import StubEnvironment, ask, converse, first_request, prompt, request, round_start

from aarlab.agents.models import simulated
from aarlab.agents.models.base import Model, Request
from aarlab.agents.models.simulated import temperament
from aarlab.agents.models.simulated.controls import RandomSearch, RandomSearchWithPilots, ShuffledBoard, ShuffledTurn
from aarlab.agents.models.simulated.parsing import METHOD, ConversationParser
from aarlab.agents.models.simulated.recipe import RecipeStep
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.state import KnownFinding
from aarlab.agents.models.simulated.turn import Turn
from aarlab.graph.structure.structure import DIALS, PRESETS
from aarlab.memory.messages import Conversation
from aarlab.scenarios import task_registry
from aarlab.scenarios.task import SMOKE
from aarlab.scenarios.toolkit import FAMILIES
from aarlab.tools.tool_registry import TOOLS

Open = Callable[[int, str], Model]
OPEN: dict[str, Open] = {
    "researcher": SimulatedResearcher,
    "shuffled board": ShuffledBoard,
    "random": RandomSearch,
    "random with pilots": RandomSearchWithPilots,
}

each_model = pytest.mark.parametrize("open_model", OPEN.values(), ids=OPEN)


@each_model
def test_a_reply_depends_only_on_seed_name_and_request(open_model: Open) -> None:
    exchanges = converse(open_model(7, "r1"), turns=14)
    for question, reply in reversed(exchanges):
        assert ask(open_model(7, "r1"), question) == reply


@each_model
@pytest.mark.parametrize(("seed", "agent"), [(8, "r1"), (7, "r2")])
def test_another_seed_or_name_gives_other_replies(open_model: Open, seed: int, agent: str) -> None:
    first, second = (
        [reply.message for _, reply in converse(open_model(*opened), turns=8)] for opened in ((7, "r1"), (seed, agent))
    )
    assert first != second


@each_model
def test_its_tool_calls_have_valid_arguments(open_model: Open) -> None:
    calls = [call for _, reply in converse(open_model(7, "r1"), turns=14) for call in reply.message.tool_calls]
    assert {"write_file", "run_experiment", "post_finding"} <= {call.name for call in calls}
    for call in calls:
        TOOLS[call.name].parse(call.arguments)


@each_model
def test_tool_call_ids_are_unique_in_a_conversation(open_model: Open) -> None:
    ids = [call.id for _, reply in converse(open_model(7, "r1"), turns=14) for call in reply.message.tool_calls]
    assert len(set(ids)) == len(ids)


@each_model
def test_it_calls_only_offered_tools(open_model: Open) -> None:
    everything = first_request()
    for tools in ((), everything.tools[:2], tuple(tool for tool in everything.tools if tool.name != "read_file")):
        reply = ask(open_model(7, "r1"), Request(everything.conversation, tools))
        assert {call.name for call in reply.message.tool_calls} <= {tool.name for tool in tools}


@each_model
def test_it_stops_at_the_end_of_its_hours(open_model: Open) -> None:
    late = request(Conversation.begin(prompt()).then(round_start(round=6, used=23.9)))
    reply = ask(open_model(7, "r1"), late)
    assert reply.message.tool_calls == ()
    assert reply.stop_reason == "end_turn"


@each_model
def test_a_prompt_without_a_catalogue_is_an_error(open_model: Open) -> None:
    with pytest.raises(ValueError, match="needs the toolkit's catalogue in its system prompt"):
        ask(open_model(7, "r1"), request(Conversation.begin("Hello.").then(round_start())))


@each_model
def test_the_code_it_writes_runs(open_model: Open) -> None:
    inputs = task_registry.make_task("chat").world(5, size=SMOKE).inputs
    written = {
        str(call.arguments["text"])
        for _, reply in converse(open_model(7, "r1"), turns=20)
        for call in reply.message.tool_calls
        if call.name == "write_file" and call.arguments["path"] == METHOD
    }
    assert len(written) > 1
    for code in written:
        namespace: dict[str, object] = {}
        exec(code, namespace)
        assert namespace["method"](inputs).shape == (len(inputs.test_features),)  # type: ignore[operator]


def test_a_researcher_starts_by_reading_listed_findings() -> None:
    listed = {
        "finding": "lab.f1", "round": 0, "author": "lab", "type": "result", "title": "A known method",
        "family": "other", "fidelity": "full", "pgr": 0.3, "se": 0.02,
    }  # fmt: skip
    conversation = Conversation.begin(prompt()).then(round_start(new_findings=[listed]))
    reply = ask(SimulatedResearcher(7, "r1"), request(conversation))
    assert ("read_findings", {"findings": ["lab.f1"]}) in [(c.name, c.arguments) for c in reply.message.tool_calls]


def test_random_search_reads_nothing() -> None:
    for _, reply in converse(RandomSearch(7, "r1"), turns=14):
        assert {call.name for call in reply.message.tool_calls} <= {
            "write_file", "run_experiment", "post_finding", "submit"
        }  # fmt: skip


def test_the_task_does_not_change_what_it_does() -> None:
    system = prompt()
    other = system.replace("## The task: chat", "## The task: sorting").replace(
        "Pairs of replies.", "Lists of numbers."
    )
    assert other != system
    for name in ("r1", "r2"):
        envs = [StubEnvironment(SimulatedResearcher(7, name), system=text) for text in (system, other)]
        replies = [[env.next_turn().message for _ in range(10)] for env in envs]
        assert replies[0] == replies[1]


def test_scores_on_a_shuffled_board_belong_to_other_findings() -> None:
    findings = [
        KnownFinding(f"r2.f{i}", "r2", "result", "", (RecipeStep("harden"),), i / 10, 0.01, "full", [], ())
        for i in range(8)
    ]
    state = ConversationParser().state(Conversation.begin(prompt()).then(round_start()))
    state.known.update({finding.id: finding for finding in findings})
    traits = temperament.draw(1, "r1", state.prompt.space)
    true, shuffled = ([k.pgr for k in turn(state, traits, 1, "r1").known] for turn in (Turn, ShuffledTurn))
    assert true != shuffled
    assert sorted(map(str, true)) == sorted(map(str, shuffled))


def words_of(path: Path) -> Iterator[str]:
    """Yield the identifiers of a module and the words of its strings, without docstrings and comments."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        named = [getattr(node, field, None) for field in ("id", "arg", "attr", "name")]
        yield from (name.lower() for name in named if isinstance(name, str))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from re.findall(r"[a-z_-]+", node.value.lower())


CONTRACT = {"planning": {"directions"}, "board_actions": {"query"}}
"""Words that a module needs because they are names of tool arguments."""


@pytest.mark.parametrize("path", sorted(Path(simulated.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_no_simulated_model_knows_a_dial_or_a_preset(path: Path) -> None:
    # Three values are common words; one is also the name of a method family.
    values = {value for dial in DIALS for value in dial.values} - {"none", "open", "self"} - set(FAMILIES)
    structure = {"structure", "preset", "dial", *PRESETS, *values, *(dial.name for dial in DIALS)}
    assert structure & set(words_of(path)) <= CONTRACT.get(path.stem, set())
