"""The overview of a run: summary, leaderboard, team and decisions."""

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.table import Column
from rich.text import Text

from aarlab.cli.formatting import counted, percent_text, pgr_text, shortened
from aarlab.cli.run_progress import TeamProgress
from aarlab.cli.run_summary import Summary, next_commands, result_text, sandbox_text
from aarlab.cli.show.display_options import DisplayOptions, structure_summary
from aarlab.cli.show.partial_run_overview import partial_run_findings, partial_run_header, partial_run_measures
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.graph.scenario import hostile_members
from aarlab.memory.board import Board
from aarlab.memory.events import Evaluation
from aarlab.memory.measures import autonomy_by_kind, autonomy_by_round, decisions, realised_autonomy
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.known_methods import known_method
from aarlab.scenarios.task_registry import score_name_of

_BOARD_ROWS = 10
_TEAM_ROWS = 20


def overview(file: RunReader, options: DisplayOptions) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    info, progress = file.info(), run_progress(file)
    yield Text.assemble((info.run_id, "bold"), (f"  {info.status}", "green" if info.status == "done" else "yellow"))
    if info.status == "partial":
        yield from partial_run_header(file)
        yield Text()
        yield from _leaderboard(file, options)
        yield from _team(progress, options)
        yield from partial_run_measures(file)
        yield from partial_run_findings(file, options)
        return
    yield from _executed_run(file, info, progress, options)
    yield Text.assemble("Read a conversation with ", ("--agent NAME", "cyan"), " and ", ("--round N", "cyan"), ".")


def _executed_run(
    file: RunReader, info: RunInfo, progress: TeamProgress, options: DisplayOptions
) -> Iterator[RenderableType]:
    scenario = info.scenario
    yield Text(
        f"{scenario['task']['name']}, {counted(len(progress.members), 'researcher')} "
        f"({scenario['team']['model']}), seed {info.seed}, started {info.created_at[:16].replace('T', ' ')} UTC",
        style="dim",
    )
    yield structure_summary(file)
    yield Text()
    summary: Summary = {**(info.summary or {}), "file": str(file.path.resolve())}
    if "digest" in summary:
        yield result_text(summary, file)
    else:
        if hostile := hostile_members(scenario["team"]):
            yield Text(f"Hostile researchers: {', '.join(f'{agent} ({task})' for agent, task in hostile.items())}.")
        position = f"round {progress.round}, {progress.hours_each:.1f} research hours each"
        yield Text(f"Not closed: {position}. There are no held-out scores yet.")
        if (note := sandbox_text(info.sandbox)) is not None:
            yield Text(f"Sandbox {note}.")
    yield from _leaderboard(file, options)
    yield from _team(progress, options)
    yield from _decisions(file)
    if "digest" in summary:
        yield from next_commands(summary, Board(file))
        yield Text()


def run_progress(file: RunReader) -> TeamProgress:
    """Return the progress of the run at the end of its log."""
    progress = TeamProgress()
    for entry in file.entries():
        progress.handle_event(entry)
    return progress


def _leaderboard(file: RunReader, options: DisplayOptions) -> Iterator[RenderableType]:
    posts = Board(file).leaderboard()
    if not posts:
        return
    rescored = {
        entry.event.subject: (entry.event.pgr, entry.event.se)
        for entry in file.entries(Evaluation)
        if entry.event.panel == "final"
    }
    shown = posts if options.full else posts[:_BOARD_ROWS]
    table = data_table(
        name_column("finding"),
        number_column(score_name_of(file.info().scenario["task"])),
        number_column("rescored"),
        Column("family", no_wrap=True),
        Column("title", overflow="ellipsis", no_wrap=not options.full, ratio=1),
        title="Leaderboard: findings of full experiments",
        expand=True,
    )
    for post in shown:
        finding = post.finding
        final = pgr_text(*rescored[finding.id]) if finding.id in rescored else ""
        family = shortened(finding.family, 22 if options.width >= 100 else 14)
        code = None if finding.code is None else file.text(finding.code)
        known = None if code is None else known_method(code)
        mark = "" if known is None else f"known method {known}: "
        title = Text.assemble((mark, "yellow"), shortened(finding.title, options.width))
        table.add_row(finding.id, pgr_text(finding.pgr, finding.se), final, family, title)
    yield table
    if len(shown) < len(posts):
        yield Text(f"… {len(posts) - len(shown)} more (--full)", style="dim italic")
    yield Text()


def _team(progress: TeamProgress, options: DisplayOptions) -> Iterator[RenderableType]:
    team = list(progress.researchers.values())
    if not team:
        return
    shown = team if options.full else team[:_TEAM_ROWS]
    table = data_table(
        name_column("researcher"),
        number_column("best", "green"),
        *(number_column(heading) for heading in ("experiments", "findings", "hours")),
        Column("direction", overflow="ellipsis", no_wrap=not options.full, style="dim", ratio=1),
        title="Team",
        expand=True,
    )
    for researcher in shown:
        counts = (str(researcher.experiments), str(researcher.findings), f"{researcher.hours:.1f}")
        direction = shortened(researcher.direction or "–", 200)
        if researcher.successor is not None:
            direction = f"{researcher.step}; {direction}"
        table.add_row(researcher.name, pgr_text(researcher.best), *counts, direction)
    yield table
    if len(shown) < len(team):
        yield Text(f"… {len(team) - len(shown)} more (--full)", style="dim italic")
    yield Text()


def _decisions(file: RunReader) -> Iterator[RenderableType]:
    """Yield the number of decisions by kind and taker, and the realised autonomy by round."""
    taken, autonomy = decisions(file), autonomy_by_kind(file)
    if not taken:
        return
    takers = sorted({taker for _, taker in taken}, key=lambda taker: (taker != "agent", taker))
    columns = (number_column(f"by {taker}") for taker in takers)
    table = data_table(name_column("kind"), *columns, number_column("autonomy", "green"), title="Decisions")
    for kind, share in autonomy.items():
        table.add_row(kind.replace("_", " "), *(str(taken.get((kind, t), "")) for t in takers), percent_text(share))
    totals = (str(sum(count for (_, taker), count in taken.items() if taker == t)) for t in takers)
    table.add_row("all", *totals, percent_text(realised_autonomy(file) or 0.0), style="bold")
    yield table
    yield Text(f"Realised autonomy by round (0 is the setup): {_share_by_round(autonomy_by_round(file))}.")
    yield Text()


def _share_by_round(shares: Mapping[int, float]) -> str:
    """Return the percentages with their rounds; consecutive rounds with equal percentages are merged."""
    spans: list[tuple[int, int, str]] = []
    for round_, share in shares.items():
        percentage = percent_text(share)
        first_round = spans.pop()[0] if spans and spans[-1][2] == percentage else round_
        spans.append((first_round, round_, percentage))
    return ", ".join(f"{text} in {first if first == last else f'{first}–{last}'}" for first, last, text in spans)
