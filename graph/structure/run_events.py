"""The events of a run by kind, for the checks of the dials."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeVar

from aarlab.memory.events import AgentSetup, Event, Finding, PlanItem
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import toolkit
from aarlab.scenarios.toolkit.method_analysis import operators_in

E = TypeVar("E", bound=Event)
_OPERATOR_FAMILIES = {entry["name"]: entry["family"] for entry in toolkit.catalogue()}


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
        first_round = max(other_rounds, default=-1) + 1
        self._events: dict[type[Event], list[tuple[str, Any]]] = defaultdict(list)
        for entry in file.entries():
            # System prompts and plans stay in force until they are replaced.
            if entry.round >= first_round or isinstance(entry.event, AgentSetup | PlanItem):
                self._events[type(entry.event)].append((entry.stream, entry.event))

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
        return self._events[kind]

    def findings_by(self, name: str) -> list[Finding]:
        """Return the findings of a researcher."""
        return [finding for author, finding in self.of(Finding) if author == name]

    def families(self, code: str) -> set[str]:
        """Return the families of the operators that a method uses, given the hash of its code."""
        return {_OPERATOR_FAMILIES[name] for name in operators_in(self._file.text(code))}
