"""A stub of the environment of one researcher: its prompt, its messages and a result for each tool call."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.researcher import round_message, system_prompt
from aarlab.memory.messages import Conversation, Message, ToolCall, ToolResult, ToolSpec, user_message
from aarlab.scenarios import baselines, toolkit
from aarlab.tools.tool_registry import TOOLS

COSTS = {
    "think": 0.1, "read": 0.1, "write": 0.1, "share": 0.1, "ask": 0.2, "review": 0.2, "smoke": 0.1,
    "pilot": 0.25, "full": 2.0,
}  # fmt: skip
LOG = [{"operator": "start", "agreement": 1.0, "balance": 0.5}, {"operator": "finish"}]


def prompt(*, direction: str | None = None) -> str:
    """Return the system prompt of r1 in a team of two with 24 research hours."""
    entries = ",\n".join(json.dumps(entry) for entry in toolkit.catalogue())
    return system_prompt(
        name="r1", team_size=2, task="chat", task_about="Pairs of replies.", structure=["As you like."],
        direction=direction, hours=24.0, round_hours=4.0, costs=COSTS, example=baselines.load()["vanilla_soft"].code,
        catalogue=f"[\n{entries}\n]",
    )  # fmt: skip


def round_start(*, round: int = 1, used: float = 0.0, new_findings: Sequence[Mapping[str, Any]] = ()) -> Message:
    """Return the message that starts a round."""
    listing = json.dumps(list(new_findings))
    return user_message(
        round_message(round=round, rounds=6, used=used, hours=24.0, until=4.0 * round, new_findings=listing)
    )


def first_request() -> Request:
    """Return a researcher's first request, with all tools."""
    return request(Conversation.begin(prompt()).then(round_start()))


def request(conversation: Conversation) -> Request:
    """Return the request to continue a conversation, with all tools."""
    return Request(conversation, tuple(tool.spec for tool in TOOLS.values()))


def ask(model: Model, question: Request) -> Reply:
    """Return a model's reply."""
    return asyncio.run(model.reply(question))


def converse(model: Model, turns: int, *, direction: str | None = None) -> list[tuple[Request, Reply]]:
    """Run a model for some turns in which every tool call succeeds, and return its requests and replies."""
    conversation, exchanges = Conversation.begin(prompt(direction=direction)).then(round_start()), []
    for turn in range(turns):
        question = request(conversation)
        reply = ask(model, question)
        exchanges.append((question, reply))
        results = tuple(_result(call, turn) for call in reply.message.tool_calls)
        conversation = conversation.then(reply.message, Message("user", results) if results else round_start(round=2))
    return exchanges


class StubEnvironment:
    """An environment of one researcher in which every tool call succeeds."""

    def __init__(self, model: Model, *messages: Message, pgr: float = 0.2, system: str | None = None) -> None:
        """Start the conversation with the system prompt, the message of round 1 and more messages."""
        self.model = model
        self.conversation = Conversation.begin(system or prompt()).then(round_start(), *messages)
        self.pgr = pgr
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        """Name and arguments of its tool calls, in order."""
        self._turns = 0

    def send(self, *messages: Message) -> None:
        """Append messages to the conversation."""
        self.conversation = self.conversation.then(*messages)

    def next_turn(self, *tools: str, answers: Mapping[str, Mapping[str, Any]] | None = None) -> Reply:
        """Return the next reply, with these tools or all tools, and append the results of its tool calls."""
        offered = tuple(tool.spec for name, tool in TOOLS.items() if not tools or name in tools)
        extra = tuple(ToolSpec(name, "", {}) for name in tools if name not in TOOLS)
        reply = ask(self.model, Request(self.conversation, (*offered, *extra)))
        self._turns += 1
        self.calls += [(call.name, call.arguments) for call in reply.message.tool_calls]
        results = tuple(self._answer(call, answers or {}) for call in reply.message.tool_calls)
        self.send(reply.message, *([Message("user", results)] if results else []))
        return reply

    def _answer(self, call: ToolCall, answers: Mapping[str, Mapping[str, Any]]) -> ToolResult:
        result = answers.get(call.name) or _stub_result(call.name, call.arguments, f"{self._turns}", self.pgr)
        return ToolResult(call.id, json.dumps({**result, "hours": round(0.1 * self._turns, 2)}))


def _result(call: ToolCall, turn: int) -> ToolResult:
    result = _stub_result(call.name, call.arguments, f"{turn}-{call.id}") | {"hours": round(0.1 * turn, 2)}
    return ToolResult(call.id, json.dumps(result))


def _stub_result(tool: str, arguments: Mapping[str, Any], unique: str, pgr: float = 0.2) -> dict[str, Any]:
    match tool:
        case "read_file":
            return {"path": arguments["path"], "text": ""}
        case "write_file":
            return {"path": arguments["path"], "lines": 9}
        case "run_experiment":
            score = {"pgr": pgr, "se": 0.02, "worlds": 8}
            return {"experiment": f"r1.e{unique}", "log": LOG, **arguments, **score}
        case "post_finding":
            return {"finding": f"r1.f{unique}"}
        case "read_findings" | "search_board" | "ask_librarian":
            return {"findings": []}
        case "grep_board":
            return {"matches": []}
        case _:
            return {}
