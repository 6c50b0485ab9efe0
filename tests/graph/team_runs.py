"""Whole runs of small teams, and the structures they are asked for."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from aarlab.graph.run import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure import DIALS
from aarlab.memory.events import Event
from aarlab.memory.runfile import Entry, RunFile
from aarlab.tools.sandbox import SandboxUnavailable

Dials = Mapping[str, str]

TINY: dict[str, Any] = {
    "seed": 7,
    "team": {"researchers": 2},
    "budget": {"hours": 4, "round_hours": 2},
    "costs": {"think": 0.05, "read": 0.02, "write": 0.02, "share": 0.02, "smoke": 0.05, "pilot": 0.1, "full": 0.5},
    "scoring": {
        "full_worlds": 2,
        "finalists": 2,
        "final_worlds": 2,
        "heldout_worlds": 3,
        "redrawn_worlds": 2,
        "transfer_worlds": 0,
        "cap": 1,
    },
}
"""Two researchers for two rounds, with full runs cheap enough for several of them in each."""

COMBINATIONS: list[Dials] = [
    dict(zip([dial.name for dial in DIALS], values, strict=True))
    for values in itertools.product(*(dial.values for dial in DIALS))
]
ALWAYS: list[Dials] = [
    {
        "workflow": "autonomous",
        "directions": "distinct",
        "sharing": "synced",
        "review": "none",
        "evaluation": "guarded",
    },
    {"workflow": "autonomous", "directions": "none", "sharing": "none", "review": "gate", "evaluation": "capped"},
    {"workflow": "staged", "directions": "distinct", "sharing": "synced", "review": "advisory", "evaluation": "open"},
]
"""Between them these have every value of every dial; the other combinations run, guarded, among the long tests."""


def structures(**dials: str) -> pytest.MarkDecorator:
    """Run a test on a run of every structure whose dials stand like this."""
    wanted = [c for c in COMBINATIONS if dials.items() <= c.items() and (c in ALWAYS or c["evaluation"] == "guarded")]
    params = [pytest.param(c, id="-".join(c.values()), marks=() if c in ALWAYS else pytest.mark.long) for c in wanted]
    return pytest.mark.parametrize("run", params, indirect=True)


@dataclass(frozen=True)
class Run:
    """A run that has been closed, and what is in its file."""

    scenario: Scenario
    summary: dict[str, Any]
    file: RunFile

    @cached_property
    def entries(self) -> list[Entry]:
        """All its events in order of arrival."""
        return list(self.file.entries())

    def of(self, *kinds: type[Event], stream: str | None = None) -> list[Any]:
        """Return the events of these kinds without their places."""
        return [entry.event for entry in self.placed(*kinds, stream=stream)]

    def placed(self, *kinds: type[Event], stream: str | None = None) -> list[Any]:
        """Return the entries of these kinds. Typed loosely: who asks for a kind knows its fields."""
        return [e for e in self.entries if isinstance(e.event, kinds) and stream in (None, e.stream)]

    @property
    def researchers(self) -> list[str]:
        """The names of the team."""
        return [f"r{i + 1}" for i in range(self.scenario.team.researchers)]

    def words(self, message: str) -> str:
        """Return all that a stored message says, tool results included."""
        return str(self.file.message(message).to_json())

    def findings_named_in(self, message: str) -> set[str]:
        """Return the ids of findings that a stored message mentions."""
        return set(re.findall(r"\br\d+\.f\d+\b", self.words(message)))


def scenario(**changes: Any) -> Scenario:
    """Return a tiny scenario."""
    return Scenario.model_validate({**TINY, **changes})


def run(scenario: Scenario, path: Path, **options: Any) -> Run:
    """Run a scenario, in the strict sandbox where it can be had: its walls are not what is tested here."""
    try:
        summary = run_scenario(scenario, path, **options)
    except SandboxUnavailable:
        summary = run_scenario(scenario, path, sandbox="none", **options)
    return Run(scenario, summary, RunFile.read(path))
