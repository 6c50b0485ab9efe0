"""The progress display of a run: live on a terminal, plain lines elsewhere. It reads only events."""

import math
from abc import ABC, abstractmethod
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from aarlab.cli.formatting import counted, dollars_text, hours_text, percent_text, pgr_text, shortened
from aarlab.cli.run_progress import ResearcherProgress, TeamProgress
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import structure_text
from aarlab.memory.events import LogEntry, RoundStarted

_BARS = "▁▂▃▄▅▆▇█"
_FRAME_LINES = 11
"""Lines of the live display that do not show a researcher."""


class RunDisplay(ABC):
    """Shows the progress of a run."""

    @abstractmethod
    def handle_event(self, entry: LogEntry) -> None:
        """Show the next event."""

    @abstractmethod
    def progress(self, label: str, share: float) -> None:
        """Show the name of a slow step and its finished share, in [0, 1]."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Start the display."""

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the display."""


def open_display(scenario: Scenario, console: Console) -> RunDisplay:
    """Return a live display, or plain lines if the console is not a terminal or a person types at it as an agent."""
    has_human_agent = any(name.startswith("human/") for name in scenario.models_used)
    if console.is_terminal and not console.is_dumb_terminal and not has_human_agent:
        return LiveDisplay(scenario, console)
    return PlainDisplay(scenario, console)


class PlainDisplay(RunDisplay):
    """Prints a line for each round and for each slow step."""

    def __init__(self, scenario: Scenario, console: Console) -> None:
        """Print to `console`."""
        self._scenario = scenario
        self._console = console
        self._progress = TeamProgress()
        self._label = ""

    def __enter__(self) -> Self:
        """Print the scenario."""
        self._print(scenario_line(self._scenario))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    def handle_event(self, entry: LogEntry) -> None:
        """Print a line at the end of a round."""
        round_line = self._round_line()
        round_, closing = self._progress.round, self._progress.closing
        self._progress.handle_event(entry)
        if round_ > 0 and (self._progress.round, self._progress.closing) != (round_, closing):
            self._print(round_line)

    def progress(self, label: str, share: float) -> None:
        """Print a line when a slow step starts."""
        if label != self._label:
            self._label = label
            self._print(f"{label} ...")

    def _round_line(self) -> str:
        run_progress = self._progress
        score = self._scenario.task.score_name
        best = (
            "no full experiment yet"
            if run_progress.best is None
            else f"best {score} {pgr_text(run_progress.best, run_progress.best_se)} ({run_progress.best_agent})"
        )
        return ", ".join(
            [
                f"round {run_progress.round} of {self._scenario.rounds}: {hours_text(run_progress.hours_each)} each",
                best,
                counts_text(run_progress),
                dollars_text(run_progress.cost_usd),
            ]
        )

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class LiveDisplay(RunDisplay):
    """Draws the whole team on one screen, five times a second."""

    def __init__(self, scenario: Scenario, console: Console) -> None:
        """Draw on `console`, which must be a terminal."""
        self._scenario = scenario
        self._console = console
        self._progress = TeamProgress()
        self._preparation: tuple[str, float] | None = None
        # rich draws in another thread.
        self._lock = Lock()
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=5, redirect_stdout=False)

    def __enter__(self) -> Self:
        """Start to draw below the cursor."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; the last frame remains."""
        self._live.__exit__(kind, error, trace)

    def handle_event(self, entry: LogEntry) -> None:
        """Show the next event."""
        with self._lock:
            if isinstance(entry.event, RoundStarted):
                self._preparation = None
            self._progress.handle_event(entry)

    def progress(self, label: str, share: float) -> None:
        """Show the name of a slow step and its finished share, in [0, 1]."""
        with self._lock:
            self._preparation = (label, share) if share < 1 else None

    def _draw(self) -> RenderableType:
        with self._lock:
            return render(self._progress, self._scenario, self._console.size, self._preparation)


