"""Questions of runs to people, and the commands that answer them, as text and JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from aarlab.cli.command_hints import CommandHint, short_path
from aarlab.cli.formatting import counted, printable
from aarlab.memory.instructions import OpenQuestion, waited_s


def question_lines(path: Path, waiting: OpenQuestion) -> Iterator[RenderableType]:
    """Yield a question on one line, and what the person can do: read, answer, or continue the run."""
    question, run = waiting.question, short_path(path)
    yield Text.assemble((printable(question.id), "cyan"), f"  asked {_age(waiting.asked_at)} ago")
    yield Text(f"  {printable(question.text)}")
    if waiting.answer is not None:
        answer = waiting.answer
        yield Text(printable(f"  answered: {answer.action} by {answer.who} ({answer.why})"))
        yield CommandHint(("aarlab", "resume", run), "continue, if it is not running")
        return
    yield CommandHint(("aarlab", "show", run, "--agent", question.id.rpartition("-")[0]), "read")
    first, *others = question.actions
    command = ("aarlab", first, run, question.id, "--why", "TEXT")
    yield CommandHint(command, f"or {', '.join(others)}" if others else "answer")


def question_json(path: Path, waiting: OpenQuestion) -> dict[str, Any]:
    """Return a question as JSON."""
    answer = waiting.answer
    given = None if answer is None else {"action": answer.action, "who": answer.who, "why": answer.why, "at": answer.at}
    return {"run": str(path), **asdict(waiting.question), "asked_at": waiting.asked_at, "answer": given}


def _age(asked_at: str) -> str:
    minutes = round(waited_s(asked_at, datetime.now(UTC).isoformat()) / 60)
    if minutes < 120:
        return counted(minutes, "minute")
    return counted(minutes // 60, "hour") if minutes < 48 * 60 else counted(minutes // (24 * 60), "day")
