"""Progress of an ablation: one bar per arm on a terminal, otherwise lines of text."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from aarlab.ablation.ablation_plan import PlannedRun
from aarlab.ablation.execution import AblationState
from aarlab.ablation.forecast import range_text, time_text, whole_runs
from aarlab.ablation.run_task import RunProgress
from aarlab.ablation.scheduler import ProgressObserver
from aarlab.ablation.spending import Spending
from aarlab.cli.formatting import dollars_text, pgr_text, printable, shortened
from aarlab.graph.run.measure_registry import value_at

_MAX_ARM_CHARS = 40


class AblationDisplay:
    """Prints the progress of an ablation."""

    def __init__(self, state: AblationState, console: Console, *, jobs: int) -> None:
        """Print to `console`."""
        self._state, self._console, self._jobs = state, console, jobs
        self._waiting = {run.stem: run for run in state.waiting}
        self._active: dict[str, tuple[PlannedRun, RunProgress]] = {}
        self._spent = Spending()
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("[dim]{task.fields[now]}"),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._bar_of_arm: dict[str, TaskID] = {}
        self._ended_runs = Counter(run.arm for run in state.runs if run.stem in state.done)
        """Number of runs that are done or have failed for good, by arm."""
        for arm, total in Counter(run.arm for run in state.runs).items():
            name = escape(shortened(arm, _MAX_ARM_CHARS))
            done = self._ended_runs[arm]
            self._bar_of_arm[arm] = self._bars.add_task(name, total=total, completed=done, now="")
        self._all = self._bars.add_task("[bold]all", total=len(state.runs), completed=len(state.done), now="")

    @contextmanager
    def live(self) -> Iterator[ProgressObserver]:
        """Show the bars while the runs execute."""
        if self._state.done:
            self._print(f"{len(self._state.done)} of {len(self._state.runs)} runs are already done.")
        with self._bars:
            yield self

    def run_started(self, run: PlannedRun, *, resumed: bool) -> None:
        """Show that a run has started."""
        if resumed:
            self._print(f"{run.title} resumes where it was interrupted.")
        self._waiting.pop(run.stem, None)
        self._active[run.stem] = (run, RunProgress(run.stem, "progress"))
        self._draw(run.arm)

    def run_progressed(self, run: PlannedRun, progress: RunProgress, *, will_retry: bool) -> None:
        """Show the progress of a run."""
        if progress.kind == "progress":
            self._active[run.stem] = (run, progress)
        else:
            self._active.pop(run.stem, None)
            self._ended(run, progress, will_retry=will_retry)
        self._draw(run.arm)

    def _ended(self, run: PlannedRun, progress: RunProgress, *, will_retry: bool) -> None:
        self._spent += progress.spent
        if will_retry:
            self._waiting[run.stem] = run
            self._print(f"{run.title} failed and will be retried: {progress.error}", style="yellow")
            return
        if progress.kind == "budget exhausted":
            self._waiting[run.stem] = run
            self._print(f"{run.title} was interrupted: {progress.error}", style="yellow")
            return
        self._ended_runs[run.arm] += 1
        if progress.kind != "done" or progress.summary is None:
            self._print(f"{run.title} failed: {progress.error}", style="red")
            return
        self._state.forecast.observe(run, progress.summary)
        if not self._console.is_terminal:
            pgr = pgr_text(value_at(progress.summary, "heldout.pgr"))
            count = f"[{self._ended_runs.total()} of {len(self._state.runs)}]"
            self._print(f"{count} {run.title}: held-out {run.scenario.task.score_name} {pgr}, {self._remaining_text()}")

    def _remaining_text(self) -> str:
        """Return the remaining time and, if the runs have a cost, the cost so far and the remaining cost."""
        forecast = self._state.forecast
        work = [*whole_runs(self._waiting.values()), *((run, 1 - p.share) for run, p in self._active.values())]
        seconds = forecast.seconds(work, self._jobs)
        time = "no estimate yet" if seconds is None else f"about {time_text(seconds)} left"
        cost = sum((progress.spent for _, progress in self._active.values()), self._spent).cost_usd
        if cost == 0 and not forecast.costs_money:
            return time
        remaining_cost = forecast.cost(work)
        return f"{time}, {dollars_text(cost)} so far" + (
            "" if remaining_cost is None else f" and about {range_text(remaining_cost)} to come"
        )

    def _draw(self, arm: str) -> None:
        active = [run for run, _ in self._active.values() if run.arm == arm]
        seeds = [f"{run.seed} on {run.task}" if run.task else str(run.seed) for run in active]
        now = f"seed {', '.join(seeds)}" if seeds else ""
        # A bar also grows with the rounds of active runs; the numbers beside it count whole runs.
        shares = [(run.arm, progress.share) for run, progress in self._active.values()]
        of_arm = self._ended_runs[arm] + sum(share for name, share in shares if name == arm)
        of_all = self._ended_runs.total() + sum(share for _, share in shares)
        self._bars.update(self._bar_of_arm[arm], completed=of_arm, now=now)
        self._bars.update(self._all, completed=of_all, now=self._remaining_text())

    def _print(self, line: str, style: str = "") -> None:
        self._bars.console.print(Text(printable(line), style=style), soft_wrap=not self._console.is_terminal)
