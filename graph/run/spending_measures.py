"""What a run spent: research hours by kind of step, model calls and tokens, and what had been spent at each score."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


def hours_by_kind(file: RunReader) -> dict[str, float]:
    """Return the research hours of the team and the lab by kind, without kinds that did not occur.

    The kinds are the entries of `costs`, `tools` (tools of installed packages), `opening`, `close` and `idle`: hours of
    the researchers' budget that no step used. A step that started before the end of the budget is completed, so the sum
    of the researchers' kinds can exceed the budget slightly; then `idle` is absent.
    """
    by_kind: dict[str, list[float]] = {}
    for charge in charges(file):
        by_kind.setdefault(charge.kind, []).append(charge.hours)
    # The order of arrival depends on which researcher was computed first; the result of `fsum` does not.
    hours = {kind: math.fsum(spent) for kind, spent in by_kind.items()}
    budget = float(file.info().scenario["budget"]["hours"]) * file.team_size()
    hours[IDLE] = budget - used_hours(hours)
    hours["close"] = sum(entry.event.cost_hours for entry in file.entries(RunClosed))
    return {kind: used for kind in HOUR_KINDS if (used := hours.get(kind, 0.0)) > 1e-9}


def used_hours(by_kind: Mapping[str, float]) -> float:
    """Return the hours of all steps of the researchers, from the hours by kind."""
    return sum(by_kind.get(kind, 0.0) for kind in STEP_KINDS)


def model_calls(file: RunReader) -> int:
    """Return the number of replies of base models."""
    return sum(1 for _ in file.entries(ModelCall))


def tokens(file: RunReader) -> int | None:
    """Return the input and output tokens of all calls of base models, including failed ones as far as they are known.

    None if a server did not report the tokens of a reply.
    """
    return known_total([_tokens_of(entry.event) for entry in file.entries(ModelCall, FailedModelCall)])


def _tokens_of(call: ModelCall | FailedModelCall) -> int | None:
    unknown = call.input_tokens is None or call.output_tokens is None
    return None if unknown else call.known_tokens


def known_total(values: Sequence[_Number | None]) -> _Number | None:
    """Return the sum of values; None if one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def experiments_of(file: RunReader, fidelity: str) -> int:
    """Return the number of experiments of a fidelity, including failed ones."""
    return sum(entry.event.fidelity == fidelity for entry in file.entries(Experiment))


def improvements(file: RunReader) -> list[Improvement]:
    """Return every improvement of the best development PGR with what the team had spent by then, in order."""
    team, all_charges = file.team_size(), sorted(charges(file), key=lambda charge: charge.at_hours)
    found: list[Improvement] = []
    for team_hours, pgr in frontier(file):
        at_hours = team_hours / team
        before = [charge for charge in all_charges if charge.at_hours <= at_hours + 1e-6]
        cost_usd = known_total([charge.cost_usd for charge in before])
        found.append(
            Improvement(
                round(at_hours, 6),
                pgr,
                round(math.fsum(charge.hours for charge in before if charge.kind in STEP_KINDS), 4),
                known_total([charge.tokens for charge in before]),
                None if cost_usd is None else round(cost_usd, 6),
            )
        )
    return found


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
