"""Flow tables: LangGraph and direct execution visit the same nodes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict

import pytest
from team_runs import FAST_STRUCTURES, TINY, Dials, Run, complete, run, scenario, structures

from aarlab.agents.models.registry import MODELS
from aarlab.graph.calls.model_pool import ModelPool
from aarlab.graph.flow.direct import execute_directly
from aarlab.graph.flow.flow_table import END, Flow, FlowNode
from aarlab.graph.run.replay import replay_run
from aarlab.graph.structure.structure import PRESETS, SINGLE

AGENTS = ("r1", "r2", "r3")


class State(TypedDict):
    agent: str
    next: str


def flow(visited: list[str]) -> Flow:
    """Return a flow that executes `work` for all agents three times and ends."""

    async def begin(state: State, run: Any) -> None:
        visited.append("begin")

    async def choose(state: State, run: Any) -> dict[str, Any]:
        visited.append("choose")
        return {"next": "work" if visited.count("choose") <= 3 else END}

    async def work(state: State, run: Any) -> None:
        visited.append(state["agent"])

    nodes = {
        "begin": FlowNode(begin, ("choose",)),
        "choose": FlowNode(choose, ("work", END)),
        "work": FlowNode(work, ("choose",), per_researcher=True),
    }
    return Flow("test", State, ("begin",), nodes)


def test_langgraph_and_direct_execution_visit_the_same_nodes() -> None:
    run: Any = SimpleNamespace(sessions=dict.fromkeys(AGENTS))
    state = {"agent": "", "next": ""}
    scheduled: list[str] = []
    direct: list[str] = []
    asyncio.run(flow(scheduled).compiled.ainvoke(state, context=run))
    asyncio.run(execute_directly(flow(direct), state, run))
    assert scheduled == direct == ["begin", *(["choose", *AGENTS] * 3), "choose"]


def test_an_error_for_one_researcher_is_raised() -> None:
    async def fail(state: State, run: Any) -> None:
        if state["agent"] == "r2":
            raise ValueError("r2 failed")

    run: Any = SimpleNamespace(sessions=dict.fromkeys(AGENTS))
    failing = Flow("test", State, ("fail",), {"fail": FlowNode(fail, (END,), per_researcher=True)})
    with pytest.raises(ValueError, match="r2 failed"):
        asyncio.run(execute_directly(failing, {"agent": "", "next": ""}, run))


@structures(FAST_STRUCTURES)
def test_langgraph_replays_what_was_executed_directly(run: Run) -> None:
    replayed = replay_run(run.file.path, scheduler="langgraph")
    assert (replayed.digest, replayed.finished) == (run.summary["digest"], True)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_same_digest_by_langgraph_and_directly(preset: str, tmp_path: Path) -> None:
    team = {"researchers": 1 if preset == SINGLE else 2}
    short = {**TINY["scoring"], "finalists": 1, "heldout_worlds": 2, "shifted_worlds": 0}
    by_langgraph = run(
        scenario(structure=preset, team=team, budget={"hours": 0.6, "round_hours": 0.3}, scoring=short),
        tmp_path / "run.db",
        scheduler="langgraph",
    )
    by_langgraph.file.close()
    replayed = replay_run(tmp_path / "run.db", scheduler="direct")
    assert (replayed.digest, replayed.finished) == (by_langgraph.summary["digest"], True)


@pytest.mark.parametrize(
    ("model", "live"), [("simulated/random", False), ("tape/run.db", False), ("human/terminal", True)]
)
def test_langgraph_is_the_default_if_a_model_is_live(model: str, *, live: bool) -> None:
    settings = scenario()
    pool = ModelPool(settings.budget, settings.live, seed=1, temperament="varied")
    pool.get("simulated/reviewer", "reviewer")
    pool.get(model, "r1")
    assert pool.has_live_model == live
    assert not any(info.live for info in MODELS.values() if info.name.startswith("simulated/"))


@pytest.mark.long
def test_a_run_has_the_same_digest_by_langgraph_and_directly(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    dials = FAST_STRUCTURES[2]
    done = run(scenario(structure=complete(dials)), tmp_path / "run.db", scheduler="langgraph")
    assert done.summary["digest"] == run_of(dials).summary["digest"]
    done.file.close()
