"""The overseer's part: checkpoints, and what may be shared."""

from langgraph.runtime import Runtime

from aarlab.agents import overseer
from aarlab.agents.models.base import Request
from aarlab.graph.calls.call import ask
from aarlab.graph.flow.context import OVERSEER, RunContext
from aarlab.graph.flow.review_nodes import finding_details
from aarlab.memory.board import Post
from aarlab.memory.events import Decision, OversightDecision, Prompted, Published
from aarlab.memory.messages import Json
from aarlab.tools.board_tools import listing_entry


async def oversee(state: dict[str, int], runtime: Runtime[RunContext]) -> None:
    """Ask whether the work should go on, every few rounds, but not after the last."""
    run, round = runtime.context, state["round"]
    if round % run.scenario.structure.checkpoint_rounds == 0 and round < run.rounds:
        request_data = {**_board_state(run, round), "new": [listing_entry(post) for post in _new(run, round)]}
        ruling = await _ask(run, overseer.checkpoint_request(request_data, round=round, rounds=run.rounds), round)
        run.record(Decision("next_step", ruling.action, "person"), round=round, stream=OVERSEER)


async def release(state: dict[str, int], runtime: Runtime[RunContext]) -> None:
    """Ask which of the round's findings may be shared, and publish those."""
    run, round = runtime.context, state["round"]
    new = _new(run, round)
    if not new:
        return
    request_data = {**_board_state(run, round), "new": [finding_details(run, post) for post in new]}
    ruling = await _ask(run, overseer.release_request(request_data, round=round, rounds=run.rounds), round)
    for post in new:
        released = post.finding.id in ruling.findings
        choice = f"{post.finding.id} {'released' if released else 'kept back'}"
        run.record(Decision("publish", choice, "person"), round=round)
        if released:
            run.record(Published(post.finding.id), round=round)


def stopped(run: RunContext) -> bool:
    """Tell whether the overseer has ended the work."""
    return any(entry.event.action == "stop" for entry in run.file.entries(OversightDecision))


def overseer_note(run: RunContext, round: int) -> str:
    """Return what the overseer said to the team after the round before this one."""
    notes = [e.event.note for e in run.file.entries(OversightDecision) if e.round == round - 1]
    return "\n".join(note for note in notes if note)


async def _ask(run: RunContext, request: Request, round: int) -> OversightDecision:
    prompted = Prompted("overseer", run.file.store_message(request.conversation.messages[0]))
    run.record(prompted, round=round, stream=OVERSEER)
    ruling = overseer.parse_decision(
        await ask(run.models[OVERSEER], request, "overseer", run.call_context(OVERSEER, round))
    )
    run.record(ruling, round=round, stream=OVERSEER)
    return ruling


def _new(run: RunContext, round: int) -> list[Post]:
    return [post for post in run.board.posts() if post.round == round]


def _board_state(run: RunContext, round: int) -> dict[str, Json]:
    best = [listing_entry(post) for post in run.board.leaderboard()[:5]]
    return {"round": round, "rounds": run.rounds, "leaderboard": best}
