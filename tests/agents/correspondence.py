"""One researcher's correspondence with a lab: a brief, and an answer to each tool it uses, as a model is shown them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.researcher import round_opening, system_prompt
from aarlab.memory.messages import Conversation, Message, ToolResult, ToolUse, user
from aarlab.scenarios import baselines, toolkit
from aarlab.tools.toolbox import TOOLS

COSTS = {
    "think": 0.1, "read": 0.1, "write": 0.1, "share": 0.1, "review": 0.2, "smoke": 0.1, "pilot": 0.25, "full": 2.0
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


def _result(wish: ToolUse, turn: int) -> ToolResult:
    told = _told(wish.name, wish.arguments, f"{turn}-{wish.id}") | {"hours": round(0.1 * turn, 2)}
    return ToolResult(wish.id, json.dumps(told))


def _told(tool: str, arguments: Mapping[str, Any], unique: str) -> dict[str, Any]:
    match tool:
        case "read_file":
            return {"path": arguments["path"], "text": STARTERS[arguments["path"]]}
        case "write_file":
            return {"path": arguments["path"], "lines": 9}
        case "run_experiment":
            score = {"pgr": 0.2, "se": 0.02, "worlds": 8}
            return {"experiment": f"r1.e{unique}", "log": LOG, **arguments, **score}
        case "post_finding":
            return {"finding": f"r1.f{unique}"}
        case _:
            return {}
