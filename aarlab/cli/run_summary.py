"""The summary of a closed run as text."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from aarlab.cli.command_hints import CommandHint, short_path
from aarlab.cli.formatting import counted, dollars_text, percent_text, pgr_text, printable, shortened, signed
from aarlab.cli.tables import data_table, labelled_rows
from aarlab.graph.run.generalisation import COLUMNS, failures, side_by_side
from aarlab.memory.board import Board
from aarlab.memory.lineage import INHERITING_RELATIONS
from aarlab.memory.run_reader import RunReader

Summary = Mapping[str, Any]
"""What `aarlab run --json` prints."""

_ALPHA = 0.05
"""Two-sided level at which a difference is called significant."""
_MAX_NAMED = 4
"""Number of flagged findings or experiments that are named."""
_MIN_WORLDS = 5
"""With fewer worlds, no difference is called significant."""
_MARGIN = 0.05
"""Smallest difference of interest in PGR. Equivalent: the 95 % interval is inside, which is stricter than TOST."""
_REFERENCES = {
    "published": "The best of the {methods} published methods ({name})",
    "library": "The best of the library's {methods} methods ({name}; finding it takes {hours:g} research hours)",
}
"""Name of each reference line."""
_AUTHOR_CHANGES = {0: "no change", 1: "one change", 2: "two changes"}


def summary_text(summary: Summary, file: RunReader) -> RenderableType:
    """Return the results of a run, and useful next commands."""
    board = Board(file)
    return Group(_result(summary, board), *next_commands(summary, board))


def result_text(summary: Summary, file: RunReader) -> RenderableType:
    """Return the scores, the winner and its ancestry, and the measures of the run."""
    return _result(summary, Board(file))


def plain_result(summary: Summary, file: RunReader) -> str:
    """Return the same as plain text in lines of 80 characters: the scores as the first paragraph, then the others."""
    console = Console(file=io.StringIO(), width=80, record=True, highlight=False, force_jupyter=False)
    console.print(result_text(summary, file))
    return "\n".join(line.rstrip() for line in console.export_text().splitlines()).strip()


def _result(summary: Summary, board: Board) -> RenderableType:
    parts: list[RenderableType] = [_scores(summary)]
    if summary["best"] is not None:
        parts.append(_winner(summary, board))
        parts += _generalisation(summary)
    parts.append(labelled_rows({label: Text(text) for label, text in _rows(summary).items()}))
    return Group(*(Padding(part, (0, 0, 1, 0), expand=False) for part in parts))


def _generalisation(summary: Summary) -> list[RenderableType]:
    """Return the winner's scores on other worlds and tasks, and the finalists below the baseline; none without them."""
    rows, best = summary.get("generalisation") or [], summary["best"]
    if not rows:
        return []
    table = data_table(*COLUMNS, title=f"Generalisation of {best['finding']}")
    for row in side_by_side(rows, best["finding"], best.get("development_pgr")):
        table.add_row(*row)
    below = failures(rows)
    lines = [*below[:_MAX_NAMED], *([f"and {len(below) - _MAX_NAMED} more (--json)"] if below[_MAX_NAMED:] else [])]
    return [table, Text("\n".join(lines))] if lines else [table]


def next_commands(summary: Summary, board: Board) -> list[RenderableType]:
    """Return useful next commands, with a heading. Print them uncropped, so that they can be copied."""
    file = short_path(Path(summary["file"]))
    hints = [CommandHint(("aarlab", "show", file), "the board and the team")]
    winner = None if summary["best"] is None else board.post(summary["best"]["finding"])
    if winner is not None:
        conversation = ("aarlab", "show", file, "--agent", winner.finding.author)
        hints.append(CommandHint(conversation, "the winner's conversation"))
    if summary["structure"]["workflow"] != "staged":
        fork = ("aarlab", "fork", file, "--round", "1", "--set", "structure=staged")
        hints.append(CommandHint(fork, "the same team, fixed workflow"))
    hints.append(CommandHint(("aarlab", "report", file), "a page with timeline and lineage"))
    return [Text("Next", style="bold"), *hints]


def sandbox_text(mode: str | None) -> str | None:
    """Return a note about a sandbox mode other than `strict`; None for `strict` and for an unknown mode."""
    return {"docker": "docker: methods ran in a container", "none": "none: methods were not confined"}.get(mode or "")


