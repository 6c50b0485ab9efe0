"""Blocks, messages, conversations and their hashes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.memory.messages import (
    Conversation,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    block_from_json,
    canonical_json,
    content_hash,
    parse_json,
    user_message,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
blocks = (
    st.builds(Text, st.text())
    | st.builds(Thinking, st.text(), st.text())
    | st.builds(RedactedThinking, st.text())
    | st.builds(ToolCall, st.text(), st.text(), st.dictionaries(st.text(), json_values, max_size=3))
    | st.builds(ToolResult, st.text(), st.text(), st.booleans())
)
messages = st.builds(Message, st.sampled_from(["user", "assistant"]), st.lists(blocks, max_size=3).map(tuple))

# Few words, so that two independently drawn conversations are often equal.
words = st.sampled_from(["", "a", "b", "ab"])
short_blocks = (
    st.builds(Text, words)
    | st.builds(ToolCall, words, words, st.dictionaries(words, words, max_size=1))
    | st.builds(ToolResult, words, words, st.booleans())
)
short_messages = st.builds(
    Message, st.sampled_from(["user", "assistant"]), st.lists(short_blocks, max_size=2).map(tuple)
)
conversations = st.tuples(words, st.lists(short_messages, max_size=2))


def conversation(parts: tuple[str, list[Message]]) -> Conversation:
    system, messages = parts
    return Conversation.begin(system).then(*messages)


@given(messages)
def test_message_round_trips_through_json(message: Message) -> None:
    stored = json.loads(json.dumps(message.to_json()))
    assert Message(stored["role"], tuple(map(block_from_json, stored["content"]))) == message


def test_unknown_block_type_is_rejected_by_name() -> None:
    with pytest.raises(ValueError, match="unknown block type 'hologram'"):
        block_from_json({"type": "hologram"})


@given(conversations, conversations)
def test_heads_are_equal_iff_conversations_are_equal(
    one: tuple[str, list[Message]], other: tuple[str, list[Message]]
) -> None:
    assert (conversation(one).head == conversation(other).head) == (one == other)


@given(conversations, st.lists(short_messages, max_size=3))
def test_appending_messages_is_associative(parts: tuple[str, list[Message]], more: list[Message]) -> None:
    together = one_by_one = conversation(parts)
    for message in more:
        one_by_one = one_by_one.then(message)
    assert together.then(*more) == one_by_one


def test_extending_a_conversation_does_not_change_the_original() -> None:
    before = Conversation.begin("You are a researcher.").then(user_message("Begin."))
    head = before.head
    continued = [before.then(user_message(text)) for text in ("Continue.", "Continue.", "Stop.")]
    assert tuple(before.messages) == (user_message("Begin."),)
    assert before.head == head
    assert [conversation.messages[-1].text for conversation in continued] == ["Continue.", "Continue.", "Stop."]
    assert continued[0].messages.common_length(continued[2].messages) == 1


def test_message_separates_text_tool_calls_and_results() -> None:
    tool_call, result = ToolCall("t1", "read_board", {}), ToolResult("t1", "[]")
    message = Message("assistant", (Text("Let me look."), tool_call, result, Text("Nothing.")))
    assert message.text == "Let me look.\nNothing."
    assert message.tool_calls == (tool_call,)
    assert message.tool_results == (result,)


@given(st.dictionaries(st.text(), json_values))
def test_canonical_json_ignores_key_order(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(backwards) == canonical_json(value)
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_canonical_json_rejects_nan_and_infinity(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"pgr": number})


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_hash_depends_on_boundaries_between_parts(one: list[str], other: list[str]) -> None:
    assert (content_hash(*one) == content_hash(*other)) == (one == other)


def test_hash_of_joined_parts_differs() -> None:
    assert content_hash("a", "b") != content_hash("ab") != content_hash("ab", "")


@pytest.mark.parametrize(
    "text", ['{"a":[1,-0.5,null,true],"b":"\\u00e9\u00e9"}', " [1, 2]\n", "1e400", "", "[1] 2", "[1,", "x"]
)
def test_parse_json_does_what_json_loads_does(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"line 1|Expecting|Extra"):
            parse_json(text)
    else:
        assert parse_json(text) == expected
