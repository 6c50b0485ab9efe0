"""A run on one page: what came out, the board's best, the team, and how to read on."""

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from aarlab.cli.formatting import counted, pgr_text, shortened
from aarlab.cli.run_progress import RunProgress
from aarlab.cli.run_summary import sandbox_text, summary_text
from aarlab.cli.show.display_options import DisplayOptions, structure_summary
from aarlab.memory.board import Board
from aarlab.memory.events import Evaluation
from aarlab.memory.measures import autonomy_by_kind, autonomy_by_round, decisions, realised_autonomy
from aarlab.memory.run_reader import RunReader

_BOARD_ROWS = 10
_TEAM_ROWS = 20


def overview(file: RunReader, options: DisplayOptions) -> Iterator[RenderableType]:
    """Yield the page, from the outcome to the commands that go on."""
    info, progress = file.info(), run_progress(file)
    scenario = info.scenario
    yield Text.assemble((info.run_id, "bold"), (f"  {info.status}", "green" if info.status == "done" else "yellow"))
    yield Text(
        f"{scenario['task']['name']}, {counted(len(progress.researchers), 'researcher')} ({scenario['team']['model']}), "
        f"seed {info.seed}, begun {info.created_at[:16].replace('T', ' ')} UTC",
        style="dim",
    )
    yield structure_summary(file)
    yield Text()
    if info.summary is not None and "digest" in info.summary:
        yield summary_text({**info.summary, "file": str(file.path.resolve())}, file)
        yield Text()
    else:
        spent = f"round {progress.round}, {progress.hours_each:.1f} research hours each"
        yield Text(f"Not closed: {spent}; nothing was scored on held-out worlds.")
        if (confined := sandbox_text(info.sandbox)) is not None:
            yield Text(f"Sandbox {confined}.")
    yield from _leaderboard(file, options)
    yield from _team(progress, options)
    yield from _decisions(file)
    yield Text.assemble("Read on with ", ("--agent NAME", "cyan"), " and ", ("--round N", "cyan"), ".")


def run_progress(file: RunReader) -> RunProgress:
    """Return where the run stands at the end of its log."""
    progress = RunProgress()
    for entry in file.entries():
        progress.handle_event(entry)
    return progress


def _leaderboard(file: RunReader, options: DisplayOptions) -> Iterator[RenderableType]:
    posts = Board(file).leaderboard()
    if not posts:
        return
    again = {
        entry.event.subject: (entry.event.pgr, entry.event.se)
        for entry in file.entries(Evaluation)
        if entry.event.panel == "final"
    }
    shown = posts if options.full else posts[:_BOARD_ROWS]
    table = _ruled_table("Board: best full results")
    table.add_column("finding", style="cyan", no_wrap=True)
    table.add_column("PGR", justify="right", no_wrap=True)
    table.add_column("again", justify="right", no_wrap=True)
    table.add_column("family", no_wrap=True)
    table.add_column("title", overflow="ellipsis", no_wrap=not options.full, ratio=1)
    for post in shown:
        finding = post.finding
        second = pgr_text(*again[finding.id]) if finding.id in again else ""
        title = shortened(finding.title, options.width)
        table.add_row(finding.id, pgr_text(finding.pgr, finding.se), second, shortened(finding.family, 22), title)
    yield table
    if len(shown) < len(posts):
        yield Text(f"… {len(posts) - len(shown)} more (--full)", style="dim italic")
    yield Text()


def _team(progress: RunProgress, options: DisplayOptions) -> Iterator[RenderableType]:
    everybody = list(progress.researchers.values())
    if not everybody:
        return
    shown = everybody if options.full else everybody[:_TEAM_ROWS]
    table = _ruled_table("Team")
    table.add_column("researcher", style="cyan", no_wrap=True)
    table.add_column("best", justify="right", style="green")
    table.add_column("experiments", justify="right")
    table.add_column("findings", justify="right")
    table.add_column("hours", justify="right")
    table.add_column("direction", overflow="ellipsis", no_wrap=not options.full, style="dim", ratio=1)
    for one in shown:
        counts = (str(one.experiments), str(one.findings), f"{one.hours:.1f}")
        table.add_row(one.name, pgr_text(one.best), *counts, shortened(one.direction or "–", 200))
    yield table
    if len(shown) < len(everybody):
        yield Text(f"… {len(everybody) - len(shown)} more (--full)", style="dim italic")
    yield Text()


def _decisions(file: RunReader) -> Iterator[RenderableType]:
    """Yield who took how many decisions of each kind, and the agents' share over the rounds."""
    taken, autonomy = decisions(file), autonomy_by_kind(file)
    if not taken:
        return
    takers = sorted({taker for _, taker in taken}, key=lambda taker: (taker != "agent", taker))
    table = _ruled_table("Decisions", expand=False)
    table.add_column("of", style="cyan", no_wrap=True)
    for taker in takers:
        table.add_column(f"by {taker}", justify="right")
    table.add_column("autonomy", justify="right", style="green")
    for kind, share in autonomy.items():
        table.add_row(kind.replace("_", " "), *(str(taken.get((kind, t), "")) for t in takers), f"{share:.0%}")
    totals = (str(sum(count for (_, taker), count in taken.items() if taker == t)) for t in takers)
    table.add_row("all", *totals, f"{realised_autonomy(file):.0%}", style="bold")
    yield table
    yield Text(f"Realised autonomy by round, 0 being the briefing: {_share_by_round(autonomy_by_round(file))}.")
    yield Text()


def _share_by_round(shares: Mapping[int, float]) -> str:
    """Return percentages with the rounds they hold for, equal neighbours together."""
    spells: list[tuple[int, int, str]] = []
    for round_, share in shares.items():
        told = f"{share:.0%}"
        begun = spells.pop()[0] if spells and spells[-1][2] == told else round_
        spells.append((begun, round_, told))
    return ", ".join(f"{told} in {first if first == last else f'{first}–{last}'}" for first, last, told in spells)


def _ruled_table(title: str, *, expand: bool = True) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False,
        padding=(0, 1, 0, 0), expand=expand,
    )  # fmt: skip