def _scores(summary: Summary) -> Text:
    heldout = summary["heldout"]
    if heldout is None or heldout["pgr"] is None:
        return Text("No result was scored: the team posted no result of a full experiment.", style="bold")
    where = "." if heldout["se"] is None else f" (standard error) on {heldout['worlds']} held-out worlds."
    reached = (pgr_text(heldout["pgr"], heldout["se"]), "bold green")
    text = Text.assemble(f"The team reached a {_score_name(summary)} of ", reached, where)
    for kind, name in _REFERENCES.items():
        reference = summary.get("references", {}).get(kind)
        if reference is not None and reference["pgr"] is not None:
            text.append(f"\n{name.format(**reference)} reaches ")
            text.append(pgr_text(reference["pgr"]), "bold")
            difference = reference["team_minus_reference"]
            text.append("." if difference is None else f": {comparison_by_world(difference)}.")
    return text


def _score_name(summary: Summary) -> str:
    """Return the name of the task's score."""
    return str(summary.get("score_name", "PGR"))


def comparison_by_world(difference: Mapping[str, float]) -> str:
    """Return how a team compares with a reference method: `team_minus_reference` of a summary as text."""
    if difference["low"] == difference["high"] == 0:
        return "the team has the same score on every world"
    mean, low, high = (difference[field] for field in ("mean", "low", "high"))
    if difference["worlds"] < _MIN_WORLDS:
        claim = f"no claim from fewer than {_MIN_WORLDS} worlds"
    elif difference["p"] < _ALPHA:
        claim = f"the team is {'above' if mean > 0 else 'below'} it"
    elif low > -_MARGIN and high < _MARGIN:
        claim = f"the team is equivalent to it within ±{_MARGIN:g}"
    else:
        claim = "inconclusive"
    interval = f"95 % interval over worlds {signed(low)} to {signed(high)}"
    return f"{claim} (team minus reference {signed(mean)}, {interval})"


def _winner(summary: Summary, board: Board) -> Text:
    best = summary["best"]
    post = board.post(best["finding"])
    text = Text.assemble(
        "Winner: ", (best["finding"], "cyan"), f" “{shortened(best['title'], 100)}”, {printable(best['family'])}"
    )
    if post is not None:
        text.append(f", posted by {post.finding.author} in round {post.round}")
    text.append(".")
    if (known := best.get("known_method")) is not None:
        text.append(f" It is the known method {known}, not an idea of the team.", "yellow")
    if (credit := best.get("replicates")) is not None:
        text.append(f" It replicates {credit['finding']} by {credit['author']}, who has the credit.", "yellow")
    for evidence in best.get("suspicions", ()):
        text.append(f" Suspicious: {printable(evidence)}.", "bold yellow")
    text.append(_winners_curse(summary))
    for line in ancestry(board, best["finding"]):
        text.append(f"\n  {line}")
    return text


def _winners_curse(summary: Summary) -> str:
    """Return the scores of the winner: selected by the first, so that it is biased upwards, and rescored after it."""
    best, heldout = summary["best"], summary["heldout"]
    text = f" Its {_score_name(summary)} when the finalists were rescored: {pgr_text(best['pgr'], best['se'])}."
    if best.get("development_pgr") is None or heldout is None or heldout["pgr"] is None:
        return text
    bias = best["development_pgr"] - heldout["pgr"]
    return (
        f"{text} In development it had {pgr_text(best['development_pgr'])}; development minus held-out is "
        f"{signed(bias)} (winner's curse if positive)."
    )


def ancestry(board: Board, finding: str, *, max_steps: int = 6) -> list[str]:
    """Return the findings that a finding inherits from, one line for each edge, nearest first."""
    lines: list[str] = []
    visited, frontier = {finding}, [finding]
    while frontier:
        current = frontier.pop(0)
        for edge in (entry.event for entry in board.edges(of=current)):
            if edge.source != current or edge.relation not in INHERITING_RELATIONS or edge.target in visited:
                continue
            visited.add(edge.target)
            frontier.append(edge.target)
            lines.append(f"{current} {edge.relation} {_finding_text(board, edge.target)}")
    if len(lines) > max_steps:
        return [*lines[:max_steps], f"... and {len(lines) - max_steps} earlier steps"]
    return lines or ["It builds on no other finding."]


def _finding_text(board: Board, finding: str) -> str:
    post = board.post(finding)
    return finding if post is None else f"{finding} “{shortened(post.finding.title, 60)}” ({post.finding.author})"


