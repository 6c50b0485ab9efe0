"""What a person sees while an ablation is worked on: a bar for each arm on a terminal, elsewhere lines."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from aarlab.ablation.conduct import State
from aarlab.ablation.costs import range_text
from aarlab.ablation.execute import Watcher
from aarlab.ablation.measures import measured
from aarlab.ablation.pace import time_text
from aarlab.ablation.plan import PlannedRun
from aarlab.ablation.purse import Spent
from aarlab.ablation.work import News
from aarlab.wording import dollars_text, pgr_text, printable, shortened

_LONGEST_ARM = 40


class Display:
    """Tells how an ablation goes on, from what its runs tell."""

    def __init__(self, state: State, console: Console, *, jobs: int) -> None:
        """Write to `console`."""
        self._state, self._console, self._jobs = state, console, jobs
        self._waiting = {run.stem: run for run in state.waiting}
        self._at_work: dict[str, tuple[PlannedRun, News]] = {}
        self._spent = Spent()
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("[dim]{task.fields[now]}"),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._lines: dict[str, TaskID] = {}
        for arm, total in Counter(run.arm for run in state.runs).items():
            done = sum(run.arm == arm and run.stem in state.done for run in state.runs)
            name = shortened(arm, _LONGEST_ARM)
            self._lines[arm] = self._bars.add_task(name, total=total, completed=done, now="")
        self._all = self._bars.add_task("[bold]all", total=len(state.runs), completed=len(state.done), now="")

    @contextmanager
    def shown(self) -> Iterator[Watcher]:
        """Show it until the work is over."""
        if self._state.done:
            self._print(f"{len(self._state.done)} of {len(self._state.runs)} runs are done already.")
        with self._bars:
            yield self

    def begun(self, run: PlannedRun, *, goes_on: bool) -> None:
        """Take in that a run has begun."""
        if goes_on:
            self._print(f"{run.arm}, seed {run.seed} goes on where it was broken off.")
        self._waiting.pop(run.stem, None)
        self._at_work[run.stem] = (run, News(run.stem, "progress"))
        self._draw(run.arm)

    def told(self, run: PlannedRun, news: News, *, again: bool) -> None:
        """Take in what is new about a run."""
        if news.kind == "progress":
            self._at_work[run.stem] = (run, news)
        else:
            self._at_work.pop(run.stem, None)
            self._ended(run, news, again=again)
        self._draw(run.arm)

    def _ended(self, run: PlannedRun, news: News, *, again: bool) -> None:
        self._spent += news.spent
        if again:
            self._waiting[run.stem] = run
            self._print(f"{run.arm}, seed {run.seed} failed and will be tried again: {news.error}", style="yellow")
            return
        if news.kind == "no money":
            self._waiting[run.stem] = run
            self._print(f"{run.arm}, seed {run.seed} broke off: {news.error}", style="yellow")
            return
        self._bars.advance(self._lines[run.arm])
        self._bars.advance(self._all)
        if news.kind != "done" or news.summary is None:
            self._print(f"{run.arm}, seed {run.seed} failed: {news.error}", style="red")
            return
        self._state.pace.learn(run.arm, news.summary["wall_s"])
        self._state.costs.learn(run.arm, news.summary.get("cost_usd"))
        if not self._console.is_terminal:
            all_ = self._bars.tasks[self._all]
            pgr = pgr_text(measured(news.summary, "heldout.pgr"))
            count = f"[{all_.completed:.0f} of {all_.total:.0f}]"
            self._print(f"{count} {run.arm}, seed {run.seed}: held-out PGR {pgr}, {self._outlook()}")

    def _outlook(self) -> str:
        """Return how long it will take, and what it has cost and will cost if it costs anything."""
        left = [(run.arm, 1 - news.share) for run, news in self._at_work.values()]
        seconds = self._state.pace.seconds_left(self._waiting.values(), left, self._jobs)
        time = "no estimate yet" if seconds is None else f"about {time_text(seconds)} left"
        cost = sum((news.spent for _, news in self._at_work.values()), self._spent).cost_usd
        if cost == 0 and not self._state.costs.any:
            return time
        more = self._state.costs.left(self._waiting.values(), left)
        return f"{time}, {dollars_text(cost)} so far" + (
            "" if more is None else f" and about {range_text(more)} to come"
        )

    def _draw(self, arm: str) -> None:
        seeds = [str(run.seed) for run, _ in self._at_work.values() if run.arm == arm]
        now = f"seed {', '.join(seeds)}" if seeds else ""
        self._bars.update(self._lines[arm], now=now)
        self._bars.update(self._all, now=self._outlook())

    def _print(self, line: str, style: str = "") -> None:
        self._bars.console.print(Text(printable(line), style=style), soft_wrap=True)
