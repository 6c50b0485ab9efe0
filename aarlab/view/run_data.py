"""The data of a run for the viewer: what happened, as rows of JSON with their place in the event log."""

from collections.abc import Mapping
from typing import Any

from aarlab.graph.structure.structure import DIALS, structure_text
from aarlab.memory.board import Board
from aarlab.memory.events import (
    AgentSetup,
    Borrowed,
    Edge,
    Evaluation,
    Event,
    Experiment,
    Finding,
    LimitReached,
    LogEntry,
    OversightDecision,
    Published,
    ReferenceChosen,
    ResearcherReplaced,
    ReviewDecision,
    RoundStarted,
)
from aarlab.memory.lineage import INHERITING_RELATIONS
from aarlab.memory.run_reader import RunReader
from aarlab.view.lineage_layout import lineage_layout
from aarlab.view.viewed_folder import is_live

Row = dict[str, Any]
_MAX_BODIES = 2_000_000
"""Characters of bodies of findings that are sent at once. Beyond, only their beginnings are."""
_EXCERPT = 300
_CLOSE_PANELS = ("final", "heldout", "shifted", "transfer")
_FIELDS: Mapping[type[Event], tuple[str, tuple[str, ...]]] = {
    AgentSetup: ("agents", ("role", "model", "direction")),
    RoundStarted: ("rounds", ("end_hours",)),
    Experiment: ("experiments", ("id", "fidelity", "pgr", "se", "error", "code")),
    Finding: (
        "findings",
        ("id", "author", "type", "title", "body", "family", "experiment", "code", "fidelity", "pgr", "se"),
    ),
    Published: ("publications", ("finding",)),
    Edge: ("edges", ("relation", "source", "target", "text")),
    Borrowed: ("borrows", ("finding", "path")),
    ReviewDecision: ("reviews", ("code", "approved", "comment")),
    OversightDecision: ("oversight", ("action", "findings", "note")),
    LimitReached: ("limits", ("agent", "field", "ends_run", "message")),
    ResearcherReplaced: ("replacements", ("former", "place")),
    ReferenceChosen: ("references", ("reference", "method", "methods")),
}
"""List of the result and fields, by kind of event."""


def run_data(file: RunReader, after: int = 0) -> Row:
    """Return a run: its description, and its events as lists of rows.

    Every row has `step` (the position in the stream of its agent), `agent`, `round` and `hours`. Lists only grow.

    Args:
        file: The run file.
        after: Only events with a larger id. The layout has all findings in any case.
    """
    rows: Row = {name: [] for name, _ in (*_FIELDS.values(), ("scores", ()))}
    last = after
    for entry in file.entries(*_FIELDS, Evaluation, after=after):
        last = max(last, entry.id)
        if isinstance(entry.event, Evaluation):
            if entry.event.panel in _CLOSE_PANELS:
                names = ("subject", "panel", "task", "pgr", "se", "worlds")
                rows["scores"].append(_row(entry, names))
            continue
        name, fields = _FIELDS[type(entry.event)]
        rows[name].append(_row(entry, fields))
    layout = None
    if rows["findings"] or rows["edges"]:
        everything = rows if after == 0 else _all_rows(file)
        layout = _layout(everything["findings"], everything["edges"])
    _shorten(rows["findings"])
    return {**_description(file), **rows, "layout": layout, "last": last}


def _all_rows(file: RunReader) -> Row:
    """Return the rows of all findings and edges."""
    rows: Row = {"findings": [], "edges": []}
    for entry in file.entries(Finding, Edge):
        name, fields = _FIELDS[type(entry.event)]
        rows[name].append(_row(entry, fields))
    return rows


def _row(entry: LogEntry, fields: tuple[str, ...]) -> Row:
    values = {name: getattr(entry.event, name) for name in fields}
    return {"step": entry.ordinal, "agent": entry.stream, "round": entry.round, "hours": entry.hours, **values}


def _shorten(findings: list[Row]) -> None:
    """Keep only the beginning of each body if all together are long."""
    if sum(len(row["body"]) for row in findings) > _MAX_BODIES:
        for row in findings:
            row["cut"] = len(row["body"]) > _EXCERPT
            row["body"] = row["body"][:_EXCERPT]


def _description(file: RunReader) -> Row:
    info = file.info()
    scenario, summary = info.scenario, info.summary or {}
    return {
        "run": info.run_id, "status": info.status, "live": info.status == "running" and is_live(file.path),
        "created_at": info.created_at, "version": info.aarlab_version, "seed": info.seed, "sandbox": info.sandbox,
        "task": scenario.get("task", {}).get("name"), "structure": scenario.get("structure", {}),
        "dials": _dials(scenario.get("structure", {})), "structure_text": structure_text(scenario.get("structure", {})),
        "team": {key: scenario.get("team", {}).get(key) for key in ("model", "researchers", "temperament", "turnover")},
        "budget": scenario.get("budget", {}), "summary": summary, "score": summary.get("score_name", "PGR"),
        "forked": bool(info.fork_history),
    }  # fmt: skip


def _dials(structure: Mapping[str, Any]) -> list[list[str]]:
    """Return name, value and meaning of each dial."""
    values = [(dial, str(structure[dial.name])) for dial in DIALS if structure.get(dial.name) is not None]
    return [[dial.name, value, dial.values.get(value, "")] for dial, value in values]


def _layout(findings: list[Row], edges: list[Row]) -> Mapping[str, tuple[int, float]]:
    # The order of arrival of findings of one round is arbitrary.
    posts = sorted(findings, key=lambda row: (row["round"], row["hours"], row["agent"], row["step"]))
    pairs = [(row["source"], row["target"]) for row in edges if row["relation"] in INHERITING_RELATIONS]
    return lineage_layout([(row["id"], row["round"]) for row in posts], pairs)


def finding_data(file: RunReader, name: str) -> Row:
    """Return the body and the method of a finding, and the method of each finding that it inherits from.

    Raises:
        KeyError: There is no such finding.
    """
    board = Board(file)
    post = board.post(name)
    if post is None:
        raise KeyError(f"no finding {name}")
    parents = {
        entry.event.target: _code(file, parent.finding)
        for entry in board.edges(of=name)
        if entry.event.source == name and (parent := board.post(entry.event.target)) is not None
    }
    code = _code(file, post.finding)
    return {
        "body": post.finding.body, "code": code,
        "parents": {parent: text for parent, text in parents.items() if text is not None},
    }  # fmt: skip


def _code(file: RunReader, finding: Finding) -> str | None:
    return file.text(finding.code) if finding.code is not None and file.has_content(finding.code) else None
