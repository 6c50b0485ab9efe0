"""A person at the terminal sees a model's request and types the reply."""

import asyncio
import io
from pathlib import Path

import pytest
from stub_environment import first_request

from aarlab.agents import reviewer
from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.agents.models.human_terminal import HumanModel
from aarlab.memory.messages import Message, Text, ToolResult, user_message


def type_lines(request: Request, *lines: str, person: HumanModel | None = None) -> tuple[Reply, str, HumanModel]:
    """Reply to a request by typing lines; return the reply, the screen and the model."""
    screen = io.StringIO()
    source = io.StringIO("".join(f"{line}\n" for line in lines))
    person = person or HumanModel("r1")
    person._source, person._screen = source, screen
    return asyncio.run(person.reply(request)), screen.getvalue(), person


def test_a_tool_is_called_by_its_name_or_number() -> None:
    request = first_request()
    names = [tool.name for tool in request.tools]
    by_name, screen, _ = type_lines(request, "Let me look.", "read_file", "baselines/vanilla_soft.py")
    (call,) = by_name.message.tool_calls
    assert by_name.message.text == "Let me look."
    assert (call.name, call.arguments) == ("read_file", {"path": "baselines/vanilla_soft.py"})
    assert "You are r1, one of 2 researchers" in screen
    assert all(name in screen for name in names)
    number = str(names.index("read_file") + 1)
    by_number, _, _ = type_lines(request, number, "a.py")
    assert by_number.message.tool_calls[0].name == "read_file"
    assert (by_number.usage.tokens, by_number.cost_usd, by_number.stop_reason) == (0, 0.0, "tool_use")


def test_long_text_is_typed_line_by_line_or_read_from_a_file(tmp_path: Path) -> None:
    code = tmp_path / "method.py"
    code.write_text("def method(world):\n    return []\n")
    lines, _, _ = type_lines(first_request(), "write_file", "a.py", "def method(world):", "    return []", ".")
    assert lines.message.tool_calls[0].arguments == {"path": "a.py", "text": "def method(world):\n    return []"}
    filed, screen, _ = type_lines(first_request(), "write_file", "a.py", f"@{tmp_path / 'nothing'}", f"@{code}")
    assert filed.message.tool_calls[0].arguments["text"] == code.read_text()
    assert "cannot be read" in screen


def test_lists_are_typed_as_words() -> None:
    reply, _, _ = type_lines(first_request(), "read_findings", "r2.f1, r3.f2")
    assert reply.message.tool_calls[0].arguments == {"findings": ["r2.f1", "r3.f2"]}


def test_only_new_messages_are_shown() -> None:
    first = first_request()
    reply, _, person = type_lines(first, "read_file", "a.py")
    result = Message("user", (ToolResult(reply.message.tool_calls[0].id, '{"text":"x\\ny"}'),))
    again = Request(first.conversation.then(reply.message, result), first.tools)
    _, screen, _ = type_lines(again, "", person=person)
    assert "tool results" in screen
    assert "x\ny" in screen
    assert "You are r1" not in screen


def test_an_empty_line_ends_the_turn() -> None:
    reply, _, _ = type_lines(first_request(), "")
    assert (reply.message.blocks, reply.stop_reason) == ((), "end_turn")


def test_a_person_reviews_a_full_run() -> None:
    case = reviewer.run_review_request("r2", {"method": "..."}, full_hours=2.0)
    reply, screen, _ = type_lines(case, "reject", "Pilot it first.")
    assert reviewer.parse_run_decision(reply) == reviewer.RunDecision(False, "Pilot it first.")
    assert "r2 wants to run this method in full" in screen


def test_the_end_of_the_input_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="no input for r1"):
        type_lines(first_request())


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    request = first_request()
    malicious = Request(
        request.conversation.then(Message("assistant", (Text("."),)), user_message("\x1b[2J gone")), request.tools
    )
    _, screen, _ = type_lines(malicious, "")
    assert "\x1b" not in screen
