"""One researcher's correspondence with a lab: a brief, and an answer to each tool it uses, as a model is shown them."""

import asyncio
import json
from collections.abc import Mapping
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
STARTERS = {f"baselines/{name}.py": baseline.code for name, baseline in baselines.load().items()}
LOG = [{"operator": "start", "agreement": 1.0, "balance": 0.5}, {"operator": "finish"}]


def prompt(*, direction: str | None = None) -> str:
    """Return the system prompt of r1 in a team of two with a day of research time."""
    entries = ",\n".join(json.dumps(entry) for entry in toolkit.catalogue())
    return system_prompt(
        name="r1", team_size=2, task="chat", task_about="Pairs of replies.", structure=["As you like."],
        direction=direction, hours=24.0, round_hours=4.0, costs=COSTS, example=STARTERS["baselines/vanilla_soft.py"],
        starters=list(STARTERS), catalogue=f"[\n{entries}\n]",
    )  # fmt: skip


def round_start(*, round: int = 1, used: float = 0.0) -> Message:
    """Return the message that opens a round."""
    return user_message(
        round_message(round=round, rounds=6, used=used, hours=24.0, until=4.0 * round, new_findings="[]")
    )


def first_request() -> Request:
    """Return what a researcher is asked first, with all tools before it."""
    return request(Conversation.begin(prompt()).then(round_start()))


def request(conversation: Conversation) -> Request:
    """Return the question what to do next, with all tools at hand."""
    return Request(conversation, tuple(tool.spec for tool in TOOLS.values()))


def ask(model: Model, asked: Request) -> Reply:
    """Have a model answer."""
    return asyncio.run(model.reply(asked))


def converse(model: Model, turns: int, *, direction: str | None = None) -> list[tuple[Request, Reply]]:
    """Let a model and a lab that is content with everything write to each other, and return what was asked and said."""
    conversation, messages = Conversation.begin(prompt(direction=direction)).then(round_start()), []
    for next_turn in range(turns):
        asked = request(conversation)
        reply = ask(model, asked)
        messages.append((asked, reply))
        results = tuple(_result(wish, next_turn) for wish in reply.message.tool_calls)
        conversation = conversation.then(reply.message, Message("user", results) if results else round_start(round=2))
    return messages


class StubEnvironment:
    """A lab that is content with everything, in front of one researcher."""

    def __init__(self, model: Model, *messages: Message, pgr: float = 0.2, system: str | None = None) -> None:
        """Brief the researcher, open the first round, and say something more."""
        self.model = model
        self.conversation = Conversation.begin(system or prompt()).then(round_start(), *messages)
        self.pgr = pgr
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        """The tools it has used, in order."""
        self._turns = 0

    def send(self, *messages: Message) -> None:
        """Put messages before the researcher."""
        self.conversation = self.conversation.then(*messages)

    def next_turn(self, *tools: str, answers: Mapping[str, Mapping[str, Any]] | None = None) -> Reply:
        """Let it think once, with some tools or all of them, and answer what it asks for."""
        offered = tuple(tool.spec for name, tool in TOOLS.items() if not tools or name in tools)
        extra = tuple(ToolSpec(name, "", {}) for name in tools if name not in TOOLS)
        reply = ask(self.model, Request(self.conversation, (*offered, *extra)))
        self._turns += 1
        self.calls += [(wish.name, wish.arguments) for wish in reply.message.tool_calls]
        results = tuple(self._answer(wish, answers or {}) for wish in reply.message.tool_calls)
        self.send(reply.message, *([Message("user", results)] if results else []))
        return reply

    def _answer(self, wish: ToolCall, answers: Mapping[str, Mapping[str, Any]]) -> ToolResult:
        result = answers.get(wish.name) or _stub_result(wish.name, wish.arguments, f"{self._turns}", self.pgr)
        return ToolResult(wish.id, json.dumps({**result, "hours": round(0.1 * self._turns, 2)}))


def _result(wish: ToolCall, next_turn: int) -> ToolResult:
    result = _stub_result(wish.name, wish.arguments, f"{next_turn}-{wish.id}") | {"hours": round(0.1 * next_turn, 2)}
    return ToolResult(wish.id, json.dumps(result))


def _stub_result(tool: str, arguments: Mapping[str, Any], unique: str, pgr: float = 0.2) -> dict[str, Any]:
    match tool:
        case "read_file":
            return {"path": arguments["path"], "text": STARTERS[arguments["path"]]}
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
