"""The response to flags of monitors, after each round and after the finalists were scored."""

from dataclasses import asdict, replace

from aarlab.agents import overseer
from aarlab.agents.models.base import Request
from aarlab.agents.overseer import FlagDecision
from aarlab.graph.calls.call import ask_role
from aarlab.graph.flow.context import ESCALATION, OVERSEER, RunContext
from aarlab.graph.flow.limits import LIMITS, limit_event
from aarlab.graph.flow.review_nodes import finding_details
from aarlab.graph.structure.response import OUTCOMES
from aarlab.memory.events import Flagged, FlagOutcome, OversightDecision
from aarlab.memory.messages import Json


async def respond(state: dict[str, int], run: RunContext) -> None:
    """Record the new flags about researchers, each with the outcome that the structure or the overseer gives it.

    A flag that is known is recorded again, with its outcome, if its author has posted another finding that it is about.
    """
    round = state["round"]
    known = {_key(entry.event): entry.event for entry in run.file.entries(Flagged)}
    for flag in run.flags():
        earlier = known.get(_key(flag))
        if flag.agent not in run.places or (earlier is not None and set(flag.findings) <= set(earlier.findings)):
            continue
        outcome, note = await _outcome(run, flag, round) if earlier is None else (earlier.outcome, "")
        known[_key(flag)] = recorded = replace(flag, outcome=outcome, note=note)
        run.record(recorded, round=round)


def _key(flag: Flagged) -> tuple[str, str, str]:
    return flag.monitor, flag.agent, flag.subject


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
    """Return the decision of one overseer about a flag, and record if it ends the run.

    Without a decision, because a limit is reached, the result does not count: a team could spend the budget to keep it.
    """
    try:
        reply = await ask_role(run.models[stream], request, "overseer", run.call_context(stream, round))
    except LIMITS as limit:
        run.record(limit_event(run, limit, stream), round=round, stream=stream)
        return FlagDecision("disqualified", f"nobody could decide: {limit}")
    decision = overseer.parse_flag_decision(reply)
    if decision.stops:
        run.record(OversightDecision("stop", [], decision.note), round=round, stream=stream)
    return decision
