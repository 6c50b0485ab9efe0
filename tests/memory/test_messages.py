"""What passes between an agent and its base model: blocks, messages, conversations and their hashes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.memory.messages import (
    Conversation,
    HiddenThinking,
    Message,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    block_from_json,
    canonical,
    content_hash,
    message_from_json,
    user,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
blocks = (
    st.builds(Text, st.text())
    | st.builds(Thinking, st.text(), st.text())
    | st.builds(HiddenThinking, st.text())
    | st.builds(ToolUse, st.text(), st.text(), st.dictionaries(st.text(), json_values, max_size=3))
    | st.builds(ToolResult, st.text(), st.text(), st.booleans())
)
messages = st.builds(Message, st.sampled_from(["user", "assistant"]), st.lists(blocks, max_size=3).map(tuple))

# Few words, so that two conversations drawn independently are often the same.
words = st.sampled_from(["", "a", "b", "ab"])
short_blocks = (
    st.builds(Text, words)
    | st.builds(ToolUse, words, words, st.dictionaries(words, words, max_size=1))
    | st.builds(ToolResult, words, words, st.booleans())
)
short_messages = st.builds(
    Message, st.sampled_from(["user", "assistant"]), st.lists(short_blocks, max_size=2).map(tuple)
)
talks = st.tuples(words, st.lists(short_messages, max_size=2))


def conversation(talk: tuple[str, list[Message]]) -> Conversation:
    system, said = talk
    return Conversation.begin(system).then(*said)


@given(messages)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert message_from_json(json.loads(json.dumps(message.to_json()))) == message


def test_a_block_of_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown block type 'hologram'"):
        block_from_json({"type": "hologram"})


@given(talks, talks)
def test_two_conversations_have_the_same_head_if_and_only_if_they_are_the_same(
    one: tuple[str, list[Message]], other: tuple[str, list[Message]]
) -> None:
    assert (conversation(one).head == conversation(other).head) == (one == other)


@given(talks, st.lists(short_messages, max_size=3))
def test_it_makes_no_difference_whether_messages_come_together_or_one_by_one(
    talk: tuple[str, list[Message]], more: list[Message]
) -> None:
    together = one_by_one = conversation(talk)
    for message in more:
        one_by_one = one_by_one.then(message)
    assert together.then(*more) == one_by_one


def test_a_conversation_that_goes_on_leaves_the_one_it_came_from_as_it_was() -> None:
    before = Conversation.begin("You are a researcher.").then(user("Begin."))
    head = before.head
    before.then(user("Go on."))
    assert before.messages == (user("Begin."),)
    assert before.head == head


def test_a_message_tells_its_words_its_wishes_and_its_results_apart() -> None:
    wish, result = ToolUse("t1", "read_board", {}), ToolResult("t1", "[]")
    message = Message("assistant", (Text("Let me look."), wish, result, Text("Nothing.")))
    assert message.text == "Let me look.\nNothing."
    assert message.tool_uses == (wish,)
    assert message.tool_results == (result,)


@given(st.dictionaries(st.text(), json_values))
def test_the_canonical_text_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(backwards) == canonical(value)
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_has_no_canonical_text(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"pgr": number})


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_a_hash_keeps_the_boundaries_between_its_parts(one: list[str], other: list[str]) -> None:
    assert (content_hash(*one) == content_hash(*other)) == (one == other)


def test_joining_two_parts_makes_another_hash() -> None:
    assert content_hash("a", "b") != content_hash("ab") != content_hash("ab", "")
