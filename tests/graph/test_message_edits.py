"""A fork at an edited message: the past up to it, then a run that replays and resumes like any other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from team_runs import FAST_STRUCTURES, Dials, Run

from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.memory.events import LogEntry, MessageEdited, ModelCall, Prompted
from aarlab.memory.message_edit import InvalidEdit, MessageEdit
from aarlab.memory.run_reader import RunReader

TEXT = "Only replications count from now on."


class Interrupted(Exception):
    """Raised to interrupt a run."""


def with_text(run: Run, kind: type[Prompted] | type[ModelCall], agent: str, round: int) -> list[int]:
    """Return the steps of an agent's messages that have a text."""
    entries = [entry for entry in run.entries_of(kind, stream=agent) if entry.round == round]
    keys = {e.ordinal: e.event.message if isinstance(e.event, Prompted) else e.event.reply for e in entries}
    return [step for step, key in keys.items() if run.file.message(key).text]


@pytest.mark.parametrize(
    ("kind", "dials"), [(Prompted, FAST_STRUCTURES[0]), (ModelCall, FAST_STRUCTURES[1])], ids=["message", "reply"]
)
def test_fork_at_an_edited_message_replays_and_resumes(
    run_of: Callable[[Dials], Run], tmp_path: Path, kind: type[Prompted] | type[ModelCall], dials: Dials
) -> None:
    parent, mode = run_of(dials), run_of(dials).summary["sandbox"]
    step = with_text(parent, kind, "r2", 2)[-1 if kind is ModelCall else 0]
    edit = MessageEdit.of(parent.file, "r2", step, TEXT)
    whole = fork_run(parent.file.path, tmp_path / "whole.db", parent.scenario, at=2, edit=edit, sandbox=mode)
    assert whole["digest"] != parent.summary["digest"]
    assert replay_run(tmp_path / "whole.db").digest == whole["digest"]
    with RunReader.open(tmp_path / "whole.db") as file:
        *same, edited, note = file.stream_range("r2", 0, step + 1)
        assert [entry.event for entry in same] == [e.event for e in parent.file.stream_range("r2", 0, step - 1)]
        message = file.message(edited.event.message if isinstance(edited.event, Prompted) else edited.event.reply)
        assert message.text == TEXT
        assert isinstance(note.event, MessageEdited)
        assert file.message(note.event.original).text != TEXT

    def stop_later(entry: LogEntry) -> None:
        if entry.stream == "r2" and entry.ordinal == step + 2:
            raise Interrupted

    options = {"at": 2, "edit": edit, "sandbox": mode, "listeners": [stop_later]}
    with pytest.raises((Interrupted, ExceptionGroup)):
        fork_run(parent.file.path, tmp_path / "part.db", parent.scenario, **options)
    assert resume_run(tmp_path / "part.db", sandbox=mode)["digest"] == whole["digest"]


def test_edit_of_another_event_is_refused(run_of: Callable[[Dials], Run]) -> None:
    parent = run_of(FAST_STRUCTURES[0])
    results = next(
        e for e in parent.entries_of(Prompted, stream="r1") if parent.file.message(e.event.message).tool_results
    )
    (first, *_) = with_text(parent, Prompted, "r1", 1)
    for stream, step, text, problem in (
        ("r9", 0, TEXT, "no step 0"), ("r1", 10_000, TEXT, "no step"), ("r1", 0, TEXT, "no message"),
        ("r1", results.ordinal, TEXT, "no text"), ("r1", first, " ", "empty"),
    ):  # fmt: skip
        with pytest.raises(InvalidEdit, match=problem):
            MessageEdit.of(parent.file, stream, step, text)
