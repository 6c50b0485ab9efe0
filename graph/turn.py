"""The steps a researcher's graph is made of: think, act, consult the reviewer, and the rules of its clock."""

from typing import TypedDict

from langgraph.runtime import Runtime

from aarlab.agents import reviewer
from aarlab.graph.asking import Line, ask
from aarlab.graph.lab import Desk, Lab
from aarlab.memory.events import Experiment, Ruling, Told
from aarlab.memory.messages import Json, ToolResult, ToolUse
from aarlab.tools.experiment import EXPERIMENT_TOOL
from aarlab.tools.toolbox import use


class Slice(TypedDict):
    """State of a researcher's graph: whose slice of research time it is, until when, and where it goes next."""

    agent: str
    until: float
    next: str


class Step(TypedDict):
    """What a node of a researcher's graph decides: the node that comes next, `rest` to end the slice."""

    next: str


REST = "rest"


def time_left(desk: Desk, state: Slice) -> bool:
    """Tell whether another step may begin in this slice. A step that runs over is taken off the next slice."""
    return desk.bench.hours < state["until"] - 1e-9 and desk.bench.can_afford("think")


def full_run(wish: ToolUse) -> bool:
    """Tell whether a tool use asks for a full experiment."""
    return wish.name == EXPERIMENT_TOOL.name and wish.arguments.get("fidelity") == "full"


async def think(state: Slice, runtime: Runtime[Lab]) -> Step:
    """The researcher chooses its next step."""
    desk = runtime.context.desks[state["agent"]]
    message = await desk.think(desk.tools)
    wishes = message.tool_uses
    desk.bench.decided("next_step", ", ".join(wish.name for wish in wishes) or REST)
    if not wishes:
        # Whoever has nothing more to do waits for the others: the slice passes for everybody alike.
        desk.bench.hours = max(desk.bench.hours, state["until"])
        return {"next": REST}
    gated = runtime.context.blueprint.gated and any(full_run(wish) for wish in wishes)
    return {"next": "consult" if gated else "act"}


async def act(state: Slice, runtime: Runtime[Lab]) -> Step:
    """Its tools are used, one after the other."""
    desk = runtime.context.desks[state["agent"]]
    results = [await use(desk.bench, wish, desk.tools) for wish in desk.conversation.messages[-1].tool_uses]
    return _handed_back(runtime.context, desk, results, state)


async def consult(state: Slice, runtime: Runtime[Lab]) -> Step:
    """The reviewer rules on each full run that is asked for; the other tools are used as they are."""
    lab = runtime.context
    desk = lab.desks[state["agent"]]
    results = []
    for wish in desk.conversation.messages[-1].tool_uses:
        refused = None
        if full_run(wish):
            ruling = await rule(lab, desk, str(wish.arguments.get("path")))
            refused = None if ruling.approved else f"the reviewer rejected this full run: {ruling.comment}"
        results.append(await use(desk.bench, wish, desk.tools, refused=refused))
        desk.bench.deciders.pop("fidelity", None)
    return _handed_back(lab, desk, results, state)


def _handed_back(lab: Lab, desk: Desk, results: list[ToolResult], state: Slice) -> Step:
    """Hand back the results of the tools, and go on."""
    delivered = desk.delivers(desk.conversation.messages[-1].tool_uses, results)
    desk.tell_results(results)
    if not time_left(desk, state):
        return {"next": REST}
    return {"next": "assign" if delivered and lab.blueprint.assigners else "think"}


async def rule(lab: Lab, desk: Desk, path: str) -> Ruling:
    """Have the reviewer rule on a full run of a workspace file, and let it take the decision on the books."""
    bench = desk.bench
    code = bench.files.get(path, "")
    request = reviewer.ask_about_run(bench.agent, _case(desk, code), full_hours=bench.costs["full"])
    assert lab.reviewer is not None, "a gate was compiled without a reviewer"
    bench.record(Told("reviewer", bench.file.store_message(request.conversation.messages[0])))
    verdict = reviewer.verdict(await ask(lab.reviewer, request, "reviewer", Line.of(bench, "review")))
    ruling = Ruling(bench.file.store_text(code), verdict.approved, verdict.comment, bench.costs["review"])
    bench.record(ruling)
    bench.deciders["fidelity"] = "reviewer"
    if not ruling.approved:
        bench.decided("fidelity", f"no full run of {path}")
    return ruling


def _case(desk: Desk, code: str) -> dict[str, Json]:
    """Return what the reviewer is shown of a full run: the method, and what came of it and of others so far."""
    bench = desk.bench
    key = bench.file.store_text(code)
    mine = [e.event for e in bench.file.entries(Experiment, stream=bench.agent) if isinstance(e.event, Experiment)]
    tried = [{"fidelity": e.fidelity, "pgr": e.pgr, "error": e.error, "log": e.log} for e in mine if e.code == key]
    done = [post.finding for post in bench.board.leaderboard(seen_by=bench.agent)]
    return {
        "method": code,
        "tried": tried,
        "best_so_far": [{"title": f.title, "pgr": f.pgr, "se": f.se} for f in done[:3]],
        "same_method_posted": [f.id for f in done if f.code == key],
    }
