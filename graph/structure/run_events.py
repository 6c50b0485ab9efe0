"""The events of a run by kind, for the checks of the dials."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeVar

from aarlab.memory.events import LAB, AgentSetup, Event, Finding, LogEntry, PlanItem, Prompted
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import baselines
from aarlab.scenarios.task_registry import is_single_world
from aarlab.scenarios.toolkit.method_analysis import operators_in
from aarlab.scenarios.toolkit.operators import operator_families

E = TypeVar("E", bound=Event)
_OPERATOR_FAMILIES = operator_families()


class RunEvents:
    """The events of a run by kind. If the run was forked under another structure, only the events since that fork."""

    def __init__(self, file: RunReader, structure: Mapping[str, Any]) -> None:
        """Read all events of a run file.

        Args:
            file: The run file.
            structure: The structure settings of the run, by field of `Structure`.
        """
        info = file.info()
        self._file, self.structure, self.scenario = file, structure, info.scenario
        other_rounds = [
            segment["until_round"]
            for segment in info.fork_history
            if segment["scenario"]["structure"] != info.scenario["structure"]
        ]
        self.first_round = max(other_rounds, default=-1) + 1
        """First round under the structure."""
        self._entries: dict[type[Event], list[LogEntry[Any]]] = defaultdict(list)
        for entry in file.entries():
            # The opening stays; system prompts and plans stay in force until they are replaced.
            kept = entry.stream == LAB or isinstance(entry.event, AgentSetup | PlanItem)
            if entry.round >= self.first_round or kept:
                self._entries[type(entry.event)].append(entry)

    @property
    def assigns_ideas(self) -> bool:
        """Whether the structure assigns ideas to researchers."""
        return bool(self.structure["directions"] == "pool" or self.structure["selection"] == "evolutionary")

    @property
    def setups(self) -> dict[str, AgentSetup]:
        """The last setup of each researcher, by name."""
        return dict(self.of(AgentSetup))

    def of(self, kind: type[E]) -> list[tuple[str, E]]:
        """Return (stream, event) of one kind, in order of arrival."""
        return [(entry.stream, entry.event) for entry in self._entries[kind]]

    def entries_of(self, kind: type[E]) -> list[LogEntry[E]]:
        """Return the log entries of one kind, in order of arrival."""
        return self._entries[kind]

    def opening_methods(self) -> dict[str, str]:
        """Return the code of the methods that the structure's opening posts, by name."""
        single = is_single_world(self.scenario["task"])
        methods = baselines.opening_methods(self.structure["opening"], single_world=single)
        return {name: method.code for name, method in methods.items()}

    def first_messages(self) -> dict[str, str]:
        """Return the text of the first message of round 1 of each researcher, by name."""
        texts: dict[str, str] = {}
        for entry in self._file.entries(Prompted, round=1):
            if entry.event.role == "researcher" and entry.stream not in texts:
                texts[entry.stream] = self._file.message(entry.event.message).text
        return texts

    def findings_by(self, name: str) -> list[Finding]:
        """Return the findings of a researcher."""
        return [finding for author, finding in self.of(Finding) if author == name]

    def families(self, code: str) -> list[str]:
        """Return the family of each operator that a method uses, given the hash of its code."""
        return [_OPERATOR_FAMILIES[name] for name in operators_in(self._file.text(code))]

    @property
    def operator_families(self) -> list[str]:
        """The family of each operator of the toolkit."""
        return list(_OPERATOR_FAMILIES.values())
