"""Outside agents as coroutines: the example agents, stages and gates, errors, and agents that connect by themselves."""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from team_runs import run, scenario
from test_nk_runs import scenario as nk_scenario

from aarlab.agents.models.outside.outside_session import OutsideSession
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.memory.events import Decision, Experiment, Finding, ModelCall, NotebookEntry, ReviewDecision, ToolExecution

EXAMPLES = Path(__file__).parents[2] / "docs" / "example-agent"
OPTIONS: dict[str, Any] = {"threads": 1}
Agent = Callable[[OutsideSession], Awaitable[object]]
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a package with agents, each as `module:function` or a function."""

    def install(**agents: str | Agent) -> None:
        site = tmp_path / "site" / "agents_for_a_test-1.dist-info"
        site.mkdir(parents=True)
        (site / "METADATA").write_text("Metadata-Version: 2.1\nName: agents-for-a-test\nVersion: 1\n")
        module = sys.modules[__name__]
        lines = []
        for name, agent in agents.items():
            if not isinstance(agent, str):
                monkeypatch.setattr(module, name, agent, raising=False)
                agent = f"{__name__}:{name}"
            lines.append(f"{name} = {agent}")
        (site / "entry_points.txt").write_text("\n".join(["[aarlab.agents]", *lines]))
        for path in (site.parent, EXAMPLES):
            monkeypatch.syspath_prepend(str(path))

    return install


@pytest.mark.parametrize(("name", "entry"), [("tuner", "aarlab_tuner:tune"), ("graph", "aarlab_graph_agent:work")])
def test_an_example_agent_reaches_a_heldout_score(name: str, entry: str, install: Install, tmp_path: Path) -> None:
    install(**{name: entry})
    team = {"researchers": 1, "model": f"agent/{name}"}
    opening = "published" if name == "tuner" else "none"
    fields = {"team": team, "structure": {"opening": opening}, "budget": {"hours": 1.5, "round_hours": 1.5}}
    done = run(scenario(**fields), tmp_path / "run.db", **OPTIONS)
    assert done.summary["status"] == "done"
    assert done.summary["heldout"]["pgr"] is not None
    (finding,) = [finding for finding in done.of(Finding) if finding.author == "r1"]
    assert finding.fidelity == "full"
    assert {call.model for call in done.of(ModelCall)} == {f"agent/{name}"}
    assert done.file.message(done.of(ModelCall)[-1].reply).text.endswith("it ended by itself; it returned.)")
    if name == "graph":
        again = scenario(**{**fields, "team": {"researchers": 1, "model": f"tape/{tmp_path / 'run.db'}"}})
        other = run(again, tmp_path / "tape.db", **OPTIONS)
        assert [call.reply for call in other.of(ModelCall)] == [call.reply for call in done.of(ModelCall)]
        other.file.close()
    done.file.close()
    (tmp_path / "site" / "agents_for_a_test-1.dist-info" / "entry_points.txt").unlink()
    assert replay_run(tmp_path / "run.db").digest == done.summary["digest"], "a replay needs no agent"


async def _staged(session: OutsideSession) -> None:
    """Do what each stage asks for, and end the turn in the last stage."""
    seen: list[set[str]] = [{tool.name for tool in session.tools}]
    answer = await session.call("post_finding", type="hypothesis", title="Try it", body=".", family="other")
    code = session.brief.split("```python\n")[1].split("```")[0]
    while not session.ended:
        names = {tool.name for tool in session.tools}
        seen.append(names)
        if "write_file" in names:
            answer = await session.call("write_file", path="method.py", text=code)
        elif "submit" in names:
            assert any("Stage: share" in message for message in answer["messages"])
            answer = await session.call("end_turn")
        elif "write_notebook" in names:
            answer = await session.call("write_notebook", text="a note")
        else:
            answer = await session.call("post_finding", type="hypothesis", title="Next", body=".", family="other")
    assert all("run_experiment" not in names for names in seen), "the workflow runs the experiments"


def test_stages_and_gates_hold_for_an_outside_agent(install: Install, tmp_path: Path) -> None:
    install(staged_agent=_staged)
    structure = {"workflow": "staged", "review": "gate", "opening": "none", "directions": "none"}
    fields = {"team": {"researchers": 1, "model": "agent/staged_agent"}, "structure": structure}
    done = run(scenario(**fields), tmp_path / "run.db", **OPTIONS)
    steps = [decision.choice for decision in done.of(Decision) if decision.decision == "next_step"]
    assert steps[:7] == ["propose", "plan", "implement", "smoke", "full", "analyse", "share"]
    assert done.of(ReviewDecision)
    assert done.of(Experiment)
    assert {entry.hours <= 3.0 + 0.5 for entry in done.entries_of(ToolExecution)} == {True}
    assert done.summary["structure_violations"] == []
    done.file.close()
    assert replay_run(tmp_path / "run.db").digest == done.summary["digest"]


async def _posting(session: OutsideSession) -> None:
    """Post a finding, which needs approval, and write a note, which does not."""
    post = {"type": "hypothesis", "title": "Try it", "body": ".", "family": "other"}
    assert (await session.call("post_finding", **post))["error"].startswith("the overseer rejected this call")
    assert "error" not in await session.call("write_notebook", text="rejected")


def test_calls_of_an_outside_agent_need_approval(install: Install, tmp_path: Path) -> None:
    install(posting=_posting)
    fields = {
        "team": {"researchers": 1, "model": "agent/posting", "overseer": "human/inbox"},
        "structure": {"opening": "none", "approve_tools": ["post_finding"]},
        "live": {"oversight_policy": {"post_finding": "reject"}},
        "budget": {"hours": 1, "round_hours": 1},
    }
    done = run(nk_scenario(**fields), tmp_path / "run.db", **OPTIONS)
    assert done.of(Finding) == []
    calls = [(call.tool, call.ok, call.cost_hours > 0) for call in done.of(ToolExecution)]
    assert calls == [("post_finding", False, False), ("write_notebook", True, True)]
    assert done.summary["structure_violations"] == []
    done.file.close()
    assert replay_run(tmp_path / "run.db").digest == done.summary["digest"]


async def _impatient(session: OutsideSession) -> None:
    """Make several calls at the same time, and raise an error."""
    await asyncio.gather(*(session.call("write_notebook", text=f"note {i}") for i in range(3)))
    assert session.clock.used > 0
    raise RuntimeError("no more ideas")


async def _stuck(session: OutsideSession) -> None:
    await asyncio.sleep(3600)


def test_parallel_calls_are_executed_in_order_and_errors_end_a_round(install: Install, tmp_path: Path) -> None:
    install(impatient=_impatient, stuck=_stuck)
    fields = {
        "team": {"researchers": 2, "models": {"r1": "agent/impatient", "r2": "agent/stuck"}},
        "live": {"agents": {"stuck": {"round_minutes": 0.005, "grace_seconds": 0}}},
        "structure": {"opening": "none"},
        "budget": {"hours": 1, "round_hours": 1},
    }
    done = run(nk_scenario(**fields), tmp_path / "run.db", **OPTIONS)
    assert [entry.text for entry in done.of(NotebookEntry)] == ["note 0", "note 1", "note 2"]
    last = {entry.stream: done.file.message(entry.event.reply).text for entry in done.entries_of(ModelCall)}
    assert "it raised RuntimeError: no more ideas" in last["r1"]
    assert "it had used its 0.005 minutes for the round; it was cancelled" in last["r2"]
    assert done.summary["status"] == "done"
    done.file.close()


def test_a_limit_on_calls_counts_the_tool_calls_of_an_agent(install: Install, tmp_path: Path) -> None:
    install(impatient=_impatient)
    fields = {
        "team": {"researchers": 1, "model": "agent/impatient"},
        "structure": {"opening": "none"},
        "budget": {"hours": 1, "round_hours": 1, "calls_per_agent": 2},
    }
    done = run(nk_scenario(**fields), tmp_path / "run.db", **OPTIONS)
    assert len(done.of(ModelCall)) == len(done.of(NotebookEntry)) == 2
    assert done.summary["status"] == "stopped"
    done.file.close()


def test_a_client_that_connects_by_itself_takes_part(tmp_path: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="needs the extra mcp")
    from mcp.client.stdio import StdioServerParameters, stdio_client

    path, folder = tmp_path / "run.db", tmp_path / "run.agents" / "r1"
    fields = {
        "team": {"researchers": 1, "model": "agent/mine"},
        "live": {"agents": {"mine": {"attach": True, "round_minutes": 2}}},
        "structure": {"opening": "none"},
        "budget": {"hours": 1, "round_hours": 1},
    }
    thread = threading.Thread(target=lambda: run(nk_scenario(**fields), path, **OPTIONS).file.close())
    thread.start()

    async def work() -> None:
        server = StdioServerParameters(command=sys.executable, args=["-m", "aarlab", "serve-tools", str(folder)])
        async with stdio_client(server) as streams, mcp.ClientSession(*streams) as session:
            await session.initialize()
            assert (await session.get_prompt("brief")).messages[0].content.text.startswith("You are r1")
            result = await session.call_tool("write_notebook", {"text": "by hand"})
            assert json.loads(result.content[0].text)["written"]
            await session.call_tool("end_turn", {})

    asyncio.run(asyncio.wait_for(work(), 60))
    thread.join(60)
    assert not (folder / "connection.json").exists()
    assert replay_run(path).finished


@pytest.mark.parametrize("reverse", [False, True])
def test_a_run_can_be_forked_to_and_from_an_outside_agent(install: Install, tmp_path: Path, reverse: bool) -> None:
    install(impatient=_impatient)
    fields = {"structure": {"opening": "none"}, "budget": {"hours": 2, "round_hours": 1}}
    models = ["simulated/local-search", "agent/impatient"][:: -1 if reverse else 1]
    before, after = (nk_scenario(**fields, team={"researchers": 1, "model": model}) for model in models)
    run(before, tmp_path / "run.db", **OPTIONS).file.close()
    summary = fork_run(tmp_path / "run.db", tmp_path / "fork.db", after, at=2, **OPTIONS)
    assert summary["status"] == "done"
    assert replay_run(tmp_path / "fork.db").digest == summary["digest"]
