"""Metadata of a run file: the run, and the position and kind of each event."""

from dataclasses import dataclass
from typing import Literal

from aarlab.memory.messages import Json, canonical_json, content_hash

Status = Literal["running", "waiting", "done", "stopped", "failed", "partial"]
"""`waiting`: for the answer of a person; the run continues when it is resumed. `partial`: only findings, which were
imported. Such a run can be read, but not executed.
"""

_NOT_HASHED = frozenset({"run_id", "file", "wall_clock_s", "waited_for_people_s", "summary_hash"})
"""Fields of a summary that differ between equal runs, and the hash itself."""


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

    @property
    def has_other_settings(self) -> bool:
        """Whether the settings are not those that the summary has a hash of. Runs of earlier versions have no hash.

        Raises ValueError if they have an infinite number, which aarlab does not write.
        """
        recorded = self.summary.get("settings_hash") if isinstance(self.summary, dict) else None
        return recorded not in (None, settings_hash(self.scenario, self.fork_history))


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


def with_summary_hash(summary: dict[str, Json]) -> dict[str, Json]:
    """Return a summary with a hash over its fields as `summary_hash`, which is equal for equal runs."""
    fields = {name: value for name, value in summary.items() if name not in _NOT_HASHED}
    return {**summary, "summary_hash": content_hash(canonical_json(fields))}


def settings_hash(scenario: Json, fork_history: Json) -> str:
    """Return a hash of the settings of a run, without the secrets in them, which an export replaces."""
    return content_hash(canonical_json(_without_secrets([scenario, fork_history])))


def _without_secrets(value: Json) -> Json:
    match value:
        case dict():
            return {name: _without_secrets(item) for name, item in value.items() if name != "secret"}
        case list() | tuple():
            return [_without_secrets(item) for item in value]
        case _:
            return value
