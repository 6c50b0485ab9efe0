"""Stages of the staged workflow: the tools of each, what ends it, and which stage follows."""

import json
from dataclasses import dataclass

from aarlab.agents.researcher import stage_message
from aarlab.graph.flow.assignments import assign
from aarlab.graph.flow.call_approval import approval
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.flow_table import END, FlowNode
from aarlab.graph.flow.researcher_nodes import (
    NextStep,
    ResearcherState,
    call_researcher,
    completes_assignment,
    time_left,
)
from aarlab.graph.flow.review_nodes import request_decision
from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.graph.structure.dials.workflow import STAGE_TOOLS
from aarlab.memory.messages import ToolCall, user_message
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool
from aarlab.tools.tool_calls import call_tool
from aarlab.tools.tool_registry import TOOLS

METHOD_PATH = "method.py"
"""Workspace file that the workflow runs."""
MAX_STAGE_TURNS = 5
"""Turns after which a stage ends without its result; the workflow then returns to the first stage."""
MAX_REPAIRS = 2
"""Maximum number of repairs of a method after failed smoke tests. If it fails again, it is abandoned."""


class StageStep(NextStep):
    """Update by a node of a stage: the next node, and the number of turns in the stage so far."""

    turns: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage in which the researcher works with some of its tools. It has two nodes, think and act."""

    name: str
    ends_with: str | None
    """A successful call of this tool ends the stage; None: a turn without tool calls ends it."""
    next_stage: str

    @property
    def tools(self) -> tuple[str, ...]:
        """The built-in tools that it offers."""
        return STAGE_TOOLS[self.name]

    def nodes(self, first: str) -> dict[str, FlowNode]:
        """Return the nodes of the stage; `first` is the first node of the workflow."""
        think, act = f"{self.name}.think", f"{self.name}.act"
        act_successors = dict.fromkeys((think, _node_of(self.next_stage, first), first, END))
        return {think: FlowNode(self._think, (act,)), act: FlowNode(self._act, tuple(act_successors))}

    def offers(self, tool_name: str) -> bool:
        """Return whether a tool is available in this stage. Tools of packages are available in every stage."""
        return tool_name in self.tools or tool_name not in TOOLS

    def _tools(self, run: RunContext) -> dict[str, Tool]:
        return {name: tool for name, tool in run.tools.items() if self.offers(name)}

    async def _think(self, state: ResearcherState, run: RunContext) -> StageStep:
        """Call the base model. In the first turn, a message that explains the stage comes before the call."""
        session = run.sessions[state["agent"]]
        if state["turns"] == 0:
            session.record_decision("next_step", self.name)
            session.add_message(user_message(stage_message(self.name, **_prompt_values(self.name, session))))
        await call_researcher(run, session, self._tools(run), state)
        return {"next": f"{self.name}.act", "turns": state["turns"] + 1}

    async def _act(self, state: ResearcherState, run: RunContext) -> StageStep:
        """Execute the tool calls. Then end the stage, start another turn, or pause the stage until the next slice."""
        session = run.sessions[state["agent"]]
        tool_calls, tools = session.conversation.messages[-1].tool_calls, self._tools(run)
        approve = approval(run, session)
        results = [await call_tool(session, tool_call, tools, approve=approve) for tool_call in tool_calls]
        if results:
            session.assigned = session.assigned and not completes_assignment(tool_calls, results)
            session.add_tool_results(results)
        succeeded = {call.name for call, result in zip(tool_calls, results, strict=True) if not result.is_error}
        if self.ends_with in succeeded or (self.ends_with is None and not tool_calls):
            return _advance(run, session, state, self.next_stage)
        if not time_left(session, state):
            return _advance(run, session, state, self.name)
        if state["turns"] == MAX_STAGE_TURNS:
            return _advance(run, session, state, PROPOSE.name if self.ends_with else self.next_stage)
        return {"next": f"{self.name}.think", "turns": state["turns"]}


PROPOSE = Stage("propose", "post_finding", "plan")
PLAN = Stage("plan", "write_notebook", "implement")
IMPLEMENT = Stage("implement", "write_file", "smoke")
ANALYSE = Stage("analyse", "write_notebook", "share")
SHARE = Stage("share", None, "propose")
STAGES = {stage.name: stage for stage in (PROPOSE, PLAN, IMPLEMENT, ANALYSE, SHARE)}
"""By name, in the order of the workflow. Decisions on the next step use these names."""


def entry_node(resolved: ResolvedStructure, stage: str = "") -> str:
    """Return the node of the researcher graph at which work on a stage starts; by default the first node."""
    first_stage = "propose.think" if resolved.workflow == "staged" else "think"
    return _node_of(stage or PROPOSE.name, "assign" if resolved.assigners else first_stage)


def _node_of(stage: str, first: str) -> str:
    if stage == PROPOSE.name:
        return first
    return f"{stage}.think" if stage in STAGES else stage


def staged_nodes(resolved: ResolvedStructure) -> dict[str, FlowNode]:
    """Return the nodes of the staged workflow in order. If ideas are assigned, `assign` replaces the propose stage."""
    first, gate = entry_node(resolved), "consult" if resolved.gated else "full_run"
    smoke_successors = ("implement.think", gate, "analyse.think", END)
    return {
        **({"assign": FlowNode(assign, ("plan.think",))} if resolved.assigners else PROPOSE.nodes(first)),
        **PLAN.nodes(first),
        **IMPLEMENT.nodes(first),
        "smoke": FlowNode(_smoke, smoke_successors),
        **({"consult": FlowNode(_consult, ("full_run", first, END))} if resolved.gated else {}),
        "full_run": FlowNode(_full_run, ("analyse.think", END)),
        **ANALYSE.nodes(first),
        **SHARE.nodes(first),
    }


async def _smoke(state: ResearcherState, run: RunContext) -> StageStep:
    """Run the smoke test. A method that fails is repaired up to `MAX_REPAIRS` times."""
    session = run.sessions[state["agent"]]
    await _run_experiment(session, "smoke")
    if "error" not in session.last_experiment:
        session.repairs = 0
        return _advance(run, session, state, "consult" if run.resolved.gated else "full_run")
    session.repairs += 1
    if session.repairs <= MAX_REPAIRS:
        return _advance(run, session, state, "implement")
    session.repairs = 0
    return _advance(run, session, state, "analyse")


async def _consult(state: ResearcherState, run: RunContext) -> StageStep:
    """Ask the reviewer whether to run the full experiment."""
    session = run.sessions[state["agent"]]
    decision = await request_decision(run, session, METHOD_PATH)
    if decision.approved:
        return _advance(run, session, state, "full_run")
    session.add_message(user_message(f"The reviewer rejected the full run: {decision.comment}"))
    return _advance(run, session, state, "propose")


async def _full_run(state: ResearcherState, run: RunContext) -> StageStep:
    """Run the full experiment."""
    session = run.sessions[state["agent"]]
    if not session.can_afford("full"):
        # The remaining hours do not cover the only step that the workflow allows.
        session.hours = session.budget_hours
        return _advance(run, session, state, "full_run")
    await _run_experiment(session, "full")
    return _advance(run, session, state, "analyse")


async def _run_experiment(session: AgentSession, fidelity: str) -> None:
    tool_call = ToolCall(
        f"run-{session.id_counters.get('e', 0) + 1}",
        EXPERIMENT_TOOL.name,
        {"path": METHOD_PATH, "fidelity": fidelity},
    )
    session.record_decision("next_step", fidelity)
    result = await call_tool(session, tool_call, {EXPERIMENT_TOOL.name: EXPERIMENT_TOOL})
    session.last_experiment = json.loads(result.content)


def _prompt_values(stage: str, session: AgentSession) -> dict[str, str]:
    """Return the values of the placeholders of a stage's prompt."""
    if stage == "implement":
        failed = session.repairs > 0
        return {"failure": f"The smoke test failed: {session.last_experiment['error']}. Repair it." if failed else ""}
    if stage == "analyse":
        return {"result": json.dumps(session.last_experiment)}
    return {}


def _advance(run: RunContext, session: AgentSession, state: ResearcherState, stage: str) -> StageStep:
    """Continue with a stage: in this slice if there is time, otherwise at the start of the next."""
    session.stage = stage
    return {"next": entry_node(run.resolved, stage) if time_left(session, state) else END, "turns": 0}
