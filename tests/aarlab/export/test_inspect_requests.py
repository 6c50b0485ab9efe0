"""The requests in an exported Inspect log have the recorded hashes."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from model_servers import CORRUPTING_FAULTS, TRANSIENT_FAULTS, ModelServer, SimulatedTeam, SummarisingTeam

from aarlab.agents.models.base import Reply, Request
from aarlab.memory.events import Compaction, FailedModelCall, ModelCall
from aarlab.memory.messages import (
    INVALID_INPUT,
    Conversation,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from aarlab.memory.run_reader import RunReader

# Importing Inspect raises warnings that are not errors of aarlab.
pytestmark = pytest.mark.filterwarnings("default")

Aarlab = Callable[..., Result]
SHORT = ("budget.hours=3", "budget.round_hours=1.5", "costs.think=0.05", "costs.read=0.02", "costs.write=0.02",
         "costs.share=0.02", "costs.smoke=0.05", "costs.pilot=0.1", "costs.full=0.5")  # fmt: skip
ALL_ROLES = ("structure.review=gate", "structure.oversight=checkpoint", "structure.checkpoint_rounds=1",
              "structure.sharing=query", "structure.directions_source=model",
              "team.models.lead=simulated/researcher")  # fmt: skip
STAGED = ("structure=scripted", "structure.review=gate", "structure.pool_revisions=1", "structure.oversight=gate")


@dataclass
class ThinkingTeam:
    """A team whose replies have thinking, sometimes redacted thinking, and sometimes text after the tool calls."""

    team: SimulatedTeam = field(default_factory=lambda: SimulatedTeam(7))
    turns: Iterator[int] = field(default_factory=count)

    def __call__(self, request: Request) -> Reply:
        """Return the reply of the agent that the request addresses."""
        reply, turn = self.team(request), next(self.turns)
        thinking = (
            Thinking(f"Thought {turn}, <think>not the last</think>.\n", f"c2VhbA{turn}"),
            RedactedThinking("eHh4"),
        )
        blocks = (*thinking[: 1 + turn % 2], *reply.message.blocks, *([Text(" So be it. ")] if turn % 3 == 0 else []))
        return replace(reply, message=Message("assistant", blocks))


@pytest.fixture
def run(aarlab: Aarlab, tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Execute a tiny run with more settings, on a model server if one is given; return its file."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)

    def run(*settings: str, server: ModelServer | None = None) -> Path:
        if server is not None:
            settings += "team.model=anthropic/claude-opus-5-5", f"live.base_urls={{anthropic: '{server.url}'}}"
        values = dict(setting.split("=", 1) for setting in (*tiny[1::2], *SHORT, *settings))
        done = aarlab("run", "--json", "--seed", "7", *_set(*(f"{name}={value}" for name, value in values.items())))
        assert done.exit_code == 0, done.output
        return Path(json.loads(done.stdout)["file"])

    return run


def _set(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture
def model_events(aarlab: Aarlab) -> Callable[..., list[Any]]:
    """Export a run and return the model events that Inspect reads."""
    log = pytest.importorskip("inspect_ai.log")

    def model_events(path: Path, *options: str) -> list[Any]:
        done = aarlab("export", str(path), "--format", "inspect", "--json", *options)
        assert done.exit_code == 0, done.output
        (sample,) = log.read_eval_log(json.loads(done.stdout)["file"], resolve_attachments=True).samples
        return [event for event in sample.events if event.event == "model"]

    return model_events


def check_exact_requests(path: Path, events: list[Any]) -> Counter[str]:
    """Check that the log has the exact request of every call of a run, and return the number of calls by role."""
    from aarlab.export.inspect.request_reader import request_of

    with RunReader.open(path) as file:
        recorded = [(e.event.role, e.event.request) for e in file.entries(ModelCall)]
    answered = [event for event in events if event.error is None]
    assert [(event.role, request_of(event).hash) for event in answered] == recorded
    assert all(event.metadata["exact"] for event in events)
    return Counter(role for role, _ in recorded)


@pytest.mark.long
def test_requests_of_all_roles_are_exact_with_faulty_replies(
    run: Callable[..., Path], model_events: Callable[..., list[Any]]
) -> None:
    with ModelServer(ThinkingTeam(), faults=[*CORRUPTING_FAULTS, *TRANSIENT_FAULTS], every=4) as server:
        path = run("team.researchers=3", *ALL_ROLES, server=server)
    events = model_events(path)
    n_calls = check_exact_requests(path, events)
    assert n_calls.keys() == {"researcher", "reviewer", "librarian", "overseer", "lead"}

    # The requests contain the effects of the faults.
    assert {"unknown tool", "invalid input", "max_tokens"} <= server.applied_faults.keys()
    inputs = [message for event in events for message in event.input]
    assert any(message.role == "tool" and message.error is not None for message in inputs)
    assert any(call.parse_error for m in inputs for call in getattr(m, "tool_calls", None) or ())
    assert any(INVALID_INPUT in call.arguments for m in inputs for call in getattr(m, "tool_calls", None) or ())
    assert any(
        part.type == "reasoning" and part.redacted for m in inputs if m.role == "assistant" for part in m.content
    )
    failed = [event for event in events if event.error is not None]
    with RunReader.open(path) as file:
        assert [event.error for event in failed] == [e.event.fault for e in file.entries(FailedModelCall)]
    assert failed


@pytest.mark.long
def test_requests_after_compaction_are_exact(run: Callable[..., Path], model_events: Callable[..., list[Any]]) -> None:
    with ModelServer(SummarisingTeam(), window=10_500) as server:
        path = run(server=server)
    n_calls = check_exact_requests(path, model_events(path))
    assert check_exact_requests(path, model_events(path, "--out", "run.json")) == n_calls
    with RunReader.open(path) as file:
        assert n_calls["summariser"] == len(list(file.entries(Compaction))) >= 2


@pytest.mark.long
def test_requests_of_a_staged_run_and_its_fork_are_exact(
    aarlab: Aarlab, run: Callable[..., Path], model_events: Callable[..., list[Any]]
) -> None:
    path = run(*STAGED)
    events = model_events(path)
    assert check_exact_requests(path, events)["lead"] == 2
    assert len({tuple(tool.name for tool in event.tools) for event in events if event.role == "researcher"}) > 3

    done = aarlab("fork", str(path), "--round", "2", "--json", *_set("structure=autonomous", "structure.sharing=none"))
    assert done.exit_code == 0, done.output
    forked = Path(json.loads(done.stdout)["forks"][0]["file"])
    assert check_exact_requests(forked, model_events(forked))["researcher"] > 2


@pytest.mark.long
def test_a_changed_request_is_not_called_exact(
    run: Callable[..., Path], model_events: Callable[..., list[Any]]
) -> None:
    path = run("structure.review=gate")
    events = model_events(path, "--redact", "wants to run")
    from aarlab.export.inspect.request_reader import request_of

    with RunReader.open(path) as file:
        recorded = [e.event.request for e in file.entries(ModelCall)]
    assert [event.metadata["request"] for event in events] == recorded
    same = [request_of(event).hash == request for event, request in zip(events, recorded, strict=True)]
    assert [event.metadata["exact"] for event in events] == same
    reviewed = [event for event, unchanged in zip(events, same, strict=True) if not unchanged]
    assert {event.role for event in reviewed} == {"reviewer"}
    # The run file has no system prompt of the reviewer, and without a matching hash none is claimed.
    assert all(event.input[0].role == "user" and not event.tools for event in reviewed)


texts = st.text(max_size=8)
contents = st.builds(Text, texts) | st.builds(Thinking, texts, texts) | st.builds(RedactedThinking, texts)
tool_calls = st.builds(
    ToolCall, texts, texts,
    st.dictionaries(texts, st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.lists(texts)),
)  # fmt: skip
user_blocks = st.lists(st.builds(Text, texts) | st.builds(ToolResult, texts, texts, st.booleans()), max_size=4)
messages = st.builds(Message, st.just("user"), user_blocks.map(tuple)) | st.builds(
    Message, st.just("assistant"), st.lists(contents | tool_calls, max_size=4).map(tuple)
)
schemas = st.sampled_from([
    {"type": "object"},
    {"type": "object", "properties": {}, "required": []},
    {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}, "maxItems": 5}}},
    {"type": "object", "properties": {"a": {"type": "string", "enum": ["b"]}}, "required": ["a"]},
    {"type": "object", "additionalProperties": True, "properties": {"a": {"type": ["string", "null"]}}},
])  # fmt: skip


@given(texts, st.lists(messages, max_size=4), st.lists(st.builds(ToolSpec, texts, texts, schemas), max_size=2))
def test_any_request_can_be_read_back(system: str, chat: list[Message], tools: list[ToolSpec]) -> None:
    event = pytest.importorskip("inspect_ai.event")
    from inspect_ai.model import GenerateConfig, ModelOutput

    from aarlab.export.inspect.chat_messages import ChatMessages, tool_info
    from aarlab.export.inspect.request_reader import request_of

    request = Request(Conversation.begin(system).then(*chat), tuple(tools))
    written = event.ModelEvent(
        model="m", input=ChatMessages().conversation(request.conversation), tools=[tool_info(tool) for tool in tools],
        tool_choice="auto", config=GenerateConfig(), output=ModelOutput(),
    )  # fmt: skip
    read = event.ModelEvent.model_validate_json(written.model_dump_json(exclude_none=True))
    assert request_of(read).hash == request.hash
