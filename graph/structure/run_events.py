"""The events of a run by kind, for the checks of the dials."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from aarlab.memory.events import (
    LAB,
    AgentSetup,
    Event,
    Finding,
    LogEntry,
    PlanItem,
    Prompted,
    ResearcherReplaced,
    TaskAssigned,
)
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import baselines
from aarlab.scenarios.task_registry import fine_tunes, is_single_world
from aarlab.scenarios.toolkit.method_analysis import operators_in
from aarlab.scenarios.toolkit.operators import operator_families

E = TypeVar("E", bound=Event)
_OPERATOR_FAMILIES = operator_families()
_LISTING = re.compile(r"^### New on the board\n\n```json\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def _structure_of(scenario: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the settings of a scenario that are checked: the structure, and the turnover of the team."""
    return scenario["structure"], scenario["team"].get("turnover")


class RunEvents:
    """The events of a run by kind. If the run was forked under another structure, only the events since that fork.

    They are read from the file each time, because a large run has millions.
    """

    def __init__(self, file: RunReader, structure: Mapping[str, Any]) -> None:
        """Read the events of a run file.

        Args:
            file: The run file.
            structure: The structure settings of the run, by field of `Structure`.
        """
        info = file.info()
        self._file, self.structure, self.scenario = file, structure, info.scenario
        other_rounds = [
            segment["until_round"]
            for segment in info.fork_history
            if _structure_of(segment["scenario"]) != _structure_of(info.scenario)
        ]
        self.first_round = max(other_rounds, default=-1) + 1
        """First round under the structure."""
        self.places = file.places()
        """Place of each researcher by name: the name of the researcher that had it first."""

    @property
    def assigns_ideas(self) -> bool:
        """Whether the structure assigns ideas to researchers."""
        return bool(self.structure["directions"] == "pool" or self.structure["selection"] == "evolutionary")

    @cached_property
    def setups(self) -> dict[str, AgentSetup]:
        """The last setup of each researcher that worked under the structure, by name."""
        left = {entry.event.former: entry.round for entry in self._file.entries(ResearcherReplaced)}
        return {name: setup for name, setup in self.of(AgentSetup) if left.get(name, math.inf) >= self.first_round}

    def of(self, kind: type[E]) -> Iterator[tuple[str, E]]:
        """Yield (stream, event) of one kind, in order of arrival."""
        for entry in self.entries_of(kind):
            yield entry.stream, entry.event

    def entries_of(self, kind: type[E]) -> Iterator[LogEntry[E]]:
        """Yield the log entries of one kind, in order of arrival."""
        # The opening stays; system prompts and plans stay in force until they are replaced.
        stays = kind in (AgentSetup, PlanItem)
        for entry in self._file.entries(kind):
            if entry.round >= self.first_round or stays or entry.stream == LAB:
                yield entry

    def opening_methods(self) -> dict[str, str]:
        """Return the code of the methods that the structure's opening posts, by name."""
        task = self.scenario["task"]
        methods = baselines.opening_methods(
            self.structure["opening"], single_world=is_single_world(task), fine_tunes=fine_tunes(task)
        )
        return {name: method.code for name, method in methods.items()}

    def first_messages(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each researcher and the text of its first message of round 1."""
        seen: set[str] = set()
        for entry in self._file.entries(Prompted, round=1):
            if entry.event.role == "researcher" and entry.stream not in seen:
                seen.add(entry.stream)
                yield entry.stream, self._file.message(entry.event.message).text

    def listings(self, name: str) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """Yield the lists of findings that a researcher received, each with whether the system chose the order.

        The researcher chooses the order of the findings that it reads in full.
        """
        for prompted in self._prompts_of_researchers.get(name, ()):
            message = self._file.message(prompted.message)
            yield from ((json.loads(block), True) for block in _LISTING.findall(message.text))
            for result in message.tool_results:
                findings = [] if result.is_error else json.loads(result.content).get("findings", [])
                if findings:
                    yield findings, "body" not in findings[0]

    @cached_property
    def _prompts_of_researchers(self) -> dict[str, list[Prompted]]:
        prompts: dict[str, list[Prompted]] = {}
        for name, prompted in self.of(Prompted):
            if prompted.role == "researcher":
                prompts.setdefault(name, []).append(prompted)
        return prompts

    def posted_codes(self) -> set[str]:
        """Return the hashes of the methods that were handed off, or posted by the lab, at any time."""
        posts = (entry.event for entry in self._file.entries(Finding))
        return {post.code for post in posts if post.code is not None and (post.is_handoff or post.author == LAB)}

    def assigned_findings(self, name: str) -> set[str]:
        """Return the ids of the findings that the tasks of a researcher name, also those before a fork."""
        return self._assigned_findings.get(name, set())

    @cached_property
    def _assigned_findings(self) -> dict[str, set[str]]:
        assigned: dict[str, set[str]] = defaultdict(set)
        for entry in self._file.entries(TaskAssigned):
            assigned[entry.stream] |= set(entry.event.findings)
        return assigned

    def findings_by(self, name: str) -> list[Finding]:
        """Return the findings of a researcher."""
        return self._findings_by_author.get(name, [])

    @cached_property
    def _findings_by_author(self) -> dict[str, list[Finding]]:
        findings: dict[str, list[Finding]] = {}
        for author, finding in self.of(Finding):
            findings.setdefault(author, []).append(finding)
        return findings

    def families(self, code: str) -> list[str]:
        """Return the family of each operator that a method uses, given the hash of its code."""
        return [_OPERATOR_FAMILIES[name] for name in operators_in(self._file.text(code))]

    def authors_by_place(self, round: int) -> dict[str, list[str]]:
        """Return the researchers that have had each place by a round, the one that has it last."""
        joined = {entry.stream: entry.round for entry in self._file.entries(ResearcherReplaced)}
        by_place: dict[str, list[str]] = {}
        for name, place in self.places.items():
            if joined.get(name, 0) <= round:
                by_place.setdefault(place, []).append(name)
        return by_place

    @property
    def operator_families(self) -> list[str]:
        """The family of each operator of the toolkit."""
        return list(_OPERATOR_FAMILIES.values())
