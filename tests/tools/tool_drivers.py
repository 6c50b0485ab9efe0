"""Drivers for tests of tools: researchers that call tools as a model does, and their team."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aarlab.graph.scenario import StepCosts
from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, Event, Published
from aarlab.memory.messages import ToolCall
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.sandbox import Job, JobResult, Sandbox
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool
from aarlab.tools.tool_calls import call_tool
from aarlab.tools.tool_registry import TOOLS

COSTS = StepCosts().model_dump()

VANILLA = """
from aarlab.scenarios import toolkit as tk

def method(world):
    return tk.finish(tk.start(world))
"""
"""Weak-to-strong training without changes."""


class RecordingSandbox:
    """Runs jobs in a sandbox and keeps them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.jobs: list[Job] = []

    def run(self, job: Job) -> JobResult:
        self.jobs.append(job)
        return self.sandbox.run(job)


class ResearcherDriver:
    """Calls tools as a model does and returns their output."""

    def __init__(self, session: AgentSession) -> None:
        self.session = session

    def try_tool(
        self, tool: str, *, refusal: str | None = None, tools: Mapping[str, Tool] = TOOLS, **arguments: Any
    ) -> tuple[bool, dict[str, Any]]:
        """Call a tool and return whether it failed, and its output."""
        result = asyncio.run(call_tool(self.session, ToolCall("t1", tool, arguments), tools, refusal=refusal))
        return result.is_error, json.loads(result.content)

    def call_tool(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed and return its output."""
        is_error, output = self.try_tool(tool, **arguments)
        assert not is_error, output
        return output

    def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must fail and return its error."""
        is_error, output = self.try_tool(tool, **arguments)
        assert is_error, output
        return str(output["error"])

    def run(self, code: str, fidelity: str = "pilot") -> str:
        """Run a method and return the experiment's id."""
        self.call_tool("write_file", path="method.py", text=code)
        return str(self.call_tool("run_experiment", path="method.py", fidelity=fidelity)["experiment"])

    def post(self, **arguments: Any) -> str:
        """Post a finding and return its id."""
        output = self.call_tool(
            "post_finding", **{"title": "An idea", "body": "Words.", "family": "ensemble"} | arguments
        )
        return str(output["finding"])

    def events(self, *kinds: type[Event]) -> list[Any]:
        """Return this researcher's events of these kinds."""
        return [entry.event for entry in self.session.file.entries(*kinds, stream=self.session.agent)]


class TeamDriver:
    """Researchers that share a run file, a board and an evaluator."""

    def __init__(self, file: RunWriter, evaluator: Evaluator) -> None:
        self.file, self.board, self.evaluator = file, Board(file), evaluator
        self.researchers: dict[str, ResearcherDriver] = {}

    def __getitem__(self, name: str) -> ResearcherDriver:
        if name not in self.researchers:
            session = AgentSession(name, self.file, self.board, self.evaluator, COSTS, budget_hours=24.0, round=1)
            self.researchers[name] = ResearcherDriver(session)
        return self.researchers[name]

    def next_round(self) -> None:
        """Publish the posted findings and start the next round."""
        for post in self.board.posts():
            if not post.published:
                self.file.append(TEAM, Published(post.finding.id), round=post.round, hours=4.0)
        for researcher in self.researchers.values():
            researcher.session.round += 1
