"""One researcher's correspondence with a lab: a brief, and an answer to each tool it uses, as a model is shown them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.researcher import round_opening, system_prompt
from aarlab.memory.messages import Conversation, Message, ToolResult, ToolSpec, ToolUse, user
from aarlab.scenarios import baselines, toolkit
from aarlab.tools.toolbox import TOOLS

COSTS = {
    "think": 0.1, "read": 0.1, "write": 0.1, "share": 0.1, "ask": 0.2, "review": 0.2, "smoke": 0.1,
    "pilot": 0.25, "full": 2.0,
}  # fmt: skip
STARTERS = {f"baselines/{name}.py": baseline.code for name, baseline in baselines.load().items()}
LOG = [{"operator": "start", "agreement": 1.0, "balance": 0.5}, {"operator": "finish"}]


def brief(*, direction: str | None = None) -> str:
    """Return the system prompt of r1 in a team of two with a day of research time."""
    entries = ",\n".join(json.dumps(entry) for entry in toolkit.catalogue())
    return system_prompt(
        name="r1", team_size=2, task="chat", task_about="Pairs of replies.", structure=["As you like."],
        direction=direction, hours=24.0, round_hours=4.0, costs=COSTS, example=STARTERS["baselines/vanilla_soft.py"],
        starters=list(STARTERS), catalogue=f"[\n{entries}\n]",
    )  # fmt: skip


def opening(*, round: int = 1, used: float = 0.0) -> Message:
    """Return the message that opens a round."""
    return user(round_opening(round=round, rounds=6, used=used, hours=24.0, until=4.0 * round, news="[]"))


def first_request() -> Request:
    """Return what a researcher is asked first, with all tools before it."""
    return request(Conversation.begin(brief()).then(opening()))


def request(conversation: Conversation) -> Request:
    """Return the question what to do next, with all tools at hand."""
    return Request(conversation, tuple(tool.spec for tool in TOOLS.values()))


def ask(model: Model, asked: Request) -> Reply:
    """Have a model answer."""
    return asyncio.run(model.reply(asked))


def correspond(model: Model, turns: int, *, direction: str | None = None) -> list[tuple[Request, Reply]]:
    """Let a model and a lab that is content with everything write to each other, and return what was asked and said."""
    conversation, said = Conversation.begin(brief(direction=direction)).then(opening()), []
    for turn in range(turns):
        asked = request(conversation)
        reply = ask(model, asked)
        said.append((asked, reply))
        results = tuple(_result(wish, turn) for wish in reply.message.tool_uses)
        conversation = conversation.then(reply.message, Message("user", results) if results else opening(round=2))
    return said


class Lab:
    """A lab that is content with everything, in front of one researcher."""

    def __init__(self, model: Model, *said: Message, pgr: float = 0.2, system: str | None = None) -> None:
        """Brief the researcher, open the first round, and say something more."""
        self.model = model
        self.conversation = Conversation.begin(system or brief()).then(opening(), *said)
        self.pgr = pgr
        self.done: list[tuple[str, Mapping[str, Any]]] = []
        """The tools it has used, in order."""
        self._turns = 0

    def tell(self, *said: Message) -> None:
        """Put messages before the researcher."""
        self.conversation = self.conversation.then(*said)

    def turn(self, *tools: str, answers: Mapping[str, Mapping[str, Any]] | None = None) -> Reply:
        """Let it think once, with some tools or all of them, and answer what it asks for."""
        offered = tuple(tool.spec for name, tool in TOOLS.items() if not tools or name in tools)
        extra = tuple(ToolSpec(name, "", {}) for name in tools if name not in TOOLS)
        reply = ask(self.model, Request(self.conversation, (*offered, *extra)))
        self._turns += 1
        self.done += [(wish.name, wish.arguments) for wish in reply.message.tool_uses]
        results = tuple(self._answer(wish, answers or {}) for wish in reply.message.tool_uses)
        self.tell(reply.message, *([Message("user", results)] if results else []))
        return reply

    def _answer(self, wish: ToolUse, answers: Mapping[str, Mapping[str, Any]]) -> ToolResult:
        told = answers.get(wish.name) or _told(wish.name, wish.arguments, f"{self._turns}", self.pgr)
        return ToolResult(wish.id, json.dumps({**told, "hours": round(0.1 * self._turns, 2)}))


def _result(wish: ToolUse, turn: int) -> ToolResult:
    told = _told(wish.name, wish.arguments, f"{turn}-{wish.id}") | {"hours": round(0.1 * turn, 2)}
    return ToolResult(wish.id, json.dumps(told))


def _told(tool: str, arguments: Mapping[str, Any], unique: str, pgr: float = 0.2) -> dict[str, Any]:
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
