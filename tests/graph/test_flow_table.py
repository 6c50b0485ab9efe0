"""Flow tables: LangGraph and direct execution visit the same nodes."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, TypedDict

import pytest
from langgraph.graph import END
from langgraph.runtime import Runtime
from team_runs import FAST_STRUCTURES, TINY, complete

from aarlab.graph.flow.direct import execute_by_langgraph, execute_directly
from aarlab.graph.flow.flow_table import Flow, FlowNode
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.shared_resources import SharedResources
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import PRESETS
from aarlab.memory.run_reader import RunReader

AGENTS = ("r1", "r2", "r3")


class State(TypedDict):
    agent: str
    next: str


def flow(visited: list[str]) -> Flow:
    """Return a flow that executes `work` for all agents three times and ends."""

    async def begin(state: State, runtime: Runtime[Any]) -> None:
        visited.append("begin")

    async def choose(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
        visited.append("choose")
        return {"next": "work" if visited.count("choose") <= 3 else END}

    async def work(state: State, runtime: Runtime[Any]) -> None:
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
    async def fail(state: State, runtime: Runtime[Any]) -> None:
        if state["agent"] == "r2":
            raise ValueError("r2 failed")

    run: Any = SimpleNamespace(sessions=dict.fromkeys(AGENTS))
    failing = Flow("test", State, ("fail",), {"fail": FlowNode(fail, (END,), per_researcher=True)})
    with pytest.raises(ValueError, match="r2 failed"):
        asyncio.run(execute_directly(failing, {"agent": "", "next": ""}, run))


@pytest.mark.parametrize(
    "dials",
    [*FAST_STRUCTURES[::2], *(pytest.param(preset, marks=pytest.mark.long) for preset in PRESETS.values())],
    ids=lambda dials: "-".join(dials.values()),
)
def test_a_run_has_the_same_digest_by_langgraph_and_directly(
    dials: dict[str, str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch, shared_resources: SharedResources
) -> None:
    scenario = Scenario.model_validate({**TINY, "structure": complete(dials)})
    digests = set()
    for execute in (execute_by_langgraph, execute_directly):
        path = tmp_path / execute.__name__ / "run.db"
        path.parent.mkdir()
        monkeypatch.setattr("aarlab.graph.flow.team_graph.execute_flow", execute)
        run_scenario(scenario, path, sandbox="none", shared_resources=shared_resources)
        with RunReader.open(path) as file:
            digests.add(file.digest())
    assert len(digests) == 1


@pytest.fixture(scope="module")
def shared_resources() -> Iterator[SharedResources]:
    """Resources for all runs of this file."""
    with SharedResources() as shared_resources:
        yield shared_resources
