"""The overseer's part: checkpoints, and what may be shared."""

from langgraph.runtime import Runtime

from aarlab.agents import overseer
from aarlab.agents.models.base import Request
from aarlab.graph.asking import ask
from aarlab.graph.lab import OVERSEER, Lab
from aarlab.memory.board import Post
from aarlab.memory.events import Decision, Experiment, Oversight, Published, Told
from aarlab.memory.messages import Json
from aarlab.tools.board import listed


async def oversee(state: dict[str, int], runtime: Runtime[Lab]) -> None:
    """Ask whether the work should go on, every few rounds, but not after the last."""
    lab, round = runtime.context, state["round"]
    if round % lab.scenario.structure.checkpoint_rounds == 0 and round < lab.rounds:
        case = {**_standing(lab, round), "new": [listed(post) for post in _new(lab, round)]}
        ruling = await _ask(lab, overseer.ask_to_proceed(case, round=round, rounds=lab.rounds), round)
        lab.record(Decision("next_step", ruling.action, "person"), round=round, stream=OVERSEER)


async def release(state: dict[str, int], runtime: Runtime[Lab]) -> None:
    """Ask which of the round's findings may be shared, and publish those."""
    lab, round = runtime.context, state["round"]
    new = _new(lab, round)
    if not new:
        return
    case = {**_standing(lab, round), "new": [whole(lab, post) for post in new]}
    ruling = await _ask(lab, overseer.ask_to_release(case, round=round, rounds=lab.rounds), round)
    for post in new:
        released = post.finding.id in ruling.findings
        choice = f"{post.finding.id} {'released' if released else 'kept back'}"
        lab.record(Decision("publish", choice, "person"), round=round)
        if released:
            lab.record(Published(post.finding.id), round=round)


def stopped(lab: Lab) -> bool:
    """Tell whether the overseer has ended the work."""
    return any(entry.event.action == "stop" for entry in lab.file.entries(Oversight)
               if isinstance(entry.event, Oversight))  # fmt: skip


def note_for(lab: Lab, round: int) -> str:
    """Return what the overseer said to the team after the round before this one."""
    notes = [
        e.event.note for e in lab.file.entries(Oversight) if isinstance(e.event, Oversight) and e.round == round - 1
    ]
    return "\n".join(note for note in notes if note)


async def _ask(lab: Lab, request: Request, round: int) -> Oversight:
    assert lab.overseer is not None, "oversight was compiled without an overseer"
    heard = Told("overseer", lab.file.store_message(request.conversation.messages[0]))
    lab.record(heard, round=round, stream=OVERSEER)
    ruling = overseer.decision(await ask(lab.overseer, request, "overseer", lab.line(OVERSEER, round)))
    lab.record(ruling, round=round, stream=OVERSEER)
    return ruling


def _new(lab: Lab, round: int) -> list[Post]:
    return [post for post in lab.board.posts() if post.round == round]


def _standing(lab: Lab, round: int) -> dict[str, Json]:
    best = [listed(post) for post in lab.board.leaderboard()[:5]]
    return {"round": round, "rounds": lab.rounds, "leaderboard": best}


def whole(lab: Lab, post: Post) -> dict[str, Json]:
    """Return all that there is to a finding: what is listed, its body, its method and its training log."""
    finding = post.finding
    logs = (e.event for e in lab.file.entries(Experiment, stream=finding.author) if isinstance(e.event, Experiment))
    log: Json = next((experiment.log for experiment in logs if experiment.id == finding.experiment), None)
    code = lab.file.text(finding.code) if finding.code else None
    return {**listed(post), "body": finding.body, "method": code, "log": log}
