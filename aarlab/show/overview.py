"""A run on one page: what came out, the board's best, the team, and how to read on."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from aarlab.memory.board import Board
from aarlab.memory.events import Evaluation
from aarlab.memory.runfile import RunFile
from aarlab.show.reading import Reading
from aarlab.summary import summary_text
from aarlab.tally import Tally
from aarlab.wording import counted, pgr_text, shortened

_BOARD_ROWS = 10
_TEAM_ROWS = 20


def overview(file: RunFile, reading: Reading) -> Iterator[RenderableType]:
    """Yield the page, from the outcome to the commands that go on."""
    info, tally = file.info(), tally_of(file)
    scenario = info.scenario
    yield Text.assemble((info.run_id, "bold"), (f"  {info.status}", "green" if info.status == "done" else "yellow"))
    yield Text(
        f"{scenario['task']['name']}, structure {scenario['structure']['preset']}, "
        f"{counted(len(tally.researchers), 'researcher')} ({scenario['team']['model']}), seed {info.seed}, "
        f"begun {info.created_at[:16].replace('T', ' ')} UTC",
        style="dim",
    )
    yield Text()
    if info.summary is not None and "digest" in info.summary:
        yield summary_text({**info.summary, "file": str(file.path.resolve())}, file)
        yield Text()
    else:
        spent = f"round {tally.round}, {tally.hours_each:.1f} research hours each"
        yield Text(f"Not closed: {spent}; nothing was scored on held-out worlds.")
    yield from _leaderboard(file, reading)
    yield from _team(tally, reading)
    yield Text.assemble("Read on with ", ("--agent NAME", "cyan"), " and ", ("--round N", "cyan"), ".")


def tally_of(file: RunFile) -> Tally:
    """Return where the run stands at the end of its log."""
    tally = Tally()
    for entry in file.entries():
        tally.see(entry)
    return tally


def _leaderboard(file: RunFile, reading: Reading) -> Iterator[RenderableType]:
    posts = Board(file).leaderboard()
    if not posts:
        return
    again = {
        entry.event.subject: (entry.event.pgr, entry.event.se)
        for entry in file.entries(Evaluation)
        if isinstance(entry.event, Evaluation) and entry.event.panel == "final"
    }
    shown = posts if reading.full else posts[:_BOARD_ROWS]
    table = _ruled_table("Board: best full results")
    table.add_column("finding", style="cyan", no_wrap=True)
    table.add_column("PGR", justify="right", no_wrap=True)
    table.add_column("again", justify="right", no_wrap=True)
    table.add_column("family", no_wrap=True)
    table.add_column("title", overflow="ellipsis", no_wrap=not reading.full, ratio=1)
    for post in shown:
        finding = post.finding
        second = pgr_text(*again[finding.id]) if finding.id in again else ""
        title = shortened(finding.title, reading.width)
        table.add_row(finding.id, pgr_text(finding.pgr, finding.se), second, shortened(finding.family, 22), title)
    yield table
    if len(shown) < len(posts):
        yield Text(f"… {len(posts) - len(shown)} more (--full)", style="dim italic")
    yield Text()


def _team(tally: Tally, reading: Reading) -> Iterator[RenderableType]:
    everybody = list(tally.researchers.values())
    if not everybody:
        return
    shown = everybody if reading.full else everybody[:_TEAM_ROWS]
    table = _ruled_table("Team")
    table.add_column("researcher", style="cyan", no_wrap=True)
    table.add_column("best", justify="right", style="green")
    table.add_column("experiments", justify="right")
    table.add_column("findings", justify="right")
    table.add_column("hours", justify="right")
    table.add_column("direction", overflow="ellipsis", no_wrap=not reading.full, style="dim", ratio=1)
    for one in shown:
        counts = (str(one.experiments), str(one.findings), f"{one.hours:.1f}")
        table.add_row(one.name, pgr_text(one.best), *counts, shortened(one.direction or "–", 200))
    yield table
    if len(shown) < len(everybody):
        yield Text(f"… {len(everybody) - len(shown)} more (--full)", style="dim italic")
    yield Text()


def _ruled_table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False,
        padding=(0, 1, 0, 0), expand=True,
    )  # fmt: skip
