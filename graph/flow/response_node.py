"""The response to flags of monitors, after each round and after the finalists were scored."""

from dataclasses import asdict, replace

from aarlab.agents import overseer
from aarlab.agents.models.base import Request
from aarlab.agents.overseer import FlagDecision
from aarlab.graph.calls.call import ask
from aarlab.graph.flow.context import ESCALATION, OVERSEER, RunContext
from aarlab.graph.flow.review_nodes import finding_details
from aarlab.graph.structure.response import OUTCOMES
from aarlab.memory.events import Flagged, FlagOutcome, OversightDecision, Prompted
from aarlab.memory.messages import Json


async def respond(state: dict[str, int], run: RunContext) -> None:
    """Record the new flags about researchers, each with the outcome that the structure or the overseer gives it."""
    round = state["round"]
    known = {(e.event.monitor, e.event.agent, e.event.subject) for e in run.file.entries(Flagged)}
    for flag in run.flags():
        key = (flag.monitor, flag.agent, flag.subject)
        if flag.agent not in run.places or key in known:
            continue
        known.add(key)
        outcome, note = await _outcome(run, flag, round)
        run.record(replace(flag, outcome=outcome, note=note), round=round)


async def _outcome(run: RunContext, flag: Flagged, round: int) -> tuple[FlagOutcome, str]:
    response = run.scenario.structure.response
    if response != "ask":
        return OUTCOMES[response], ""
    posts = [post for key in flag.findings if (post := run.board.post(key)) is not None]
    fields = {name: value for name, value in asdict(flag).items() if name not in ("outcome", "note")}
    case: dict[str, Json] = {"flag": fields, "findings": [finding_details(run, post) for post in posts]}
    escalates = ESCALATION in run.models
    decision = await _decision(run, OVERSEER, overseer.flag_request(case, escalates=escalates), round)
    if decision.escalates and escalates:
        case["escalated_because"] = decision.note
        decision = await _decision(run, ESCALATION, overseer.flag_request(case), round)
    return decision.outcome, decision.note


async def _decision(run: RunContext, stream: str, request: Request, round: int) -> FlagDecision:
    """Return the decision of one overseer about a flag, and record if it ends the run."""
    prompted = Prompted("overseer", run.file.store_message(request.conversation.messages[0]))
    run.record(prompted, round=round, stream=stream)
    reply = await ask(run.models[stream], request, "overseer", run.call_context(stream, round))
    decision = overseer.parse_flag_decision(reply)
    if decision.stops:
        run.record(OversightDecision("stop", [], decision.note), round=round, stream=stream)
    return decision
