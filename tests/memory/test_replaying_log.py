"""Replay, resume and fork: appended events are compared with the recorded ones."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aarlab.memory.events import Decision, NotebookEntry, RoundStarted
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence, EndOfTape
from aarlab.memory.run_writer import RunWriter

DECISION = Decision("next_step", "run_experiment", "agent")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Return a run file with three events in two streams and two rounds."""
    path = tmp_path / "run.db"
    with RunWriter.create(path, run_id="run", version="0.1.0", seed=7, scenario={}) as file:
        file.append("r1", DECISION, round=1, hours=0.5)
        file.append("team", RoundStarted(4.0), round=2, hours=0.0)
        file.append("r1", NotebookEntry(file.store_text("note")), round=2, hours=1.0)
    return path


def test_replay_shows_only_events_replayed_so_far(path: Path) -> None:
    with ReplayingLog.replay(path) as log:
        assert list(log.entries()) == []
        log.append("team", RoundStarted(4.0), round=2, hours=0.0)
        log.append("r1", DECISION, round=1, hours=0.5)
        assert [(entry.id, entry.stream) for entry in log.entries()] == [(1, "team"), (2, "r1")]
        assert log.streams() == ["team", "r1"]
        last = log.next_unreplayed()
        assert last is not None
        assert (last.stream, last.ordinal) == ("r1", 1)


def test_replay_raises_divergence_at_a_different_event(path: Path) -> None:
    with ReplayingLog.replay(path) as log:
        log.append("r1", DECISION, round=1, hours=0.5)
        text = log.store_text("another note")
        with pytest.raises(Divergence, match="r1, round 2, event 1: recorded notebook, now notebook") as caught:
            log.append("r1", NotebookEntry(text), round=2, hours=1.0)
    assert sorted(caught.value.contents.values()) == ["another note", "note"]


def test_replay_ends_after_the_last_recorded_event(path: Path) -> None:
    before = path.read_bytes()
    with closing(ReplayingLog.replay(path)) as log:
        with pytest.raises(EndOfTape):
            log.append("r2", DECISION, round=1, hours=0.5)
        with pytest.raises(Divergence, match="a call of the researcher's base model"):
            log.recorded_call("r1", 1, "researcher")
    assert path.read_bytes() == before


def test_resume_continues_after_the_recorded_events(path: Path) -> None:
    with ReplayingLog.resume(path) as log:
        log.append("r1", DECISION, round=1, hours=0.5)
        log.append("r2", DECISION, round=1, hours=0.5)
        assert not log.is_replay
    with RunReader.open(path) as file:
        assert [entry.stream for entry in file.entries()] == ["r1", "team", "r1", "r2"]


def test_fork_has_events_and_contents_before_its_round(path: Path, tmp_path: Path) -> None:
    fork = tmp_path / "fork.db"
    run = {
        "run_id": "fork",
        "version": "0.1.0",
        "seed": 7,
        "scenario": {},
        "fork_history": [{"run_id": "run", "scenario": {}}],
    }
    with ReplayingLog.fork(fork, path, 2, **run) as log:
        assert list(log.entries()) == []
        log.append("r1", DECISION, round=1, hours=0.5)
        log.append("r1", DECISION, round=2, hours=0.5)
    with RunReader.open(fork) as file:
        assert [(entry.stream, entry.event) for entry in file.entries()] == [("r1", DECISION)] * 2
        assert file.info().fork_history == ({"run_id": "run", "scenario": {}},)
