"""Measures of a run for the viewer, which need all its events: diversity, autonomy, flags, spending."""

from typing import Any

from aarlab.cli.run_summary import plain_result
from aarlab.config.run_file_cache import is_altered
from aarlab.graph.run.spending_measures import hours_by_kind, model_calls, tokens
from aarlab.memory.events import FailedModelCall, Finding, LimitReached, ModelCall
from aarlab.memory.measures import autonomy_by_round, entropy
from aarlab.memory.run_reader import RunReader
from aarlab.report.run_report import generalisation_table
from aarlab.view.report_parts import part_json

Row = dict[str, Any]


def run_measures(file: RunReader) -> Row:
    """Return entropy and autonomy by round, hours by kind, flags and spending, also of a run that is not closed."""
    info = file.info()
    summary = info.summary or {}
    diversity = entropy(file)
    return {
        "entropy": [[entry.round, entry.bits] for entry in diversity.rounds] if diversity else [],
        "autonomy": [list(pair) for pair in autonomy_by_round(file).items()],
        "hours_by_kind": summary.get("hours_by_kind") or hours_by_kind(file),
        "flags": _flags(file, summary),
        "altered": is_altered(file),
        "spending": _spending(file, summary),
        **_result(file, summary),
    }


def _result(file: RunReader, summary: Row) -> Row:
    """Return the result as `aarlab show` prints it, and the scores of the finalists on other worlds and tasks."""
    try:
        result = plain_result({**summary, "file": file.path.name}, file) if summary else None
        rows = summary.get("generalisation")
        development = {entry.event.id: entry.event.pgr for entry in file.entries(Finding)} if rows else {}
        return {
            "result": result,
            "generalisation": part_json(generalisation_table(rows, development)) if rows else None,
        }
    except (KeyError, TypeError, ValueError):
        # Somebody else may have written the summary; the page says that it was altered.
        return {"result": None, "generalisation": None}


def _flags(file: RunReader, summary: Row) -> list[Row]:
    """Return suspicions, violations of the structure and reached limits, each with its evidence.

    The monitors read a run after its close, so a run that is not closed has no suspicions.
    """
    suspicions, violations = (summary.get(key) or () for key in ("suspicions", "structure_violations"))
    return [
        *(
            {"kind": one.get("monitor"), "subject": one.get("subject"), "evidence": one.get("evidence")}
            for one in suspicions
        ),
        *({"kind": "structure not realised", "subject": None, "evidence": str(text)} for text in violations),
        *(
            {"kind": "limit reached", "subject": entry.event.agent, "evidence": entry.event.message}
            for entry in file.entries(LimitReached)
        ),
    ]


def _spending(file: RunReader, summary: Row) -> Row:
    if summary:
        return {key: summary.get(key) for key in ("model_calls", "tokens", "cost_usd", "wall_clock_s")}
    costs = [entry.event.cost_usd for entry in file.entries(ModelCall, FailedModelCall)]
    known = [cost for cost in costs if cost is not None]
    cost = sum(known) if len(known) == len(costs) else None
    return {"model_calls": model_calls(file), "tokens": tokens(file), "cost_usd": cost, "wall_clock_s": None}
