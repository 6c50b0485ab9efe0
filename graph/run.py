"""One run, from a scenario to a scored and closed run file."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from aarlab import __version__
from aarlab.graph.briefing import starters, tools_for
from aarlab.graph.dials.dial import deciders, first_step
from aarlab.graph.dials.directions import direction_of
from aarlab.graph.dials.topology import hearing
from aarlab.graph.lab import OVERSEER, PLANNER, REVIEWER, Desk, Lab
from aarlab.graph.librarian import librarian_of
from aarlab.graph.payroll import Payroll
from aarlab.graph.scenario import Scenario
from aarlab.graph.summary import summarise
from aarlab.graph.team import compile_team
from aarlab.memory.board import Board
from aarlab.memory.events import LimitReached
from aarlab.memory.runfile import Entry, RunFile
from aarlab.scenarios import registry
from aarlab.scenarios.task import Progress, Task
from aarlab.tools.bench import Bench
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.sandbox import Mode, Sandbox
from aarlab.tools.scorecache import ScoreCache


def run_scenario(
    scenario: Scenario,
    path: Path,
    *,
    listeners: Sequence[Callable[[Entry], None]] = (),
    progress: Progress | None = None,
    sandbox: Mode = "strict",
    cache: bool = True,
    threads: int | None = None,
) -> dict[str, Any]:
    """Run a scenario into a new run file and return the summary, which the file keeps too.

    A run that a limit of the budget ends early is closed and scored as any other; its status is `stopped`.

    Args:
        scenario: What to run.
        path: The run file to make; its stem is the run's id.
        listeners: Called with every event as it happens.
        progress: Told about slow preparations: what, and the share done in [0, 1].
        sandbox: Where methods run; see `aarlab.tools.sandbox`. The file keeps the mode.
        cache: Use scores on common panels that have been measured on this machine before, and keep new ones. They are
            the same either way.
        threads: Worlds that are evaluated at a time; None: one for each core. It changes nothing but the time.

    Raises:
        FileExistsError: There is such a file already.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
        ModelError: A base model cannot be had, and waiting would not help.

    Whatever else ends the run early, KeyboardInterrupt included, passes through; the file then says so and keeps what
    was done.
    """
    began = time.monotonic()
    if path.exists():
        raise FileExistsError(f"{path} exists already")
    task = registry.task(scenario.task.name, scenario.task.knobs)
    task.prepare(progress)
    with (
        Sandbox(sandbox) as box,
        _evaluator(scenario, task, box, cache=cache, threads=threads) as evaluator,
        RunFile.create(
            path,
            run_id=path.stem,
            version=__version__,
            seed=scenario.seed,
            scenario=scenario.model_dump(mode="json"),
            sandbox=sandbox,
        ) as file,
    ):
        for listener in listeners:
            file.on_event(listener)
        try:
            asyncio.run(_work(_lab(scenario, task, file, evaluator, progress)))
        except BaseException as error:
            file.finish("stopped" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
        limits = [entry.event.told for entry in file.entries(LimitReached) if isinstance(entry.event, LimitReached)]
        status: Literal["done", "stopped"] = "stopped" if limits else "done"
        ending = {"status": status, "limits_reached": limits, "wall_s": round(time.monotonic() - began, 2)}
        summary = {**summarise(file), **ending}
        file.finish(status, summary)
        return summary


async def _work(lab: Lab) -> None:
    """Run the team graph, its checkpoints beside the events."""
    # Autocommit: a transaction left open between two awaits would lock the file for the events written meanwhile.
    async with aiosqlite.connect(lab.file.path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = NORMAL")
        await connection.execute("PRAGMA busy_timeout = 30000")
        team = compile_team(lab.scenario.structure, AsyncSqliteSaver(connection))
        try:
            await team.ainvoke(
                {"round": 0, "agent": ""},
                context=lab,
                config={"configurable": {"thread_id": lab.file.path.stem}, "recursion_limit": 10 * lab.rounds + 100},
                durability="async",
            )
        finally:
            await lab.payroll.aclose()


def _evaluator(scenario: Scenario, task: Task, sandbox: Sandbox, *, cache: bool, threads: int | None) -> Evaluator:
    scoring = scenario.scoring
    return Evaluator(
        task,
        sandbox,
        run_seed=scenario.seed,
        full_worlds=scoring.full_worlds,
        secret=scoring.secret,
        open_book=scenario.structure.blueprint().evaluation == "open",
        # What unconfined code may have had a hand in is not kept for others.
        cache=ScoreCache.open() if cache and sandbox.mode != "none" else None,
        threads=threads,
    )


def _lab(scenario: Scenario, task: Task, file: RunFile, evaluator: Evaluator, progress: Progress | None) -> Lab:
    """Furnish the lab: a desk for each researcher, and the other roles that the structure has."""
    structure, team = scenario.structure, scenario.team
    blueprint = structure.blueprint()
    hears = hearing(structure.topology, structure.topology_parameters, team.names, scenario.seed)
    board = Board(file, hears)

    payroll = Payroll(scenario, progress)
    files, tools = starters(), tools_for(scenario)
    desks: dict[str, Desk] = {}
    for i, name in enumerate(team.names):
        bench = Bench(
            name, file, board, evaluator, scenario.costs.model_dump(), scenario.budget.hours, files=dict(files)
        )
        bench.cap = scenario.scoring.cap if blueprint.evaluation == "capped" else None
        bench.deciders = deciders(blueprint)
        desk = desks[name] = Desk(
            bench=bench,
            model=payroll.hire(team.model_of(name), name),
            model_name=team.model_of(name),
            tools=tools,
            direction=direction_of(i) if blueprint.distinct_directions else None,
            hears=None if hears is None else [other for other in team.names if other in hears[name]],
            first=first_step(blueprint),
        )
        if structure.sharing == "query":
            bench.librarian = librarian_of(desk, payroll.hire(team.librarian, f"{name} librarian"))
    return Lab(
        scenario, blueprint, file, board, evaluator,
        reviewer=payroll.hire(team.reviewer, REVIEWER) if "review" in blueprint.team_nodes else None,
        overseer=payroll.hire(team.overseer, OVERSEER) if structure.oversight != "none" else None,
        planner=payroll.hire(team.model_of(PLANNER), PLANNER) if structure.planned else None,
        desks=desks, payroll=payroll, progress=progress,
    )  # fmt: skip
