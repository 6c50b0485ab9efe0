"""A run happens again from its tape alone, to see that it is the run that the code makes."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

from aarlab.graph.run.execute import RunOptions, execute_segments, make_evaluator
from aarlab.graph.run.segments import Segment, segments_of
from aarlab.memory.events import LogEntry, ModelCall
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_tape import Divergence, EndOfTape
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.tape_evaluator import RemeasuringEvaluator, ScoreDifference, TapeEvaluator
from aarlab.tools.sandbox import Sandbox, SandboxMode

Tools = Literal["tape", "live"]
"""Whether scores are taken from the tape, or measured again and compared with it."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    events: int
    """Events that happened again as they are on tape: all of them."""
    calls: int
    """How many of them were answers of base models."""
    finished: bool
    """Whether the run had come to its end; else it was replayed up to where it was broken off."""
    digest: str
    cpu_s: float
    """Seconds of processor time that it took."""
    n_remeasured: int
    """Scores that were measured again."""
    differences: tuple[ScoreDifference, ...]
    """Those that came out otherwise."""


def replay_run(path: Path, tools: Tools = "tape", **options: Unpack[RunOptions]) -> Replayed:
    """Let a run happen again without changing its file. Base models are not asked, and need not be there.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or was written by another version of aarlab.
        Divergence: What happens now is not what is on tape.
        SandboxUnavailable: Scores are to be measured again, and this machine cannot run the sandbox.
    """
    began = time.process_time()
    with ExitStack() as stack:
        file = stack.enter_context(ReplayingLog.replay(path))
        answers = _ReplyCounter()
        for listener in (answers.observe, *options.get("listeners", ())):
            file.on_event(listener)
        segments = segments_of(file, models_needed=False)
        if (progress := options.get("progress")) is not None:
            file.on_event(_Rounds(segments[-1].scenario.rounds, progress).observe)
        evaluators = (
            _comparing_evaluators(segments, file, options, stack)
            if tools == "live"
            else [TapeEvaluator(file, None)] * len(segments)
        )
        finished = file.info().summary is not None
        try:
            asyncio.run(execute_segments(segments, file, evaluators, {}))
        except EndOfTape:
            if finished:
                raise
        except sqlite3.DatabaseError as error:
            # Nothing is written, so it is the file that cannot be read.
            raise SchemaError(f"{path} is damaged ({error})") from None
        if (left := file.next_unreplayed()) is not None:
            raise Divergence(left, left.stream, left.ordinal, left.round, "nothing")
        compared = [each for each in evaluators if isinstance(each, RemeasuringEvaluator)]
        return Replayed(
            events=file.tape.events,
            calls=answers.count,
            finished=finished,
            digest=file.digest(),
            cpu_s=time.process_time() - began,
            n_remeasured=sum(each.n_remeasured for each in compared),
            differences=tuple(difference for each in compared for difference in each.differences),
        )


def _comparing_evaluators(
    segments: Sequence[Segment], file: ReplayingLog, options: RunOptions, stack: ExitStack
) -> list[TapeEvaluator]:
    """Return evaluators that measure everything again."""
    scenario = segments[-1].scenario
    task = scenario.task.make()
    task.prepare(options.get("progress"))
    recorded: SandboxMode = file.info().sandbox or "strict"
    box = stack.enter_context(Sandbox(options.get("sandbox", recorded)))
    fresh: RunOptions = {**options, "cache": False}
    return [
        RemeasuringEvaluator(file, stack.enter_context(make_evaluator(segment.scenario, task, box, fresh)))
        for segment in segments
    ]


class _Rounds:
    """Tells how far a replay is, by its rounds."""

    def __init__(self, rounds: int, progress: Progress) -> None:
        self._rounds, self._progress, self._round = rounds, progress, -1

    def observe(self, entry: LogEntry) -> None:
        """Take in an event."""
        if entry.round != self._round:
            self._round = entry.round
            self._progress("replaying", min(1.0, max(0, entry.round - 1) / self._rounds))


class _ReplyCounter:
    """Counts the answers of base models."""

    def __init__(self) -> None:
        self.count = 0

    def observe(self, entry: LogEntry) -> None:
        """Take in an event."""
        self.count += isinstance(entry.event, ModelCall)
