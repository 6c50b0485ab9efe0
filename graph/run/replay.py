"""Replay: the graph re-executes a run from its recording, to verify that the code reproduces the run."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

from aarlab.graph.run.execute import RunOptions, execute_segments, make_evaluator, require_secrets
from aarlab.graph.run.segments import Segment, segments_of
from aarlab.memory.events import LogEntry, ModelCall
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_tape import Divergence, EndOfTape
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.tape_evaluator import RemeasuringEvaluator, ScoreDifference, TapeEvaluator
from aarlab.tools.sandbox import shared_sandbox

Tools = Literal["tape", "live"]
"""Whether scores are read from the tape, or measured again and compared with it."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Result of a replay without divergence."""

    events: int
    """Number of replayed events: all events of the run file."""
    calls: int
    """Number of replayed base model replies."""
    finished: bool
    """Whether the run is finished; an interrupted run is replayed up to the interruption."""
    digest: str
    cpu_s: float
    """Processor time of the replay, in seconds."""
    n_remeasured: int
    """Number of scores that were measured again."""
    differences: tuple[ScoreDifference, ...]
    """Scores that differ from the recorded ones."""


def replay_run(path: Path, tools: Tools = "tape", **options: Unpack[RunOptions]) -> ReplayResult:
    """Replay a run without changing its file and without calling base models, which need not be available.

    Args:
        path: The run file.
        tools: Whether to read scores from the tape or to measure them again (`live`).
        **options: Options of the execution; `shared_budget` is not used.

    Raises:
        FileNotFoundError: The file does not exist.
        SchemaError: The file is not a run file, was written by another version of aarlab, or is damaged.
        Divergence: The re-execution differs from the tape.
        SandboxUnavailable: `tools` is live and this machine does not support the sandbox mode.
        LaboratorySecretError: `tools` is live and the run needs the secret of the laboratory in which it was started.
    """
    started = time.process_time()
    with ExitStack() as stack:
        file = stack.enter_context(ReplayingLog.replay(path))
        replies = _ReplyCounter()
        for listener in (replies.observe, *options.get("listeners", ())):
            file.on_event(listener)
        segments = segments_of(file, models_needed=False)
        if (progress := options.get("progress")) is not None:
            file.on_event(_ReplayProgress(segments[-1].scenario.rounds, progress).observe)
        evaluators = (
            _remeasuring_evaluators(segments, file, options, stack)
            if tools == "live"
            else [TapeEvaluator(file, None)] * len(segments)
        )
        finished = file.info().summary is not None
        try:
            asyncio.run(execute_segments(segments, file, evaluators, {"scheduler": options.get("scheduler", "auto")}))
        except EndOfTape:
            if finished:
                raise
        except sqlite3.DatabaseError as error:
            # A replay only reads, so the error means that the file cannot be read.
            raise SchemaError(f"{path} is damaged ({error})") from None
        if (entry := file.next_unreplayed()) is not None:
            raise Divergence(entry, entry.stream, entry.ordinal, entry.round, "nothing")
        remeasuring = [evaluator for evaluator in evaluators if isinstance(evaluator, RemeasuringEvaluator)]
        return ReplayResult(
            events=file.tape.events,
            calls=replies.count,
            finished=finished,
            digest=file.digest(),
            cpu_s=time.process_time() - started,
            n_remeasured=sum(evaluator.n_remeasured for evaluator in remeasuring),
            differences=tuple(difference for evaluator in remeasuring for difference in evaluator.differences),
        )


def _remeasuring_evaluators(
    segments: Sequence[Segment], file: ReplayingLog, options: RunOptions, stack: ExitStack
) -> list[TapeEvaluator]:
    """Return evaluators that measure every score again."""
    require_secrets(segments, options)
    scenario = segments[-1].scenario
    task = scenario.task.make()
    task.prepare(options.get("progress"))
    sandbox = shared_sandbox(options.get("sandbox", "strict"))
    uncached: RunOptions = {**options, "cache": False}
    return [
        RemeasuringEvaluator(file, stack.enter_context(make_evaluator(segment.scenario, task, sandbox, uncached)))
        for segment in segments
    ]


class _ReplayProgress:
    """Reports the progress of a replay by its rounds."""

    def __init__(self, rounds: int, progress: Progress) -> None:
        self._rounds, self._progress, self._round = rounds, progress, -1

    def observe(self, entry: LogEntry) -> None:
        """Process an event."""
        if entry.round != self._round:
            self._round = entry.round
            self._progress("replaying", min(1.0, max(0, entry.round - 1) / self._rounds))


class _ReplyCounter:
    """Counts base model replies."""

    def __init__(self) -> None:
        self.count = 0

    def observe(self, entry: LogEntry) -> None:
        """Process an event."""
        self.count += isinstance(entry.event, ModelCall)
