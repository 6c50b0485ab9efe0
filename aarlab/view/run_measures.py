"""Measures of a run for the viewer, which need all its events: diversity, autonomy, flags, spending."""

from collections import defaultdict
from operator import itemgetter
from typing import Any

from aarlab.cli.run_summary import plain_result
from aarlab.config.run_file_cache import is_altered
from aarlab.graph.run.spending_measures import Use, charges, hours_by_kind
from aarlab.memory.events import Finding, LimitReached
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
    total, by_hour_and_kind = _use(file)
    return {
        "entropy": [[entry.round, entry.bits] for entry in diversity.rounds] if diversity else [],
        "autonomy": [list(pair) for pair in autonomy_by_round(file).items()],
        "hours_by_kind": summary.get("hours_by_kind") or hours_by_kind(file),
        "flags": _flags(file, summary),
        "altered": is_altered(file),
        "spending": _spending(total, summary),
        "charges": by_hour_and_kind,
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


def _spending(total: Use, summary: Row) -> Row:
    """Return what the whole run has used."""
    if summary:
        return {key: summary.get(key) for key in ("model_calls", "tokens", "cost_usd")}
    return {"model_calls": total.calls, "tokens": total.tokens, "cost_usd": total.cost_usd}


def _use(file: RunReader) -> tuple[Use, list[list[Any]]]:
    """Return what the run used, and what the steps that ended at an hour did, ordered by hour.

    The latter is a list of rows with hour, kind, hours, calls, tokens and dollars; None for what is unknown.
    """
    total, groups = Use(), defaultdict[tuple[float, str], Use](Use)
    for charge in charges(file):
        total.add(charge)
        groups[charge.at_hours, charge.kind].add(charge)
    ordered = sorted(groups.items(), key=itemgetter(0))
    return total, [[*key, use.hours, use.calls, use.tokens, use.cost_usd] for key, use in ordered]
