"""The stages of a fixed workflow: which tools each has, what ends it, and what comes after it."""

import json
from dataclasses import dataclass
from typing import Protocol

from langgraph.runtime import Runtime

from aarlab.agents.researcher import stage_message
from aarlab.graph.flow.assignments import assign
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.researcher_nodes import (
    WAIT,
    NextStep,
    ResearcherState,
    call_researcher,
    completes_assignment,
    request_decision,
    time_left,
)
from aarlab.graph.structure.dials.dial import first_node
from aarlab.memory.messages import ToolCall, user_message
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.session import AgentSession
from aarlab.tools.tool_calls import call_tool

METHOD_PATH = "method.py"
"""Where the implement stage leaves the method."""
MAX_STAGE_TURNS = 5
"""A stage that has not delivered after so many turns is over; the work starts again at the first stage."""
MAX_REPAIRS = 2
"""A method that still fails its smoke test after so many repairs is given up."""

_READ_TOOLS = ("read_board", "search_board", "read_findings", "read_file", "read_notebook")


class Node(Protocol):
    """A node of the researcher graph."""

    async def __call__(self, state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
        """Do the node's work and say what comes next."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage in which the researcher works with some of its tools until it has delivered."""

    name: str
    tools: tuple[str, ...]
    ends_with: str | None
    """The tool whose success ends the stage; None: the researcher ends it by not using a tool."""
    next_stage: str

    async def __call__(self, state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
        """Work on the stage until it is done or the slice is over; then it goes on in the next slice."""
        run = runtime.context
        session = run.sessions[state["agent"]]
        offered = {name: tool for name, tool in run.tools.items() if name in self.tools}
        session.record_decision("next_step", self.name)
        session.add_message(user_message(stage_message(self.name, **_prompt_values(self.name, session))))
        for _ in range(MAX_STAGE_TURNS):
            tool_calls = (await call_researcher(run, session, offered)).tool_calls
            results = [await call_tool(session, tool_call, offered) for tool_call in tool_calls]
            if results:
                session.assigned = session.assigned and not completes_assignment(tool_calls, results)
                session.add_tool_results(results)
            succeeded = {w.name for w, result in zip(tool_calls, results, strict=True) if not result.is_error}
            if self.ends_with in succeeded or (self.ends_with is None and not tool_calls):
                return _advance(run, session, state, self.next_stage)
            if not time_left(session, state):
                return _advance(run, session, state, self.name)
        return _advance(run, session, state, PROPOSE.name if self.ends_with else self.next_stage)


PROPOSE = Stage("propose", (*_READ_TOOLS, "borrow", "critique", "post_finding"), "post_finding", "plan")
PLAN = Stage("plan", ("read_notebook", "read_file", "write_notebook"), "write_notebook", "implement")
IMPLEMENT = Stage("implement", ("read_file", "read_findings", "borrow", "write_file"), "write_file", "smoke")
ANALYSE = Stage("analyse", ("read_notebook", "write_notebook"), "write_notebook", "share")
SHARE = Stage("share", ("post_finding", "submit", "critique"), None, "propose")
STAGES = {stage.name: stage for stage in (PROPOSE, PLAN, IMPLEMENT, ANALYSE, SHARE)}
"""By name, as decisions on the next step name them."""


def staged_nodes(*, gated: bool, assigned: bool) -> dict[str, tuple[Node, tuple[str, ...]]]:
    """Return the nodes of the staged workflow in order, each with the nodes that may come after it.

    Where ideas are `assigned`, an assignment stands in the place of a proposal.
    """
    gate = "consult" if gated else "full_run"
    first = "assign" if assigned else "propose"
    nodes: dict[str, tuple[Node, tuple[str, ...]]] = {
        first: (assign, ("plan",)) if assigned else (PROPOSE, ("propose", "plan")),
        "plan": (PLAN, ("implement", first)),
        "implement": (IMPLEMENT, ("smoke", first)),
        "smoke": (_smoke(gate), ("implement", gate, "analyse")),
    }
    if gated:
        nodes["consult"] = (_consult, ("full_run", first))
    return {
        **nodes,
        "full_run": (_full_run, ("analyse",)),
        "analyse": (ANALYSE, ("share", first)),
        "share": (SHARE, (first,)),
    }


def _smoke(gate: str) -> Node:
    async def smoke(state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
        """The lab runs the smoke test; a method that fails goes back, a few times."""
        run = runtime.context
        session = run.sessions[state["agent"]]
        await _run_experiment(session, "smoke")
        if "error" not in session.last_experiment:
            session.repairs = 0
            return _advance(run, session, state, gate)
        session.repairs += 1
        if session.repairs <= MAX_REPAIRS:
            return _advance(run, session, state, "implement")
        session.repairs = 0
        return _advance(run, session, state, "analyse")

    return smoke


async def _consult(state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
    """The reviewer rules on the full run."""
    run = runtime.context
    session = run.sessions[state["agent"]]
    ruling = await request_decision(run, session, METHOD_PATH)
    if ruling.approved:
        return _advance(run, session, state, "full_run")
    session.add_message(user_message(f"The reviewer rejected the full run: {ruling.comment}"))
    return _advance(run, session, state, "propose")


async def _full_run(state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
    """The lab runs the full experiment."""
    run = runtime.context
    session = run.sessions[state["agent"]]
    if not session.can_afford("full"):
        # Nothing that the workflow asks for can be done any more.
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
    """Return what fills the placeholders of a stage's prompt."""
    if stage == "implement":
        failed = session.repairs > 0
        return {"failure": f"The smoke test failed: {session.last_experiment['error']}. Repair it." if failed else ""}
    if stage == "analyse":
        return {"result": json.dumps(session.last_experiment)}
    return {}


def _advance(run: RunContext, session: AgentSession, state: ResearcherState, stage: str) -> NextStep:
    """Go on to a stage, in this slice if there is time, else in the next."""
    session.stage = first_node(run.resolved) if stage == PROPOSE.name else stage
    return {"next": session.stage if time_left(session, state) else WAIT}