def render(
    run_progress: TeamProgress, scenario: Scenario, size: tuple[int, int], slow_step: tuple[str, float] | None = None
) -> RenderableType:
    """Return the live display for a screen of (columns, rows), with the name and finished share of a slow step."""
    columns, rows = size
    parts: list[RenderableType] = [Text(shortened(scenario_line(scenario), 2 * columns - 10), style="bold")]
    if run_progress.researchers:
        parts += [_round_progress(run_progress, scenario, columns), _best_pgr_line(run_progress, scenario, columns)]
        parts.append(_researchers(run_progress, columns, rows - _FRAME_LINES))
        parts.append(
            Text(shortened(f"{counts_text(run_progress)}, {dollars_text(run_progress.cost_usd)}", columns), style="dim")
        )
    if run_progress.closing and not run_progress.closed:
        parts.append(Text("research has ended; the best methods are scored on fresh worlds", style="yellow"))
    if slow_step is not None:
        parts.append(_progress_line(*slow_step, columns))
    return Group(*parts)


def scenario_line(scenario: Scenario) -> str:
    """Return the scenario on one line."""
    team = counted(scenario.team.researchers, "researcher")
    return (
        f"{scenario.name}: {team} ({scenario.team.model}) on {scenario.task.name}, "
        f"structure {structure_text(scenario.structure.model_dump())}, seed {scenario.seed}"
    )


def counts_text(run_progress: TeamProgress) -> str:
    """Return the numbers of findings, borrows, critiques, experiments and evaluations as text."""
    kinds = ("finding", "borrow", "critique", "experiment", "evaluation")
    return ", ".join(counted(run_progress.counts[kind], kind) for kind in kinds)


def sparkline(points: list[tuple[float, float]], end: float, cells: int) -> str:
    """Return a step function, given by its (x, y) steps, as `cells` bars from x = 0 to `end`."""
    if not points:
        return ""
    low, high = min(0.0, *(y for _, y in points)), max(y for _, y in points)
    steps = sorted(points)
    line = []
    for cell in range(cells):
        reached = [y for x, y in steps if x <= end * (cell + 1) / cells]
        level = (max(reached) - low) / (high - low) if reached and high > low else 0.0
        line.append(_BARS[round(level * (len(_BARS) - 1))] if reached else " ")
    return "".join(line)


def _round_progress(run_progress: TeamProgress, scenario: Scenario, columns: int) -> RenderableType:
    budget = scenario.budget.hours
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=budget, completed=min(run_progress.hours_each, budget), width=max(columns - 42, 8))
    grid.add_row(
        f"round {run_progress.round} of {scenario.rounds}", bar, f"{run_progress.hours_each:.1f} of {budget:g} h each"
    )
    return grid


def _best_pgr_line(run_progress: TeamProgress, scenario: Scenario, columns: int) -> RenderableType:
    if run_progress.best is None:
        return Text("no full experiment yet", style="dim")
    curve = sparkline(run_progress.frontier, max(run_progress.hours_each, 1e-9), max(min(columns - 52, 40), 8))
    best = f"best {pgr_text(run_progress.best, run_progress.best_se)}"
    return Text.assemble((f"{best} ", "bold green"), (f"by {run_progress.best_agent}  ", "dim"), (curve, "green"))


def _researchers(run_progress: TeamProgress, columns: int, lines: int) -> RenderableType:
    table = data_table(
        name_column("researcher"),
        Column("direction", style="dim", no_wrap=True, overflow="ellipsis", ratio=2),
        Column("last step", no_wrap=True, overflow="ellipsis", ratio=3),
        number_column("best", "green"),
        number_column("hours"),
        expand=True,
    )
    team = list(run_progress.researchers.values())
    shown = team if len(team) <= max(lines, 3) else _best_researchers(team, max(lines - 1, 3))
    for member in shown:
        direction, step = shortened(member.direction or "–", columns), shortened(member.step, columns)
        table.add_row(member.name, direction, step, pgr_text(member.best), f"{member.hours:.1f}")
    if len(shown) == len(team):
        return table
    return Group(table, Text(f"and {len(team) - len(shown)} more with a lower best", style="dim"))


def _best_researchers(team: list[ResearcherProgress], count: int) -> list[ResearcherProgress]:
    """Return the `count` researchers with the best PGR, in the order of the team."""
    ranked = sorted(team, key=lambda member: -math.inf if member.best is None else member.best, reverse=True)
    best = {member.name for member in ranked[:count]}
    return [member for member in team if member.name in best]


def _progress_line(label: str, share: float, columns: int) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    width = max(columns - 52, 8)
    grid.add_row(Text(shortened(label, 42)), ProgressBar(total=1.0, completed=share, width=width), percent_text(share))
    return grid
