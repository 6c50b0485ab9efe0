"""Oversight: the overseer decides at checkpoints whether to continue, and which findings to release."""

from aarlab.agents import overseer
from aarlab.agents.models.base import Request
from aarlab.graph.calls.call import ask_role
from aarlab.graph.flow.context import OVERSEER, RoundNotes, RunContext
from aarlab.graph.flow.review_nodes import finding_details
from aarlab.memory.events import Decision, Flagged, OversightDecision, PersonAction, Published
from aarlab.memory.messages import Json
from aarlab.tools.board_tools import listing_entry


async def oversee(state: dict[str, int], run: RunContext) -> None:
    """Ask the overseer every `checkpoint_rounds` rounds whether to continue, but not after the last round."""
    round = state["round"]
    if round % run.scenario.structure.checkpoint_rounds == 0 and round < run.rounds:
        request_data = {**_board_state(run, round), "new": [listing_entry(post) for post in run.board.of_round(round)]}
        decision = await _ask(run, overseer.checkpoint_request(request_data, round=round, rounds=run.rounds), round)
        run.record(Decision("next_step", decision.action, "person"), round=round, stream=OVERSEER)


async def release(state: dict[str, int], run: RunContext) -> None:
    """Ask the overseer which findings of the round to release, and publish those."""
    round = state["round"]
    posts = [post for post in run.board.of_round(round) if post.held_back is None]
    if not posts:
        return
    request_data = {**_board_state(run, round), "new": [finding_details(run, post) for post in posts]}
    decision = await _ask(run, overseer.release_request(request_data, round=round, rounds=run.rounds), round)
    for post in posts:
        released = post.finding.id in decision.findings
        choice = f"{post.finding.id} {'released' if released else 'withheld'}"
        run.record(Decision("publish", choice, "person"), round=round)
        if released:
            run.record(Published(post.finding.id), round=round)


def stopped_by_person(run: RunContext) -> bool:
    """Return whether the overseer or another person has stopped the run."""
    return any(entry.event.action == "stop" for entry in run.file.entries(OversightDecision, PersonAction))


def notes_for(run: RunContext, agent: str, round: int) -> str:
    """Return the overseer's note to the team, and messages and flags for one agent, after the previous round."""
    if run.notes is None or run.notes.round != round:
        run.notes = _read_notes(run, round)
    return "\n".join(text for _, text in sorted(run.notes.to[None] + run.notes.to.get(agent, [])))


def _read_notes(run: RunContext, round: int) -> RoundNotes:
    """Read the notes to all researchers at the start of a round: a query for each would take longer than its call."""
    notes = RoundNotes(round, {None: []})
    for number, entry in enumerate(run.file.entries(OversightDecision, PersonAction, Flagged, round=round - 1)):
        match entry.event:
            case OversightDecision(note=note) if note:
                notes.to[None].append((number, note))
            case PersonAction(action="message", agent=str(to), text=text, who=who):
                notes.to.setdefault(to, []).append((number, f"{who} to you: {text}"))
            case Flagged(agent=to) as flag if flag.outcome != "kept":
                text = f"The monitor {flag.monitor} flagged {flag.subject} ({flag.outcome}): {flag.evidence}."
                notes.to.setdefault(to, []).append((number, f"{text} {flag.note}".strip()))
    return notes


async def _ask(run: RunContext, request: Request, round: int) -> OversightDecision:
    reply = await ask_role(run.models[OVERSEER], request, "overseer", run.call_context(OVERSEER, round))
    decision = overseer.parse_decision(reply)
    run.record(decision, round=round, stream=OVERSEER)
    return decision


def _board_state(run: RunContext, round: int) -> dict[str, Json]:
    best = [listing_entry(post) for post in run.board.leaderboard(limit=5)]
    return {"round": round, "rounds": run.rounds, "leaderboard": best}
