"""The questions of runs that wait for a person, and answers to them, in Python."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aarlab.config.run_lookup import DEFAULT_FOLDER, runs_in
from aarlab.config.user_name import user_name
from aarlab.memory.events import Action, QuestionAsked
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import OpenQuestion, give_instruction, open_questions
from aarlab.memory.messages import Json
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class WaitingQuestion:
    """A question of a run that waits for a person."""

    run: Path
    """The run file."""
    open_question: OpenQuestion

    @property
    def question(self) -> QuestionAsked:
        """The question: its `id`, what it is `about`, its `text`, the possible `actions`, its `findings` or `call`."""
        return self.open_question.question

    @property
    def asked_at(self) -> str:
        """Wall-clock time of the question, ISO 8601, UTC."""
        return self.open_question.asked_at

    @property
    def given(self) -> Instruction | None:
        """The answer that the run has not taken up yet; None: nobody has answered."""
        return self.open_question.answer

    def answer(
        self,
        action: Action,
        why: str,
        *,
        who: str | None = None,
        findings: Sequence[str] = (),
        arguments: Mapping[str, Json] | None = None,
    ) -> None:
        """Write an answer into the run file. The run takes it up at once if it waits, else when it is resumed.

        Args:
            action: One of `question.actions`, such as `approve`.
            why: The reason, which is recorded.
            who: Name of the person; None: the user's name.
            findings: Findings to release, for `modify` of a release.
            arguments: All arguments of the tool call, for `modify` of a call.

        Raises:
            ValueError: The reason is empty.
            InstructionRefused: The question has an answer already, or this is no answer to it. Nothing was written.
            sqlite3.OperationalError: The file cannot be written.
        """
        if not why.strip():
            raise ValueError("an answer needs a reason: why is empty")
        text = "" if arguments is None else json.dumps(dict(arguments))
        answer = Instruction(action, who or user_name(), why, self.question.id, tuple(findings), text=text)
        give_instruction(self.run, answer)


def inbox(
    folder: str | Path = ".", *, progress: Callable[[str, float], None] = lambda text, share: None
) -> list[WaitingQuestion]:
    """Return the questions of all runs that wait for a person, those without an answer first, each group oldest first.

    Args:
        folder: Folder with run files, or with the folders runs/ and ablations/.
        progress: Called with the work and its completed share, from 0 to 1.

    Raises:
        NotADirectoryError: There is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is no folder; give one with runs")
    paths = list(dict.fromkeys(run.path for place in _places(root) for run in runs_in(place)))
    found: list[WaitingQuestion] = []
    for number, path in enumerate(paths):
        progress("reading runs", number / len(paths))
        try:
            with RunReader.open(path) as file:
                found += (WaitingQuestion(path, question) for question in open_questions(file))
        except (SchemaError, OSError):
            continue  # `aarlab list` shows it as damaged
    return sorted(found, key=lambda one: (one.given is not None, one.asked_at, one.question.id))


def _places(root: Path) -> Iterator[Path]:
    """Yield the folders with runs: the folder itself, its runs/, and what ablations have not finished."""
    for place in (root, root / DEFAULT_FOLDER, root / "unfinished", *sorted(root.glob("ablations/*/unfinished"))):
        if place.is_dir():
            yield place
