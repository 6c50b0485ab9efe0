"""Instructions of people that answer no question: posts, messages, a pause, a stop.

A run takes them up between rounds.
"""

from aarlab.graph.calls.inbox_call import person_action
from aarlab.graph.flow.context import RunContext
from aarlab.memory.events import LAB, PEOPLE, TEAM, Finding, PersonAction, Published
from aarlab.memory.instruction_rows import instructions

_TITLE_LENGTH = 80


class RunPaused(Exception):
    """A person has paused the run. It continues when it is resumed."""


def take_up_instructions(run: RunContext, round: int) -> None:
    """Take up the instructions that came since the last round, before the next one begins.

    Those on the tape are taken up where they were recorded. New ones are taken up only where the tape ends, so that a
    resumed run does not change its recorded rounds.

    Raises:
        RunPaused: A new instruction pauses the run.
    """
    file = run.file
    while (entry := file.tape.entry(PEOPLE, file.next_ordinal(PEOPLE))) is not None and entry.round == round:
        if not isinstance(entry.event, PersonAction):
            break  # a damaged file; the next event of the stream is a divergence
        _carry_out(run, entry.event, round)
    if file.is_replay or file.tape.entry(TEAM, file.next_ordinal(TEAM)) is not None:
        return
    taken = {entry.event.given for entry in file.entries(PersonAction, stream=PEOPLE)}
    for instruction in [one for one in instructions(file) if one.question is None and one.id not in taken]:
        _carry_out(run, person_action(instruction), round)
        if instruction.action == "pause":
            raise RunPaused(f"paused by {instruction.who}: {instruction.why}")


def _carry_out(run: RunContext, action: PersonAction, round: int) -> None:
    run.record(action, round=round, stream=PEOPLE)
    if action.action == "post":
        number = sum(entry.event.action == "post" for entry in run.file.entries(PersonAction, stream=PEOPLE))
        finding = _post(f"{LAB}.p{number}", action)
        run.record(finding, round=round, stream=LAB)
        run.record(Published(finding.id), round=round, stream=LAB)


def _post(id: str, action: PersonAction) -> Finding:
    """Return the post of a person, which the lab publishes: it has no method and no score."""
    title = " ".join(action.text.split())
    title = title if len(title) <= _TITLE_LENGTH else f"{title[: _TITLE_LENGTH - 3]}..."
    body = f"{action.text}\n\nPosted by {action.who}."
    return Finding(
        id=id, author=LAB, type="insight", title=title, body=body, family="other",
        experiment=None, code=None, fidelity=None, pgr=None, se=None,
    )  # fmt: skip
