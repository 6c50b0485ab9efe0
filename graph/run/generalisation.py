"""Generalisation of the finalists: their scores in development and on other worlds and tasks, side by side.

The events come from `close.retune` and `close.replicate`; without them there are none.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aarlab.graph.flow.finalist_checks import REPLICATED, RETUNED
from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.memory.events import Evaluation, Finding, Flagged
from aarlab.memory.measures import WorldDifference, difference_by_world, difference_of_means

_PANELS = ("heldout", "shifted", "transfer")
_WORDS = {"heldout": "held-out"}
COLUMNS = ("score", "fixed", "drop (95 %)", "retuned", "over published (95 %)")
"""Columns of `side_by_side`. The drop is from development, the last column against the best published method."""


def generalisation(run: MeasuredRun) -> list[dict[str, Any]]:
    """Return one row for each finalist and score, in the order of the close; none without checks of the finalists.

    Each row has the `finding`, the `score` (`held-out`, `shifted`, or the name of another task), `how` the method was
    scored (`fixed`, `retuned` or `replicated`), `pgr`, `se` and `worlds`; `pgr` is None if the method failed there.
    `drop` is the development PGR minus this one, with Welch's t interval over worlds. `change` is the PGR of a retuned
    or replicated method minus that of the fixed one, paired by world; `baseline` that of the best published method on
    the same worlds, and `over_baseline` the difference from it, paired by world.
    A replication without a row named `replicated` does not exist: the text did not suffice.
    """
    config = run.file.info().scenario.get("close", {})
    if not (config.get("retune") or config.get("replicate")):
        return []
    by_subject: dict[str, list[Evaluation]] = {}
    for event in run.evaluations:
        by_subject.setdefault(event.subject, []).append(event)
    findings = {entry.event.id: entry.event for entry in run.file.entries(Finding)}
    return [row for subject in _finalists(run) for row in _rows(run, findings[subject], by_subject)]


def _finalists(run: MeasuredRun) -> list[str]:
    """Return the findings that were scored on all panels, best first on the fresh worlds of the close."""
    final = {e.subject: e.pgr for e in run.evaluations if e.panel == "final" and e.pgr is not None}
    flags = [entry.event for entry in run.file.entries(Flagged) if entry.event.outcome == "disqualified"]
    disqualified = {finding for flag in flags for finding in flag.findings}
    return sorted((name for name in final if name not in disqualified), key=lambda name: -final[name])


def _rows(run: MeasuredRun, finding: Finding, by_subject: dict[str, list[Evaluation]]) -> Iterator[dict[str, Any]]:
    reference = run.references.get("published")
    baselines = {_place(event): event for event in by_subject.get(str(reference and reference.method), [])}
    fixed = {_place(event): event for event in by_subject.get(finding.id, []) if event.panel in _PANELS}
    scores = [("fixed", event) for event in fixed.values()]
    for how, prefix in (("retuned", RETUNED), ("replicated", REPLICATED)):
        scores += [(how, event) for event in by_subject.get(f"{prefix}{finding.id}", []) if event.panel in _PANELS]
    for how, event in scores:
        place = _place(event)
        own, baseline = fixed.get(place), baselines.get(place)
        over = None if baseline is None else difference_by_world(event.pgr_by_world, baseline.pgr_by_world)
        change = None if how == "fixed" or own is None else difference_by_world(event.pgr_by_world, own.pgr_by_world)
        yield {
            "finding": finding.id,
            "score": place,
            "how": how,
            "pgr": event.pgr,
            "se": event.se,
            "worlds": event.worlds,
            "drop": _interval(_drop(run, finding, event)),
            "change": _interval(change),
            "baseline": baseline and baseline.pgr,
            "over_baseline": _interval(over),
        }


def _place(event: Evaluation) -> str:
    return str(event.task) if event.panel == "transfer" else _WORDS.get(event.panel, event.panel)


def _drop(run: MeasuredRun, finding: Finding, event: Evaluation) -> WorldDifference | None:
    """Return the development PGR of a finding minus another score; None if a standard error is missing."""
    worlds = int(run.file.info().scenario["scoring"]["full_worlds"])
    pgr, se, other, other_se = finding.pgr, finding.se, event.pgr, event.se
    if pgr is None or se is None or other is None or other_se is None or min(worlds, event.worlds) < 2:
        return None
    return difference_of_means(pgr, se, worlds, other, other_se, event.worlds)


def _interval(difference: WorldDifference | None) -> dict[str, float] | None:
    if difference is None:
        return None
    return {name: round(getattr(difference, name), 4) for name in ("mean", "low", "high")}


def side_by_side(rows: Sequence[Mapping[str, Any]], finding: str, development: float | None) -> list[tuple[str, ...]]:
    """Return the scores of a finding as text, one row for each place, with the columns `COLUMNS`.

    Args:
        rows: Rows of `generalisation`.
        finding: The finding.
        development: Its development PGR.
    """
    own = [row for row in rows if row["finding"] == finding]
    retuned = {row["score"]: row for row in own if row["how"] == "retuned"}
    table: list[tuple[str, ...]] = [("development", _number(development), "", "", "")]
    for row in own:
        if row["how"] == "retuned":
            continue
        place = "replicated" if row["how"] == "replicated" else row["score"]
        other = retuned.get(row["score"]) if row["how"] == "fixed" else None
        again = "" if other is None else _number(other["pgr"])
        table.append((place, _number(row["pgr"]), _range(row["drop"]), again, _range(row["over_baseline"])))
    if own and not any(row["how"] == "replicated" for row in own):
        table.append(("replicated", "no replication", "", "", ""))
    return table


def _number(value: float | None) -> str:
    return "failed" if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _range(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return ""
    mean, low, high = (f"{interval[name]:+.2f}".replace("-", "\N{MINUS SIGN}") for name in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each score below that of the best published method on the same worlds."""
    sentences = []
    for row in rows:
        if row["pgr"] is None:
            sentences.append(f"{row['finding']} ({row['how']}) failed on {row['score']}.")
        elif row["baseline"] is not None and row["pgr"] < row["baseline"]:
            interval = f" (difference {_range(row['over_baseline'])})" if row["over_baseline"] else ""
            sentences.append(
                f"{row['finding']} ({row['how']}) is below the best published method on {row['score']}: "
                f"{_number(row['pgr'])} against {_number(row['baseline'])}{interval}."
            )
    return sentences
