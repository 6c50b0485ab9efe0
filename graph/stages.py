"""The stages of a fixed workflow: which tools each has, what ends it, and what comes after it."""

import json
from dataclasses import dataclass
from typing import Protocol

from langgraph.runtime import Runtime

from aarlab.agents.researcher import stage_opening
from aarlab.graph.assign import assign
from aarlab.graph.lab import Desk, Lab
from aarlab.graph.turn import REST, Slice, Step, rule, time_left
from aarlab.memory.messages import ToolUse, user
from aarlab.tools.experiment import EXPERIMENT_TOOL
from aarlab.tools.toolbox import use

METHOD = "method.py"
"""Where the implement stage leaves the method."""
MOST_TURNS = 5
"""A stage that has not delivered after so many turns is over; the work starts again at the first stage."""
MOST_REPAIRS = 2
"""A method that still fails its smoke test after so many repairs is given up."""

_LOOKING = ("read_board", "search_board", "read_findings", "read_file", "read_notebook")


class Node(Protocol):
    """A node of the researcher graph."""

    async def __call__(self, state: Slice, runtime: Runtime[Lab]) -> Step:
        """Do the node's work and say what comes next."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage in which the researcher works with some of its tools until it has delivered."""

    name: str
    tools: tuple[str, ...]
    delivers: str | None
    """The tool whose success ends the stage; None: the researcher ends it by not using a tool."""
    then: str

    async def __call__(self, state: Slice, runtime: Runtime[Lab]) -> Step:
        """Work on the stage until it is done or the slice is over; then it goes on in the next slice."""
        desk = runtime.context.desks[state["agent"]]
        offered = {name: tool for name, tool in desk.tools.items() if name in self.tools}
        desk.bench.decided("next_step", self.name)
        desk.tell(user(stage_opening(self.name, **_details(self.name, desk))))
        for _ in range(MOST_TURNS):
            wishes = (await desk.think(offered)).tool_uses
            results = [await use(desk.bench, wish, offered) for wish in wishes]
            if results:
                desk.delivers(wishes, results)
                desk.tell_results(results)
            done = {w.name for w, result in zip(wishes, results, strict=True) if not result.is_error}
            if self.delivers in done or (self.delivers is None and not wishes):
                return _on(desk, state, self.then)
            if not time_left(desk, state):
                return _on(desk, state, self.name)
        return _on(desk, state, PROPOSE.name if self.delivers else self.then)


PROPOSE = Stage("propose", (*_LOOKING, "borrow", "critique", "post_finding"), "post_finding", "plan")
PLAN = Stage("plan", ("read_notebook", "read_file", "write_notebook"), "write_notebook", "implement")
IMPLEMENT = Stage("implement", ("read_file", "read_findings", "borrow", "write_file"), "write_file", "smoke")
ANALYSE = Stage("analyse", ("read_notebook", "write_notebook"), "write_notebook", "share")
SHARE = Stage("share", ("post_finding", "submit", "critique"), None, "propose")
STAGES = {stage.name: stage for stage in (PROPOSE, PLAN, IMPLEMENT, ANALYSE, SHARE)}
"""By name, as decisions on the next step name them."""


def route(*, gated: bool, assigned: bool) -> dict[str, tuple[Node, tuple[str, ...]]]:
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
    async def smoke(state: Slice, runtime: Runtime[Lab]) -> Step:
        """The lab runs the smoke test; a method that fails goes back, a few times."""
        desk = runtime.context.desks[state["agent"]]
        await _run(desk, "smoke")
        if "error" not in desk.outcome:
            desk.repairs = 0
            return _on(desk, state, gate)
        desk.repairs += 1
        if desk.repairs <= MOST_REPAIRS:
            return _on(desk, state, "implement")
        desk.repairs = 0
        return _on(desk, state, "analyse")

    return smoke


async def _consult(state: Slice, runtime: Runtime[Lab]) -> Step:
    """The reviewer rules on the full run."""
    desk = runtime.context.desks[state["agent"]]
    ruling = await rule(runtime.context, desk, METHOD)
    desk.bench.deciders["fidelity"] = "structure"
    if ruling.approved:
        return _on(desk, state, "full_run")
    desk.tell(user(f"The reviewer rejected the full run: {ruling.comment}"))
    return _on(desk, state, "propose")


async def _full_run(state: Slice, runtime: Runtime[Lab]) -> Step:
    """The lab runs the full experiment."""
    desk = runtime.context.desks[state["agent"]]
    if not desk.bench.can_afford("full"):
        # Nothing that the workflow asks for can be done any more.
        desk.bench.hours = desk.bench.budget_hours
        return _on(desk, state, "full_run")
    await _run(desk, "full")
    return _on(desk, state, "analyse")


async def _run(desk: Desk, fidelity: str) -> None:
    bench = desk.bench
    wish = ToolUse(f"lab-{bench.counts.get('e', 0) + 1}", EXPERIMENT_TOOL.name, {"path": METHOD, "fidelity": fidelity})
    bench.decided("next_step", fidelity)
    result = await use(bench, wish, {EXPERIMENT_TOOL.name: EXPERIMENT_TOOL})
    desk.outcome = json.loads(result.content)


def _details(stage: str, desk: Desk) -> dict[str, str]:
    """Return what fills the placeholders of a stage's prompt."""
    if stage == "implement":
        failed = desk.repairs > 0
        return {"trouble": f"The smoke test failed: {desk.outcome['error']}. Repair it." if failed else ""}
    if stage == "analyse":
        return {"outcome": json.dumps(desk.outcome)}
    return {}


def _on(desk: Desk, state: Slice, stage: str) -> Step:
    """Go on to a stage, in this slice if there is time, else in the next."""
    desk.stage = desk.first if stage == PROPOSE.name else stage
    return {"next": desk.stage if time_left(desk, state) else REST}
