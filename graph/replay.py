"""A run happens again from its tape alone, to see that it is the run that the code makes."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

from aarlab.graph.legs import Leg, legs_of
from aarlab.graph.run import Means, evaluator_of, happen
from aarlab.memory.events import Entry, ModelCall, SchemaError
from aarlab.memory.runfile import RunFile
from aarlab.memory.tape import Divergence, EndOfTape
from aarlab.scenarios import registry
from aarlab.scenarios.task import Progress
from aarlab.tools.sandbox import Mode, Sandbox
from aarlab.tools.taped import ComparingEvaluator, Difference, TapedEvaluator

Tools = Literal["tape", "live"]
"""Whether scores are taken from the tape, or measured again and compared with it."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    events: int
    """Events that happened again as they are on tape: all of them."""
    calls: int
    """How many of them were answers of base models."""
    whole: bool
    """Whether the run had come to its end; else it was replayed up to where it was broken off."""
    digest: str
    cpu_s: float
    """Seconds of processor time that it took."""
    measured: int
    """Scores that were measured again."""
    differences: tuple[Difference, ...]
    """Those that came out otherwise."""


def replay_run(path: Path, tools: Tools = "tape", **means: Unpack[Means]) -> Replayed:
    """Let a run happen again without changing its file. Base models are not asked, and need not be there.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or was written by a newer aarlab.
        Divergence: What happens now is not what is on tape.
        SandboxUnavailable: Scores are to be measured again, and this machine cannot run the sandbox.
    """
    began = time.process_time()
    with ExitStack() as stack:
        file = stack.enter_context(RunFile.replay(path))
        assert file.tape is not None
        answers = _Answers()
        for listener in (answers.see, *means.get("listeners", ())):
            file.on_event(listener)
        legs = legs_of(file, asked=False)
        if (progress := means.get("progress")) is not None:
            file.on_event(_Rounds(legs[-1].scenario.rounds, progress).see)
        evaluators = (
            _comparing(legs, file, means, stack) if tools == "live" else [TapedEvaluator(file, None)] * len(legs)
        )
        over = file.info().summary is not None
        try:
            asyncio.run(happen(legs, file, evaluators, {}))
        except EndOfTape:
            if over:
                raise
        except sqlite3.DatabaseError as error:
            # Nothing is written, so it is the file that cannot be read.
            raise SchemaError(f"{path} is damaged ({error})") from None
        if (left := file.left_on_tape()) is not None:
            raise Divergence(left, left.stream, left.ordinal, left.round, "nothing")
        compared = [each for each in evaluators if isinstance(each, ComparingEvaluator)]
        return Replayed(
            events=file.tape.events,
            calls=answers.count,
            whole=over,
            digest=file.digest(),
            cpu_s=time.process_time() - began,
            measured=sum(each.measured for each in compared),
            differences=tuple(difference for each in compared for difference in each.differences),
        )


def _comparing(legs: Sequence[Leg], file: RunFile, means: Means, stack: ExitStack) -> list[TapedEvaluator]:
    """Return evaluators that measure everything again."""
    scenario = legs[-1].scenario
    task = registry.task(scenario.task.name, scenario.task.knobs)
    task.prepare(means.get("progress"))
    recorded: Mode = file.info().sandbox or "strict"
    box = stack.enter_context(Sandbox(means.get("sandbox", recorded)))
    fresh: Means = {**means, "cache": False}
    return [ComparingEvaluator(file, stack.enter_context(evaluator_of(leg.scenario, task, box, fresh))) for leg in legs]


class _Rounds:
    """Tells how far a replay is, by its rounds."""

    def __init__(self, rounds: int, progress: Progress) -> None:
        self._rounds, self._progress, self._round = rounds, progress, -1

    def see(self, entry: Entry) -> None:
        """Take in an event."""
        if entry.round != self._round:
            self._round = entry.round
            self._progress("replaying", min(1.0, max(0, entry.round - 1) / self._rounds))


class _Answers:
    """Counts the answers of base models."""

    def __init__(self) -> None:
        self.count = 0

    def see(self, entry: Entry) -> None:
        """Take in an event."""
        self.count += isinstance(entry.event, ModelCall)
