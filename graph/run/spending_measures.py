"""What a run spent: research hours by kind of step, model calls and tokens, and what had been spent at each score."""

import math
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from aarlab.memory.events import (
    Experiment,
    FailedModelCall,
    ModelCall,
    OpeningPosted,
    RunClosed,
    TaskAssigned,
    ToolExecution,
)
from aarlab.memory.measures import frontier
from aarlab.memory.run_reader import RunReader
from aarlab.tools.board_tools import HAND_OFF
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.tool_registry import TOOLS

_Number = TypeVar("_Number", int, float)
OTHER_TOOLS = "tools"
"""Kind of the hours of tools of installed packages."""
STEP_KINDS = ("think", "read", "write", "ask", "share", "review", "assign", "smoke", "pilot", "full", OTHER_TOOLS)
"""Kinds of hours of the researchers: the entries of `costs`, and other tools."""
LAB_KINDS = ("opening", "close")
"""Kinds of hours of the lab: scoring the known methods and the finalists."""
IDLE = "idle"
"""Kind of the hours of the budget that no step used: waiting for the end of a round, or left over at the end."""

HOUR_KINDS = (*STEP_KINDS, IDLE, *LAB_KINDS)
"""All kinds of hours, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Improvement:
    """A full experiment that was better than all before it, and what the team had spent by then."""

    at_hours: float
    """Research hour of each researcher at which the experiment ended."""
    pgr: float
    """Its development PGR."""
    hours: float
    """Research hours of all steps of the team up to that hour, without the opening."""
    tokens: int | None
    """Input and output tokens of all model calls up to that hour; None if a server did not report them."""
    cost_usd: float | None
    """US dollars of these calls; None if the price of one is unknown."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one step used."""

    at_hours: float
    """Research hour of each researcher at which it ended."""
    kind: str
    """Kind of its hours, one of `HOUR_KINDS`."""
    hours: float
    """Research hours that it took."""
    calls: int = 0
    """Replies of base models."""
    tokens: int | None = 0
    """Input and output tokens; None if a server did not report them."""
    cost_usd: float | None = 0.0
    """US dollars; None if the price is unknown."""


@dataclass(slots=True)
class Use:
    """What some steps used together."""

    hours_by_step: "array[float]" = field(default_factory=lambda: array("d"))
    """Research hours of each step."""
    calls: int = 0
    """Replies of base models."""
    tokens: int | None = 0
    """Input and output tokens; None if those of one step are unknown."""
    cost_usd: float | None = 0.0
    """US dollars; None if the price of one step is unknown."""

    def add(self, charge: Charge) -> None:
        """Add what one step used."""
        self.hours_by_step.append(charge.hours)
        self.calls += charge.calls
        self.tokens = None if self.tokens is None or charge.tokens is None else self.tokens + charge.tokens
        self.cost_usd = None if self.cost_usd is None or charge.cost_usd is None else self.cost_usd + charge.cost_usd

    @property
    def hours(self) -> float:
        """Research hours. The order of arrival depends on which researcher was computed first; this sum does not."""
        return math.fsum(self.hours_by_step)


def known_total(values: Sequence[_Number | None]) -> _Number | None:
    """Return the sum of values; None if one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run used."""

    hours_by_kind: Mapping[str, float]
    """Research hours of the team and the lab by kind; see `hours_by_kind`."""
    model_calls: int
    """Replies of base models."""
    tokens: int | None
    """Input and output tokens of all calls of base models, including failed ones as far as they are known. None if a
    server did not report the tokens of a reply.
    """
    cost_usd: float | None
    """US dollars of all calls; None if the price of one is unknown."""
    improvements: tuple[Improvement, ...]
    """Every improvement of the best development PGR with what the team had spent by then, in order."""