def _rows(summary: Summary) -> dict[str, str]:
    kinds = ("finding", "borrow", "critique", "experiment", "evaluation")
    violations = summary["structure_violations"]
    rows = {
        "activity": ", ".join(counted(summary[f"{kind}s"], kind) for kind in kinds),
        "resources": _resources(summary),
        "hours": _hours_by_kind(summary) or "–",
        "opening": _opening(summary) or "–",
        f"development {_score_name(summary)}": _development_pgr(summary) or "–",
        "autonomy": _autonomy(summary) or "–",
        "diversity": _diversity(summary) or "–",
        "idea reuse": _idea_reuse(summary) or "–",
        "structure": "; ".join(map(printable, violations)) if violations else "realised as configured",
    }
    if hostile := summary.get("hostile"):
        rows["hostile"] = "; ".join(f"{agent}: {printable(task)}" for agent, task in hostile.items())
    if flags := summary.get("flags"):
        rows["flags"] = _flags(flags)
    if (note := sandbox_text(summary.get("sandbox"))) is not None:
        rows["sandbox"] = note
    if stuck := summary.get("stuck"):
        rows["stuck"] = "; ".join(
            f"{one['agent']} repeated a failing {printable(one['tool'])} unchanged, {one['times']} failures"
            for one in stuck
        )
    if summary.get("open_to_regeneration"):
        follows = "the labels follow from public code and the seed"
        rows["secret"] = f"none: {follows}, so a method could compute them (scoring.secret)"
    return rows | {"run file": short_path(Path(summary["file"])), "digest": summary["digest"]}


# Summaries in files of earlier versions lack some of the following measures.


def _flags(flags: Sequence[Mapping[str, Any]]) -> str:
    """Return what was flagged during the run, by outcome and monitor."""
    subjects: dict[str, list[str]] = {}
    for flag in flags:
        subjects.setdefault(f"{flag['outcome']} ({printable(flag['monitor'])})", []).append(flag["subject"])
    return "; ".join(
        f"{', '.join(map(printable, ids[:_MAX_NAMED]))}{' and others' * (len(ids) > _MAX_NAMED)} {outcome}"
        for outcome, ids in subjects.items()
    )


def _resources(summary: Summary) -> str:
    rate = summary.get("usd_per_hour")
    cost = dollars_text(summary["cost_usd"]) + (f" ({dollars_text(rate)} per researcher hour)" if rate else "")
    seconds, devices = summary.get("device_seconds"), ", ".join(map(printable, summary.get("devices", ())))
    return (
        f"{counted(summary['rounds'], 'round')}, {summary['hours']:g} research hours, {cost}, "
        f"wall-clock {summary['wall_clock_s']:.0f} s"
        + (f", experiments {seconds:.0f} s on {devices}" if seconds is not None else "")
    )


def _hours_by_kind(summary: Summary) -> str:
    """Return the research hours of each kind, the largest first."""
    hours = sorted(summary.get("hours_by_kind", {}).items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {used:.1f}" for kind, used in hours)


def _opening(summary: Summary) -> str:
    """Return what the lab posted before round 1; empty without an opening."""
    hours = summary.get("opening_hours")
    if not hours:
        return ""
    best = (summary.get("development_pgr") or {}).get("start")
    return f"known methods up to PGR {pgr_text(best)} on the board, {hours:g} research hours of the lab (included)"


def _development_pgr(summary: Summary) -> str:
    by_budget = summary.get("development_pgr")
    if not by_budget or by_budget["whole"] is None:
        return ""
    points = ", ".join(pgr_text(by_budget[point]) for point in ("quarter", "half", "whole"))
    return f"best {points} after 25 %, 50 % and 100 % of the budget"


def _autonomy(summary: Summary) -> str:
    overall = summary["realised_autonomy"]
    if overall is None:
        return ""
    partial = [(kind, share) for kind, share in summary.get("autonomy_by_kind", {}).items() if share < 1]
    exceptions = ", ".join(f"{kind.replace('_', ' ')} {percent_text(share)}" for kind, share in partial)
    return f"agents took {percent_text(overall)} of the decisions{exceptions and f' ({exceptions})'}"


def _diversity(summary: Summary) -> str:
    parts = []
    if (bits := summary["entropy_bits"]) is not None:
        interval = summary.get("entropy_interval")
        over_researchers = interval and f" ({interval[0]:.2f} to {interval[1]:.2f} over researchers)"
        parts.append(f"entropy of method families {bits:.2f} bits{over_researchers or ''}")
    if (novelty := summary.get("novelty")) is not None:
        parts.append(f"novelty {novelty:.2f}")
    return ", ".join(parts)


def _idea_reuse(summary: Summary) -> str:
    parts = []
    if (known := summary.get("known_method_share")) is not None:
        novel, distinct = summary["novel_share"], summary["distinct_recipes"]
        parts.append(
            f"{percent_text(known)} of full experiments ran known methods, {percent_text(novel)} novel recipes; "
            f"{counted(distinct, 'distinct recipe')} tested"
        )
    if (repeated := summary.get("repeated_experiment_share")) is not None:
        parts.append(f"{percent_text(repeated)} of full experiments were repeats")
    if (depth := summary.get("borrow_depth")) is not None:
        parts.append(f"{_AUTHOR_CHANGES.get(depth, f'{depth} changes')} of author in the winner's lineage")
    return ", ".join(parts)
