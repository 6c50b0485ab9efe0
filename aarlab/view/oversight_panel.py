"""Questions of a run that wait for a person, and what the user of the viewer answers or tells the run."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from aarlab.config.user_name import user_name
from aarlab.memory.events import Action
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import give_instruction, open_questions
from aarlab.memory.run_reader import RunReader

Row = dict[str, Any]
_MAX_TEXT = 20_000
_WITH_TEXT = ("post", "message")


class NotGiven(ValueError):
    """The instruction is not complete. The message is for the user."""


def oversight_data(file: RunReader) -> Row:
    """Return what a person can do: `open` (whether the run takes instructions), its researchers, and its questions."""
    info = file.info()
    takes = info.summary is None and info.status != "partial"
    questions = [
        {**asdict(one.question), "asked_at": one.asked_at, "answer": one.answer and asdict(one.answer)}
        for one in open_questions(file)
    ]
    return {"open": takes, "researchers": file.researchers() if takes else [], "questions": questions}


def instruct(path: Path, request: Mapping[str, Any]) -> Row:
    """Write an instruction into a run file, as the commands `approve`, `modify`, `post` and the others do.

    Args:
        path: The run file.
        request: `action` and `why`; `question`, `findings`, `agent` and `text` as the action needs them.

    Raises:
        NotGiven: Something is missing.
        InstructionRefused: The run does not take this instruction.
        SchemaError, sqlite3.OperationalError, OSError: The file cannot be read or written.
    """
    action = next((one for one in get_args(Action) if one == request.get("action")), None)
    if action is None:
        raise NotGiven(f"There is no action {request.get('action')!r}.")
    why, text = _text(request, "why"), _text(request, "text")
    if not why.strip():
        raise NotGiven("Give a reason. It is recorded with your name.")
    if action in _WITH_TEXT and not text.strip():
        raise NotGiven("Write a text.")
    question, agent = _text(request, "question") or None, _text(request, "agent") or None
    if action in ("approve", "modify", "reject", "advise") and question is None:
        raise NotGiven("Choose a question.")
    if action == "message" and agent is None:
        raise NotGiven("Choose a researcher.")
    findings = tuple(str(name) for name in request.get("findings") or ())
    if action == "modify" and not findings and not text:
        raise NotGiven("Choose the findings to release, or write the arguments of the call; for neither, reject.")
    who = user_name()
    give_instruction(path, Instruction(action, who, why, question, findings, agent, text))
    taken_up = "at once if the run waits, else when it is resumed" if question else "after the current round"
    return {"said": f"Recorded: {action} by {who}. It is taken up {taken_up}."}


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name) or ""
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise NotGiven(f"{name.capitalize()} is not a text, or too long.")
    return value
