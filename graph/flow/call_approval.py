"""Approval of tool calls: the overseer decides before a call of one of `structure.approve_tools` takes effect."""

import json
from typing import Any

from aarlab.agents import overseer
from aarlab.agents.overseer import CallReply
from aarlab.graph.calls.call import CallContext, ask_role
from aarlab.graph.flow.context import ESCALATION, OVERSEER, RunContext
from aarlab.graph.flow.review_nodes import finding_details, is_full_experiment, request_decision
from aarlab.memory.events import CallDecision, Flagged, OversightDecision
from aarlab.memory.messages import Json, ToolCall, canonical_json
from aarlab.tools.evaluator.training_log import known_fields
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import ToolError
from aarlab.tools.tool_calls import Approval, Approve


def approval(run: RunContext, session: AgentSession) -> Approve | None:
    """Return what decides about the calls of a researcher; None if no call needs approval."""
    tools = run.scenario.structure.approve_tools
    if not tools:
        return None

    async def approve(call: ToolCall) -> Approval:
        return await _decide(run, session, call) if call.name in tools else Approval()

    return approve


async def _decide(run: RunContext, session: AgentSession, call: ToolCall) -> Approval:
    """Ask the overseer about a call, record the decision, and return it. Raises ToolError if the call is rejected."""
    if session.exhausted:
        raise ToolError("the overseer has stopped the run")
    case, escalates = _case(run, session, call), ESCALATION in run.models
    reply = await _ask(run, session, OVERSEER, case, escalates=escalates)
    if reply.escalates:
        case["escalated_because"] = reply.why
        reply = await _ask(run, session, ESCALATION, case, escalates=False)
    session.record(CallDecision(call.id, call.name, reply.outcome, reply.arguments, reply.why))
    session.record_decision("tool_call", f"{call.name} {reply.outcome}", decided_by="person")
    match reply.outcome:
        case "stopped":
            session.exhausted = True
            session.record(OversightDecision("stop", [], reply.why))
            raise ToolError(f"the overseer stopped the run: {reply.why}")
        case "rejected":
            raise ToolError(f"{overseer.CALL_REJECTED}: {reply.why}")
        case "approved":
            return Approval(note=reply.why)
    changed = ToolCall(call.id, call.name, reply.arguments or {})
    # The reviewer has seen the call as the researcher made it.
    if run.resolved.gated and is_full_experiment(changed):
        review = await request_decision(run, session, str(changed.arguments.get("path")))
        if not review.approved:
            raise ToolError(f"the reviewer rejected this full run: {review.comment}")
    text = canonical_json(dict(changed.arguments))
    return Approval(changed.arguments, f"the overseer changed the arguments to {text}: {reply.why}")


async def _ask(
    run: RunContext, session: AgentSession, overseer_name: str, case: dict[str, Json], *, escalates: bool
) -> CallReply:
    """Return the reply of one overseer. It costs the researcher no hours."""
    request = overseer.call_request(case, escalates=escalates)
    reply = await ask_role(run.models[overseer_name], request, "overseer", CallContext.for_session(session, None))
    return overseer.parse_call_reply(reply, escalates=escalates)


def _case(run: RunContext, session: AgentSession, call: ToolCall) -> dict[str, Json]:
    """Return the overseer's data: the call, the file and the finding that it names, experiments, and earlier flags."""
    # The order of keys is that of the tape, so that the request is the same in a replay.
    arguments: dict[str, Any] = json.loads(canonical_json(dict(call.arguments)))
    code = session.workspace.get(str(arguments.get("path")))
    post = run.board.post(str(arguments.get("finding")), visible_to=session.agent)
    # A file that the call writes has no experiments yet.
    hashes = {session.file.store_text(code)} if code is not None and "text" not in arguments else set()
    if post is not None and post.finding.code is not None:
        hashes.add(post.finding.code)
    flags = [entry.event for entry in run.file.entries(Flagged) if entry.event.agent == session.agent]
    return {
        "researcher": session.agent,
        "round": session.round,
        "hours_left": round(session.budget_hours - session.hours, 2),
        "tool": call.name,
        "arguments": arguments,
        "file": code,
        "finding": finding_details(run, post) if post is not None else None,
        "experiments": [
            {"experiment": e.id, "fidelity": e.fidelity, "pgr": e.pgr, "error": e.error, "log": known_fields(e.log)}
            for e in session.experiments.values()
            if e.code in hashes or e.id == arguments.get("experiment")
        ],
        "flags": [f"{flag.monitor}, {flag.subject} ({flag.outcome}): {flag.evidence}" for flag in flags],
    }
