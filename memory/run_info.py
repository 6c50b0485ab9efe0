"""Metadata of a run file: the run, and the position and kind of each event."""

from dataclasses import dataclass
from typing import Literal

from aarlab.memory.messages import Json

Status = Literal["running", "done", "stopped", "failed", "partial"]
"""`partial`: only findings, which were imported. Such a run can be read, but not executed."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The row of table `runs`."""

    run_id: str
    aarlab_version: str
    created_at: str
    """ISO 8601, UTC."""
    seed: int
    scenario: Json
    """The resolved scenario."""
    status: Status
    summary: Json
    """None until the run is closed."""
    sandbox: Literal["strict", "docker", "none"] | None = None
    """Sandbox mode in which methods ran; None if it was not recorded."""
    fork_history: tuple[Json, ...] = ()
    """Earlier segments of a forked run, oldest first: each with its scenario, its last round, and the run and digest
    that it was forked from. Empty for other runs.
    """


@dataclass(frozen=True, slots=True)
class EventHeader:
    """An event's position and kind, without its fields."""

    id: int
    stream: str
    ordinal: int
    round: int
    hours: float
    kind: str
    role: str | None
    """Agent role of prompts, model calls and failed model calls; None for other events."""
