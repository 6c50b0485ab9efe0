"""Turnover: after some rounds researchers leave the team, and new ones without memory take their places.

March (1991) has turnover, too; `aarlab.reproduce.turnover` replaces each of his scripted agents with a probability.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from aarlab.memory.events import Experiment, FileWritten, ModelCall, ResearcherReplaced, RoundStarted
from aarlab.memory.seeds import rng

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents


class Turnover(BaseModel):
    """How often researchers leave, and how many."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    every_rounds: Annotated[int, Field(ge=1)]
    """Number of rounds between replacements."""
    members: Annotated[int, Field(ge=1)] = 1
    """Number of researchers that are replaced each time, drawn with the run's seed; never the senior."""

    def is_due(self, round: int) -> bool:
        """Return whether researchers are replaced before a round."""
        return round > 1 and (round - 1) % self.every_rounds == 0

    def leaving(self, members: Sequence[str], senior: str | None, seed: int, round: int) -> list[str]:
        """Return the members that leave before a round, in team order; not the senior. All others if they are fewer."""
        others = [name for name in members if name != senior]
        drawn = rng(seed, "turnover", round).permutation(len(others))[: self.members]
        return [others[i] for i in sorted(drawn)]

    @property
    def explanation(self) -> str:
        """The paragraph of the system prompt of all researchers."""
        rounds = "each round" if self.every_rounds == 1 else f"every {self.every_rounds} rounds"
        if self.members == 1:
            return f"After {rounds} one of the researchers leaves the team, and a new one takes its place."
        return f"After {rounds} {self.members} of the researchers leave the team, and new ones take their places."


def new_member_text(round: int) -> str:
    """Return the paragraph of the system prompt of a researcher that joined before a round."""
    return (
        f"You joined the team in round {round}, in the place and with the remaining research hours of a researcher "
        "that left. Your workspace and your notebook are empty."
    )


def turnover_violations(events: "RunEvents") -> Iterator[str]:
    """Yield missing and additional replacements, work of researchers that had left, and methods taken from them."""
    setting = events.scenario["team"].get("turnover")
    turnover = None if setting is None else Turnover.model_validate(setting)
    replaced = list(events.entries_of(ResearcherReplaced))
    begun = max((entry.round for entry in events.entries_of(RoundStarted)), default=0)
    for round in range(max(1, events.first_round), begun + 1):
        expected = turnover.members if turnover is not None and turnover.is_due(round) else 0
        if (count := sum(entry.round == round for entry in replaced)) != expected:
            yield f"{count} instead of {expected} researchers were replaced before round {round}"
    left = {entry.event.former: entry.round for entry in replaced}
    calls = events.entries_of(ModelCall) if left else ()
    for name, round in dict.fromkeys((entry.stream, entry.round) for entry in calls):
        if round >= left.get(name, round + 1):
            yield f"{name} worked in round {round}, but left before round {left[name]}"
    written: dict[str, set[str]] = {entry.stream: set() for entry in replaced}
    foreign: dict[str, list[Experiment]] = {entry.stream: [] for entry in replaced}
    for stream, file in events.of(FileWritten) if replaced else ():
        if stream in written:
            written[stream].add(file.text)
    for stream, experiment in events.of(Experiment) if replaced else ():
        if stream in written and experiment.code not in written[stream]:
            foreign[stream].append(experiment)
    for name, experiments in foreign.items():
        yield from (f"{name} ran a method in {e.id} that it has neither written nor borrowed" for e in experiments)
