"""The legs of a run: one for a run that was never forked, else one for each way in which it was configured."""

from dataclasses import dataclass

from aarlab.graph.scenario import Scenario
from aarlab.memory.events import RoundStarted
from aarlab.memory.messages import Json
from aarlab.memory.run_reader import RunReader


class NoSuchRound(ValueError):
    """A run cannot be forked at a round that it has not begun."""


class InvalidFork(ValueError):
    """What is asked for is not the same team on the same task, arranged otherwise."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a run under one configuration."""

    scenario: Scenario
    last_round: int | None
    """Its last round; None: it goes on to the close."""
    run_id: str = ""
    """Of a past leg: the run that it was taken from."""
    digest: str = ""
    """Of a past leg: that run's digest when it was taken."""

    def to_json(self) -> Json:
        """Return it as the run file keeps it among its past."""
        scenario = self.scenario.model_dump(mode="json")
        return {"run_id": self.run_id, "digest": self.digest, "until_round": self.last_round, "scenario": scenario}


def segments_of(file: RunReader, *, models_needed: bool = True) -> list[Segment]:
    """Return the legs of a recorded run, oldest first.

    Args:
        file: The run file.
        asked: Whether base models are going to be asked in the last leg; else they need not be there.

    Raises:
        ValueError: Its configuration means nothing here (pydantic's ValidationError).
    """
    info, from_record = file.info(), Scenario.from_record
    fork_history = [
        Segment(from_record(segment["scenario"]), segment["until_round"], segment["run_id"], segment["digest"])
        for segment in info.fork_history
    ]
    return [
        *fork_history,
        Segment(Scenario.model_validate(info.scenario) if models_needed else from_record(info.scenario), None),
    ]


def segments_before(file: RunReader, round: int) -> list[Segment]:
    """Return the legs of a recorded run up to the beginning of a round.

    Raises:
        NoSuchRound: The run has not begun that round.
    """
    begun = max((entry.round for entry in file.entries(RoundStarted)), default=0)
    if not 1 <= round <= begun:
        raise NoSuchRound(f"the run has begun rounds 1 to {begun}" if begun else "the run has not begun a round")
    segments = segments_of(file, models_needed=False)
    complete_segments = [
        segment for segment in segments if segment.last_round is not None and segment.last_round < round - 1
    ]
    split_segment = segments[len(complete_segments)]
    info = file.info()
    run_id, digest = (
        (split_segment.run_id, split_segment.digest) if split_segment.run_id else (info.run_id, file.digest())
    )
    return [*complete_segments, Segment(split_segment.scenario, round - 1, run_id, digest)]


def check_fork(before: Scenario, after: Scenario) -> None:
    """Raise NotAFork, naming the fields, unless a run may go on under another scenario in its midst."""
    fixed = {
        "task": tuple(scenario.task.model_copy(update={"path": None}) for scenario in (before, after)),
        "team.researchers": (before.team.researchers, after.team.researchers),
        "budget.round_hours": (before.budget.round_hours, after.budget.round_hours),
    }
    if changed := [name for name, (then, now) in fixed.items() if then != now]:
        raise InvalidFork(f"{' and '.join(changed)} cannot change in the midst of a run")
