"""A run's result in a person's words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aarlab.cli.formatting import counted, dollars_text, pgr_text, printable, shortened
from aarlab.memory.board import Board
from aarlab.memory.lineage import INHERITING_RELATIONS
from aarlab.memory.run_reader import RunReader

Summary = Mapping[str, Any]
"""What `aarlab run --json` prints."""


_OWNER_CHANGES = {0: "never changed hands", 1: "changed hands once", 2: "changed hands twice"}


def summary_text(summary: Summary, file: RunReader) -> RenderableType:
    """Return what came out, how it came about, and what to type next."""
    board = Board(file)
    parts: list[RenderableType] = [_outcome(summary)]
    if summary["best"] is not None:
        parts.append(_winner(summary, board))
    parts.append(_figures(summary))
    return Group(*(Padding(part, (0, 0, 1, 0), expand=False) for part in parts), *next_commands(summary, board))


def next_commands(summary: Summary, board: Board) -> list[Text]:
    """Return commands that go on from here, one a line. Print them uncropped, so that they can be copied whole."""
    show = f"aarlab show {short_path(Path(summary['file']))}"
    commands = [(show, "the board and the team")]
    winner = None if summary["best"] is None else board.post(summary["best"]["finding"])
    if winner is not None:
        commands.append((f"{show} --agent {winner.finding.author}", "the winner's conversation"))
    if summary["structure"]["workflow"] != "staged":
        staged = f"aarlab run --set structure=staged --seed {summary['seed']}"
        commands.append((staged, "a team under a fixed workflow"))
    commands.append((f"aarlab run --seed {summary['seed'] + 1}", "another team"))
    return [
        Text("Next", style="bold"),
        *(
            Text.assemble(f"  {command}", (f"  # {why}", "dim"), no_wrap=True, overflow="ignore")
            for command, why in commands
        ),
    ]


def sandbox_text(mode: str | None) -> str | None:
    """Return what is to be said about where methods ran; None where that was the strict sandbox, or is not known."""
    return {"docker": "docker: methods ran in a container", "none": "none: methods were not confined"}.get(mode or "")


def _outcome(summary: Summary) -> Text:
    heldout, baseline = summary["heldout"], summary["baseline"]
    if heldout is None or heldout["pgr"] is None:
        return Text("No result was scored: the team posted none that ran in full.", style="bold")
    text = Text.assemble(
        "The team reached a PGR of ",
        (pgr_text(heldout["pgr"], heldout["se"]), "bold green"),
        f" (standard error) on {heldout['worlds']} held-out worlds.",
    )
    if baseline is not None and baseline["pgr"] is not None:
        ahead = heldout["pgr"] - baseline["pgr"]
        # Told to two decimals, as the figures are.
        gap = f"{abs(ahead):.2f}"
        standing = "level with it" if gap == "0.00" else f"{'ahead' if ahead > 0 else 'behind'} by {gap}"
        text.append(f"\nThe best fixed baseline on the same worlds, {baseline['name']}, reaches ")
        text.append(pgr_text(baseline["pgr"]), "bold")
        text.append(f": the team is {standing}.")
    return text


def _winner(summary: Summary, board: Board) -> Text:
    best = summary["best"]
    post = board.post(best["finding"])
    text = Text.assemble(
        "Winner: ", (best["finding"], "cyan"), f" “{shortened(best['title'], 100)}”, {printable(best['family'])}"
    )
    if post is not None:
        text.append(f", posted by {post.finding.author} in round {post.round}")
    text.append(f". It scored {pgr_text(best['pgr'], best['se'])} where the finalists were scored again.")
    for line in ancestry(board, best["finding"]):
        text.append(f"\n  {line}")
    return text


def ancestry(board: Board, finding: str, *, max_steps: int = 6) -> list[str]:
    """Return where a finding came from, a line for each step back, nearest first."""
    lines: list[str] = []
    seen, frontier = {finding}, [finding]
    while frontier:
        here = frontier.pop(0)
        for edge in (entry.event for entry in board.edges(of=here)):
            if edge.source != here or edge.relation not in INHERITING_RELATIONS or edge.target in seen:
                continue
            seen.add(edge.target)
            frontier.append(edge.target)
            lines.append(f"{here} {edge.relation} {_named(board, edge.target)}")
    if len(lines) > max_steps:
        return [*lines[:max_steps], f"... and {len(lines) - max_steps} steps further back"]
    return lines or ["It was not taken from any other finding."]


def _named(board: Board, finding: str) -> str:
    post = board.post(finding)
    return finding if post is None else f"{finding} “{shortened(post.finding.title, 60)}” ({post.finding.author})"


def _figures(summary: Summary) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    kinds = ("finding", "borrow", "critique", "experiment", "evaluation")
    grid.add_row("work", ", ".join(counted(summary[f"{kind}s"], kind) for kind in kinds))
    spent = [
        counted(summary["rounds"], "round"),
        f"{summary['hours']:g} research hours",
        _cost(summary),
        f"{summary['wall_clock_s']:.0f} s of yours",
    ]
    grid.add_row("spent", ", ".join(spent))
    for name, words in (("climb", _climb), ("autonomy", _autonomy), ("diversity", _diversity), ("exchange", _exchange)):
        grid.add_row(name, words(summary) or "–")
    violations = summary["structure_violations"]
    grid.add_row(
        "structure", "; ".join(map(printable, violations)) if violations else "what happened is what was configured"
    )
    if (confined := sandbox_text(summary.get("sandbox"))) is not None:
        grid.add_row("sandbox", confined)
    grid.add_row("recorded in", short_path(Path(summary["file"])))
    grid.add_row("digest", summary["digest"])
    return grid


# Summaries in the files of earlier versions lack some of what follows.


def _cost(summary: Summary) -> str:
    rate = summary.get("usd_per_hour")
    return dollars_text(summary["cost_usd"]) + (f" ({dollars_text(rate)} for a researcher's hour)" if rate else "")


def _climb(summary: Summary) -> str:
    climb = summary.get("development_pgr")
    if not climb or climb["whole"] is None:
        return ""
    points = ", ".join(pgr_text(climb[point]) for point in ("quarter", "half", "whole"))
    return f"best development PGR {points} after a quarter, half and all of the budget"


def _autonomy(summary: Summary) -> str:
    overall = summary["realised_autonomy"]
    if overall is None:
        return ""
    shared = [(name, share) for name, share in summary.get("autonomy_by_kind", {}).items() if share < 1]
    exceptions = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in shared)
    return f"{overall:.0%} of all decisions were taken by the agents{exceptions and f' ({exceptions})'}"


def _diversity(summary: Summary) -> str:
    parts = []
    if (bits := summary["entropy_bits"]) is not None:
        interval = summary.get("entropy_interval")
        resampled = interval and f" ({interval[0]:.2f} to {interval[1]:.2f} in resampled teams)"
        parts.append(f"{bits:.2f} bits of entropy over method families{resampled or ''}")
    if (novelty := summary.get("novelty")) is not None:
        parts.append(f"novelty {novelty:.2f}")
    return ", ".join(parts)


def _exchange(summary: Summary) -> str:
    parts = []
    if (repeated := summary.get("repeated_experiment_share")) is not None:
        parts.append(f"{repeated:.0%} of full experiments had been run before")
    if (depth := summary.get("borrow_depth")) is not None:
        parts.append(f"the winner's idea {_OWNER_CHANGES.get(depth, f'changed hands {depth} times')}")
    return ", ".join(parts)


def short_path(path: Path) -> str:
    """Return the path as a person here would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
