"""The segments of a run: one per configuration. A run that was never forked has one segment."""

from dataclasses import dataclass

from aarlab.graph.scenario import Scenario
from aarlab.memory.events import RoundStarted
from aarlab.memory.messages import Json
from aarlab.memory.run_file_errors import PartialRun
from aarlab.memory.run_reader import RunReader


class NoSuchRound(ValueError):
    """The run has not begun the round of the fork."""


class InvalidFork(ValueError):
    """The scenario of a fork changes something that a fork cannot change."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rounds of a run under one configuration."""

    scenario: Scenario
    last_round: int | None
    """The last round of the segment; None: the segment ends with the close."""
    run_id: str = ""
    """Id of the run that a past segment was copied from."""
    digest: str = ""
    """Digest of that run at the time of the copy."""

    def to_json(self) -> Json:
        """Return the segment as an entry of `fork_history` in the run file."""
        scenario = self.scenario.model_dump(mode="json")
        return {"run_id": self.run_id, "digest": self.digest, "until_round": self.last_round, "scenario": scenario}


def segments_of(file: RunReader, *, models_needed: bool = True) -> list[Segment]:
    """Return the segments of a recorded run, oldest first.

    Args:
        file: The run file.
        models_needed: Whether the models and prices of the last segment must be available.

    Raises:
        PartialRun: The run has imported findings only.
        ValueError: The recorded configuration is not valid (pydantic's ValidationError).
    """
    info, from_record = file.info(), Scenario.from_record
    if info.status == "partial":
        raise PartialRun(
            "this is a partial run with imported findings. It has no prompts and replies, so it cannot be replayed, "
            "resumed or forked"
        )
    past = [
        Segment(from_record(segment["scenario"]), segment["until_round"], segment["run_id"], segment["digest"])
        for segment in info.fork_history
    ]
    last = Scenario.model_validate(info.scenario) if models_needed else from_record(info.scenario)
    return [*past, Segment(last, None)]


def segments_before(file: RunReader, round: int) -> list[Segment]:
    """Return the segments of a recorded run up to the beginning of a round.

    Raises:
        NoSuchRound: The run has not begun that round.
        AlteredRun: The run was altered after it was scored.
    """
    file.require_unaltered()
    begun = max((entry.round for entry in file.entries(RoundStarted)), default=0)
    if not 1 <= round <= begun:
        raise NoSuchRound(
            f"the run has begun rounds 1 to {begun}; choose one of them"
            if begun
            else "the run has not begun a round, so it cannot be forked"
        )
    segments = segments_of(file, models_needed=False)
    complete = [segment for segment in segments if segment.last_round is not None and segment.last_round < round - 1]
    split = segments[len(complete)]
    run_id, digest = (split.run_id, split.digest) if split.run_id else (file.info().run_id, file.digest())
    return [*complete, Segment(split.scenario, round - 1, run_id, digest)]


def check_fork(before: Scenario, after: Scenario) -> None:
    """Raise InvalidFork, with the fields, if a scenario changes task, opening, team size or round length."""
    fixed = {
        "task": tuple(scenario.task.model_copy(update={"path": None}) for scenario in (before, after)),
        "structure.opening": (before.structure.opening, after.structure.opening),
        "team.researchers": (before.team.researchers, after.team.researchers),
        "budget.round_hours": (before.budget.round_hours, after.budget.round_hours),
    }
    if changed := [name for name, (old, new) in fixed.items() if old != new]:
        raise InvalidFork(f"a fork cannot change {' and '.join(changed)}; start a new run instead")
