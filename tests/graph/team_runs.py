"""Runs of small teams, and the structures that tests use."""

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aarlab.agents.models.base import Request
from aarlab.graph.flow.stages import STAGES
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import DIALS, PRESETS, Structure
from aarlab.memory.events import AgentSetup, Compaction, Decision, Event, LogEntry, ModelCall, Prompted
from aarlab.memory.messages import Conversation, Message, tool_from_json
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.sandbox import SandboxUnavailable

Dials = Mapping[str, str]

TINY: dict[str, Any] = {
    "seed": 7,
    "team": {"researchers": 2},
    "budget": {"hours": 3, "round_hours": 1.5},
    "costs": {"think": 0.05, "read": 0.02, "write": 0.02, "share": 0.02, "smoke": 0.05, "pilot": 0.1, "full": 0.5},
    "scoring": {
        "full_worlds": 2,
        "finalists": 2,
        "final_worlds": 2,
        "screening_worlds": 2,
        "heldout_worlds": 3,
        "shifted_worlds": 2,
        "transfer_worlds": 0,
        "full_experiment_cap": 1,
    },
}
"""Two researchers, two rounds, and full experiments that are cheap enough for several per round."""

Pair = frozenset[tuple[str, str]]


def allowed(dials: Dials) -> bool:
    """Return whether these dial values are a valid structure."""
    return _is_valid(frozenset(dials.items()))


@cache
def _is_valid(dials: Pair) -> bool:
    try:
        Structure.model_validate(dict(dials))
    except ValidationError:
        return False
    return True


def covering(first: list[Dials]) -> list[Dials]:
    """Return these structures and others that together have every valid pair of values of two dials (greedy)."""
    draw = random.Random(14)
    singles = [(dial.name, value) for dial in DIALS for value in dial.values]
    missing = {frozenset(p) for p in itertools.combinations(singles, 2) if p[0][0] != p[1][0] and allowed(dict(p))}
    missing -= {pair for dials in first for pair in _pairs(dials)}
    chosen = list(first)
    while missing:
        required = sorted(sorted(pair) for pair in missing)[0]
        candidates = [_drawn(dict(required), draw) for _ in range(60)]
        best = max(candidates, key=lambda dials: len(_pairs(dials) & missing))
        missing -= _pairs(best)
        chosen.append(best)
    return chosen


def _drawn(fixed: Dials, draw: random.Random) -> dict[str, str]:
    """Return a valid structure with these values, drawn dial by dial."""
    drawn = dict(fixed)
    for dial in DIALS:
        if dial.name not in drawn:
            values = draw.sample(list(dial.values), len(dial.values))
            drawn[dial.name] = next(value for value in values if allowed({**drawn, dial.name: value}))
    return {**{dial.name: drawn[dial.name] for dial in DIALS}, **drawn}


def with_group_leads() -> list[Dials]:
    """Return structures with a lead for each group that together have every dial value that goes with it (seeded)."""
    draw = random.Random(7)
    chosen: list[Dials] = []
    for coordination in ("lead", "hybrid"):
        fixed = {"coordination": coordination, "topology": "islands", "leads": "per_group"}
        missing = {(d.name, v) for d in DIALS for v in d.values if allowed({**fixed, d.name: v})} - fixed.items()
        while missing:
            candidates = [_drawn({**fixed, **dict([min(missing)])}, draw) for _ in range(20)]
            chosen.append(max(candidates, key=lambda dials: len(dials.items() & missing)))
            missing -= chosen[-1].items()
    return chosen


def _pairs(dials: Dials) -> set[Pair]:
    return {frozenset(pair) for pair in itertools.combinations(dials.items(), 2)}


def complete(dials: Dials) -> dict[str, Any]:
    """Return dial values with the topology parameters that they need."""
    parameters = {
        "networkx": {"generator": "path_graph"},
        "file": {"path": str(Path(__file__).parent / "pair.edgelist")},
    }
    topology = dials.get("topology", "complete")
    return {**dials, **({"topology_parameters": parameters[topology]} if topology in parameters else {})}


def _row(*values: str) -> Dials:
    """Return the structure with these values of the first dials, and the autonomous values of the others."""
    return {**PRESETS["autonomous"], **dict(zip([dial.name for dial in DIALS], values, strict=False))}


