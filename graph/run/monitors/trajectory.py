"""What monitors see of a run: events by researcher, and the code of methods."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from aarlab.memory.events import LAB, Borrowed, Edge, Evaluation, Experiment, Finding, LogEntry, ToolExecution
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.task_registry import score_name_of


class Trajectory:
    """The recorded acts of the researchers of a run."""

    def __init__(self, file: RunReader) -> None:
        """Wrap an open run file."""
        self.file = file

    @cached_property
    def score_name(self) -> str:
        """Name of the task's score."""
        return score_name_of(self.file.info().scenario["task"])

    @cached_property
    def findings(self) -> Sequence[LogEntry[Finding]]:
        """All findings by round, then research hour, so that the order does not depend on which was computed first."""
        entries = self.file.entries(Finding)
        return sorted(entries, key=lambda entry: (entry.round, entry.hours, entry.stream, entry.ordinal))

    @cached_property
    def experiments(self) -> Mapping[str, Sequence[Experiment]]:
        """Experiments by researcher, in its order."""
        found: dict[str, list[Experiment]] = defaultdict(list)
        for entry in self.file.entries(Experiment):
            found[entry.stream].append(entry.event)
        return found

    @cached_property
    def evaluations(self) -> Sequence[tuple[str, Evaluation]]:
        """All evaluations with the author of the method, in order of arrival."""
        authors = {entry.event.id: entry.event.author for entry in self.findings}
        return [
            (entry.stream if entry.stream in self.experiments else authors.get(entry.event.subject, LAB), entry.event)
            for entry in self.file.entries(Evaluation)
        ]

    @cached_property
    def parents(self) -> Mapping[str, set[str]]:
        """The findings that each finding builds on, except for replications, which the board finds itself."""
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self.file.entries(Edge):
            if entry.event.relation in ("borrows", "refines"):
                found[entry.event.source].add(entry.event.target)
        return found

    @cached_property
    def borrowed(self) -> Mapping[str, set[str]]:
        """The findings whose methods each researcher copied into its workspace."""
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self.file.entries(Borrowed):
            found[entry.stream].add(entry.event.finding)
        return found

    @cached_property
    def read(self) -> Mapping[str, set[str]]:
        """The findings that each researcher read in full."""
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self.file.entries(ToolExecution):
            if entry.event.tool == "read_findings" and entry.event.ok:
                found[entry.stream].update(entry.event.summary.split(", "))
        return found

    def code(self, key: str) -> str:
        """Return the code with this hash."""
        return self.file.text(key)
