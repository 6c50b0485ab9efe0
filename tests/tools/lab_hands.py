"""Hands for the tests of the tools: researchers who use them as a model would, and the lab they share."""

import asyncio
import json
from typing import Any

from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, Event, Published
from aarlab.memory.messages import ToolUse
from aarlab.memory.runfile import RunFile
from aarlab.tools.bench import Bench
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.toolbox import TOOLS, use

COSTS = {
    "think": 0.1, "read": 0.1, "ask": 0.2, "write": 0.1, "share": 0.1, "review": 0.2, "smoke": 0.1, "pilot": 0.25,
    "full": 2.0,
}  # fmt: skip

VANILLA = """
from aarlab.scenarios import toolkit as tk

def method(world):
    return tk.finish(tk.start(world))
"""
"""The plain weak-to-strong student."""


class Researcher:
    """Uses tools as a model would, and reads what it is told."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def answer(self, tool: str, *, refused: str | None = None, **arguments: Any) -> tuple[bool, dict[str, Any]]:
        """Use a tool and return whether that was an error, and what was told."""
        result = asyncio.run(use(self.bench, ToolUse("t1", tool, arguments), TOOLS, refused=refused))
        return result.is_error, json.loads(result.content)

    def use(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Use a tool that must not refuse."""
        is_error, told = self.answer(tool, **arguments)
        assert not is_error, told
        return told

    def refused(self, tool: str, **arguments: Any) -> str:
        """Use a tool that must refuse, and return the reason."""
        is_error, told = self.answer(tool, **arguments)
        assert is_error, told
        return str(told["error"])

    def run(self, code: str, fidelity: str = "pilot") -> str:
        """Run a method and return the experiment's id."""
        self.use("write_file", path="method.py", text=code)
        return str(self.use("run_experiment", path="method.py", fidelity=fidelity)["experiment"])

    def post(self, **arguments: Any) -> str:
        """Post a finding and return its id."""
        told = self.use("post_finding", **{"title": "An idea", "body": "Words.", "family": "ensemble"} | arguments)
        return str(told["finding"])

    def events(self, *kinds: type[Event]) -> list[Any]:
        """Return this researcher's events of these kinds."""
        return [entry.event for entry in self.bench.file.entries(*kinds, stream=self.bench.agent)]


class Lab:
    """Researchers who share a run file, a board and an evaluator."""

    def __init__(self, file: RunFile, evaluator: Evaluator) -> None:
        self.file, self.board, self.evaluator = file, Board(file), evaluator
        self.researchers: dict[str, Researcher] = {}

    def __getitem__(self, name: str) -> Researcher:
        if name not in self.researchers:
            bench = Bench(name, self.file, self.board, self.evaluator, COSTS, budget_hours=24.0, round=1)
            self.researchers[name] = Researcher(bench)
        return self.researchers[name]

    def next_round(self) -> None:
        """Publish what was posted, and let the next slice of research time begin for everybody."""
        for post in self.board.posts():
            if not post.published:
                self.file.append(TEAM, Published(post.finding.id), round=post.round, hours=4.0)
        for researcher in self.researchers.values():
            researcher.bench.round += 1