FAST_STRUCTURES: list[Dials] = [
    _row("autonomous", "distinct", "self", "none", "synced", "complete", "none", "guarded", "published"),
    _row("autonomous", "none", "self", "gate", "none", "complete", "checkpoint", "capped", "published"),
    _row("staged", "distinct", "evolutionary", "advisory", "synced", "ring", "gate", "open", "none", "peers", "senior"),
    _row("suggested", "pool", "self", "none", "query", "islands", "none", "guarded", "library", "peers", "senior"),
    _row("staged", "pool", "evolutionary", "gate", "keyword", "star", "none", "guarded", "published"),
    _row("autonomous", "distinct", "self", "none", "none", "complete", "none", "guarded", "published", "lead"),
    _row("staged", "none", "self", "none", "synced", "ring", "none", "guarded", "published", "hybrid", "senior"),
    _row("autonomous", "none", "self", "none", "synced", "complete", "none", "guarded", "published", "specialists"),
]
"""Structures of the fast tests. Together they have nearly every value of every dial."""
PAIRWISE_STRUCTURES = [*covering(FAST_STRUCTURES), *with_group_leads()]
"""Structures with every valid pair of values of two dials, and with a lead for each group; those outside
FAST_STRUCTURES are long tests.
"""


def structures(among: list[Dials] = PAIRWISE_STRUCTURES, **dials: str) -> pytest.MarkDecorator:
    """Parametrise a test with a run of each structure that has these dial values."""
    selected = [c for c in among if dials.items() <= c.items()]
    params = [
        pytest.param(c, id="-".join(c.values()), marks=() if c in FAST_STRUCTURES else pytest.mark.long)
        for c in selected
    ]
    return pytest.mark.parametrize("run", params, indirect=True)


@dataclass(frozen=True)
class Run:
    """A closed run and its file."""

    scenario: Scenario
    summary: dict[str, Any]
    file: RunReader

    @cached_property
    def entries(self) -> list[LogEntry]:
        """All events in order of arrival."""
        return list(self.file.entries())

    def of(self, *kinds: type[Event], stream: str | None = None) -> list[Any]:
        """Return the events of these kinds."""
        return [entry.event for entry in self.entries_of(*kinds, stream=stream)]

    def entries_of(self, *kinds: type[Event], stream: str | None = None) -> list[Any]:
        """Return the log entries of these kinds. The type is `Any`, because callers know the fields of a kind."""
        return [e for e in self.entries if isinstance(e.event, kinds) and stream in (None, e.stream)]

    @property
    def researchers(self) -> list[str]:
        """Names of the researchers."""
        return [f"r{i + 1}" for i in range(self.scenario.team.researchers)]

    def message_text(self, message: str) -> str:
        """Return the text of a stored message, with tool results."""
        return str(self.file.message(message).to_json())

    def findings_named_in(self, message: str) -> set[str]:
        """Return the ids of the researchers' findings in a stored message."""
        return set(re.findall(r"\br\d+\.f\d+\b", self.message_text(message)))


def scenario(**changes: Any) -> Scenario:
    """Return a tiny scenario."""
    return Scenario.model_validate({**TINY, **changes})


WORLDS = WorldCache(128 << 20)
"""Worlds that the runs of this process share: most have the same seed."""
ON_ONE_CORE: dict[str, Any] = {"threads": 1, "worlds": WORLDS}
"""Options of an execution that takes little processor time: worlds are evaluated one after the other, which takes half
the time of a process for each, and drawn once for all runs. The tests of determinism, resume and replay compare with
executions that draw their own worlds.
"""


def run(scenario: Scenario, path: Path, **options: Any) -> Run:
    """Run a scenario, in the strict sandbox if this machine supports it."""
    options = {**ON_ONE_CORE, **options}
    try:
        summary = run_scenario(scenario, path, **options)
    except SandboxUnavailable:
        summary = run_scenario(scenario, path, sandbox="none", **options)
    return Run(scenario, summary, RunReader.open(path))


def model_requests(run: Run, name: str) -> Iterator[tuple[Request, ModelCall, Message]]:
    """Yield each request to a researcher's model with its event and its reply, rebuilt from the file."""
    (setup,) = run.of(AgentSetup, stream=name)
    all_tools = tuple(map(tool_from_json, json.loads(run.file.text(setup.tools))))
    conversation, offered = Conversation.begin(run.file.text(setup.system)), all_tools
    for event in run.of(Prompted, ModelCall, Decision, Compaction, stream=name):
        match event:
            case Prompted(role="researcher", message=message):
                conversation = conversation.then(run.file.message(message))
            case Decision(decision="next_step", choice=stage) if stage in STAGES:
                offered = tuple(tool for tool in all_tools if STAGES[stage].offers(tool.name))
            case ModelCall(role="researcher"):
                reply = run.file.message(event.reply)
                yield Request(conversation, offered), event, reply
                conversation = conversation.then(reply)
            case Compaction(dropped=dropped, summary=summary):
                kept = conversation.messages[dropped:]
                assert len(kept) == event.kept
                conversation = Conversation.begin(conversation.system).then(run.file.message(summary), *kept)
