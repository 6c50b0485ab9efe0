"""Ids and names of tool calls: each request is accepted, each call is executed once."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_clients import HELLO, ModelClient, each_provider, question_after
from model_servers import ModelServer

from aarlab.agents.models.wire_names import safe_id, safe_name, short_id
from aarlab.memory.messages import ToolCall

HOSTILE = ("t1.0", "functions.read_board:0", "a" * 60, "é\n", "call 1", '"')


@each_provider
@pytest.mark.parametrize("call_id", HOSTILE)
def test_ids_of_other_models_are_accepted(provider: str, call_id: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        opened(provider, server)(question_after(ToolCall(call_id, "read_board", {}), ToolCall("ok", "read_board", {})))


@each_provider
@pytest.mark.parametrize("name", ["functions.read_board", "", "read board", "x" * 200, "❌"])
def test_invented_tool_names_are_accepted(provider: str, name: str, opened: Callable[..., ModelClient]) -> None:
    with ModelServer(HELLO) as server:
        opened(provider, server)(question_after(ToolCall("t1", name, {})))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), unique=True))
def test_ids_stay_valid_and_distinct(ids: list[str]) -> None:
    for form, length in ((safe_id, 40), (short_id, 9)):
        sent = [form(call_id) for call_id in ids]
        assert len(set(sent)) == len(ids)
        assert all(len(call_id) <= length and safe_name(call_id) == call_id for call_id in sent)
        assert [form(call_id) for call_id in sent] == sent
