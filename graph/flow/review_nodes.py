"""Review: the reviewer comments on findings, and decides on full experiments if they are gated."""

from typing import Any

from aarlab.agents import reviewer
from aarlab.graph.calls.call import CallContext, ask_role
from aarlab.graph.flow.context import REVIEWER, RunContext
from aarlab.graph.flow.researcher_setup import goal_of
from aarlab.memory.board import Post
from aarlab.memory.board_view import leaderboard_order
from aarlab.memory.events import Edge, ReviewDecision
from aarlab.memory.messages import Json, ToolCall
from aarlab.tools.board_tools import experiment_log, listing_entry
from aarlab.tools.evaluator.training_log import known_fields
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.session import AgentSession


async def review(state: dict[str, Any], run: RunContext) -> None:
    """Ask the reviewer for a critique of each finding of the round."""
    round = state["round"]
    for post in run.board.of_round(round):
        request = reviewer.finding_review_request(
            post.finding.author, finding_details(run, post), goal_of(run.scenario)
        )
        reply = await ask_role(run.models[REVIEWER], request, "reviewer", run.call_context(REVIEWER, round))
        comment = reviewer.parse_critique(reply)
        if comment is not None:
            run.record(Edge("critiques", REVIEWER, post.finding.id, comment), round=round, stream=REVIEWER)


def finding_details(run: RunContext, post: Post) -> dict[str, Json]:
    """Return a finding with its body, method and training log, for a reviewer or overseer."""
    finding = post.finding
    code = run.file.text(finding.code) if finding.code else None
    log = experiment_log(run.board, finding)
    return {**listing_entry(post), "body": finding.body, "method": code, "log": log}


def is_full_experiment(call: ToolCall) -> bool:
    """Return whether a call runs a full experiment."""
    return call.name == EXPERIMENT_TOOL.name and call.arguments.get("fidelity") == "full"


async def request_decision(run: RunContext, session: AgentSession, path: str) -> ReviewDecision:
    """Ask the reviewer whether to run a full experiment on a workspace file; record and return its decision."""
    code = session.workspace.get(path, "")
    case = _review_case(session, code)
    goal = goal_of(run.scenario)
    request = reviewer.run_review_request(session.agent, case, full_hours=session.costs["full"], goal=goal)
    context = CallContext.for_session(session, "review")
    reply = reviewer.parse_run_decision(await ask_role(run.models[REVIEWER], request, "reviewer", context))
    code_hash = session.file.store_text(code)
    decision = ReviewDecision(code_hash, reply.approved, reply.comment, session.costs["review"])
    session.record(decision)
    if not decision.approved:
        session.record_decision("fidelity", f"no full run of {path}", decided_by=REVIEWER)
    return decision


def _review_case(session: AgentSession, code: str) -> dict[str, Json]:
    """Return the reviewer's data: the method, its experiments, the best findings, and findings with the same method."""
    code_hash = session.file.store_text(code)
    tried = [
        {"fidelity": e.fidelity, "pgr": e.pgr, "error": e.error, "log": known_fields(e.log)}
        for e in session.experiments.values()
        if e.code == code_hash
    ]
    best = [post.finding for post in session.board.leaderboard(visible_to=session.agent, limit=3)]
    same = session.board.posts_with(code_hash, index="code", key=lambda f: f.code, visible_to=session.agent)
    return {
        "method": code,
        "tried": tried,
        "best_so_far": [{"title": f.title, "pgr": f.pgr, "se": f.se} for f in best],
        "same_method_posted": [post.finding.id for post in sorted(same, key=leaderboard_order) if post.is_full_result],
    }