def spending(file: RunReader) -> Spending:
    """Return what a run used, in one pass over its steps, of which it keeps the hours only."""
    team, steps = file.team_size(), frontier(file)
    ends = [team_hours / team + 1e-6 for team_hours, _ in steps]
    # A step belongs to the first improvement that it precedes, or to none.
    before = [Use() for _ in (*ends, None)]
    total, by_kind = Use(), defaultdict[str, Use](Use)
    for charge in charges(file):
        total.add(charge)
        by_kind[charge.kind].add(charge)
        counted = charge if charge.kind in STEP_KINDS else replace(charge, hours=0.0)
        before[bisect_left(ends, charge.at_hours)].add(counted)
    improvements = []
    for number, (team_hours, pgr) in enumerate(steps, start=1):
        used = before[:number]
        hours = math.fsum(chain.from_iterable(use.hours_by_step for use in used))
        cost_usd = known_total([use.cost_usd for use in used])
        improvements.append(
            Improvement(
                round(team_hours / team, 6),
                pgr,
                round(hours, 4),
                known_total([use.tokens for use in used]),
                None if cost_usd is None else round(cost_usd, 6),
            )
        )
    hours_by_kind = {kind: use.hours for kind, use in by_kind.items()}
    hours_by_kind[IDLE] = float(file.info().scenario["budget"]["hours"]) * team - used_hours(hours_by_kind)
    hours_by_kind["close"] = sum(entry.event.cost_hours for entry in file.entries(RunClosed))
    occurred = {kind: hours for kind in HOUR_KINDS if (hours := hours_by_kind.get(kind, 0.0)) > 1e-9}
    return Spending(occurred, total.calls, total.tokens, total.cost_usd, tuple(improvements))


def hours_by_kind(file: RunReader) -> dict[str, float]:
    """Return the research hours of the team and the lab by kind, without kinds that did not occur.

    The kinds are the entries of `costs`, `tools` (tools of installed packages), `opening`, `close` and `idle`: hours of
    the researchers' budget that no step used. A step that started before the end of the budget is completed, so the sum
    of the researchers' kinds can exceed the budget slightly; then `idle` is absent.
    """
    return dict(spending(file).hours_by_kind)


def used_hours(by_kind: Mapping[str, float]) -> float:
    """Return the hours of all steps of the researchers, from the hours by kind."""
    return sum(by_kind.get(kind, 0.0) for kind in STEP_KINDS)


def _tokens_of(call: ModelCall) -> int | None:
    unknown = call.input_tokens is None or call.output_tokens is None
    return None if unknown else call.known_tokens


def experiments_of(file: RunReader, fidelity: str) -> int:
    """Return the number of experiments of a fidelity, including failed ones."""
    return sum(entry.event.fidelity == fidelity for entry in file.entries(Experiment))


def charges(file: RunReader) -> Iterator[Charge]:
    """Yield what every step before the close used, in order of arrival."""
    fidelity_by_stream: dict[str, str] = {}
    for entry in file.entries(Experiment, ModelCall, FailedModelCall, ToolExecution, OpeningPosted, TaskAssigned):
        match entry.event:
            case Experiment() as experiment:
                fidelity_by_stream[entry.stream] = experiment.fidelity
            case ModelCall() as call:
                kind = "review" if call.role == "reviewer" else "think"
                yield Charge(entry.hours, kind, call.cost_hours, 1, _tokens_of(call), call.cost_usd)
            case FailedModelCall() as failed:
                yield Charge(entry.hours, "think", 0.0, 0, failed.known_tokens, failed.cost_usd)
            case ToolExecution() as execution if execution.cost_hours:
                # The experiment of a charged call is the last one of its stream.
                fidelity = fidelity_by_stream.get(entry.stream)
                yield Charge(entry.hours, _kind_of_tool(execution.tool, fidelity), execution.cost_hours)
            case TaskAssigned() as task:
                yield Charge(entry.hours, "assign", task.cost_hours)
            case OpeningPosted() as opening:
                yield Charge(0.0, "opening", opening.cost_hours)


def _kind_of_tool(tool: str, fidelity: str | None) -> str:
    if tool == EXPERIMENT_TOOL.name:
        return fidelity or OTHER_TOOLS
    if tool == HAND_OFF.name:
        return "share"
    cost = TOOLS[tool].cost if tool in TOOLS else OTHER_TOOLS
    return cost if isinstance(cost, str) else OTHER_TOOLS
