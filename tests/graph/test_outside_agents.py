"""Outside agents as researchers: real MCP clients, misbehaving agents, replay, resume."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from team_runs import TINY, Run, run, scenario
from test_nk_runs import scenario as nk_scenario

from aarlab.agents.models.outside import agent_confinement
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import Experiment, FailedRepeat, Finding, ModelCall, NotebookEntry, ToolExecution
from aarlab.memory.run_reader import RunReader

pytest.importorskip("mcp", reason="needs the extra mcp")

CLIENTS = Path(__file__).with_name("outside_clients.py")
ONE_ROUND = {"hours": 1, "round_hours": 1}
confined = agent_confinement.unavailable_reason() is None


OPTIONS: dict[str, Any] = {"threads": 1}


def client(kind: str, *arguments: str, **settings: Any) -> dict[str, Any]:
    """Return the settings of an agent that is a script of `outside_clients.py`."""
    read = sorted({str(CLIENTS.parent), sys.prefix, sys.base_prefix})
    command = [sys.executable, str(CLIENTS), kind, *arguments]
    return {
        "command": command, "confined": confined, "network": False, "read": read, "grace_seconds": 0.2, **settings
    }  # fmt: skip


def team(agents: dict[str, Any], *others: str) -> dict[str, Any]:
    """Return the scenario fields of a team with one researcher for each agent, and with other base models."""
    names = [f"agent/{name}" for name in agents] + list(others)
    models = {f"r{i + 1}": name for i, name in enumerate(names)}
    return {"team": {"researchers": len(names), "models": models}, "live": {"agents": agents}}


def endings(done: Run) -> dict[str, list[str]]:
    """Return how the agent of each researcher ended in each round."""
    last = [entry for entry in done.entries_of(ModelCall) if entry.event.stop_reason == "agent_ended"]
    texts = [(entry.stream, done.file.message(entry.event.reply).text) for entry in last]
    return {name: [text for stream, text in texts if stream == name] for name in done.researchers}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("sdk_stdio", {}),
        pytest.param("sdk_http", {"transport": "http", "network": True}, marks=pytest.mark.long),
        pytest.param("langchain", {}, marks=pytest.mark.long),
    ],
)
def test_a_foreign_mcp_client_works_through_a_round(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    if kind == "langchain":
        pytest.importorskip("langchain_mcp_adapters")
    fields = team({"client": client(kind, **settings)})
    done = run(scenario(**fields, structure={"opening": "none"}, budget=ONE_ROUND), tmp_path / "run.db", **OPTIONS)
    (finding,), (experiment,) = done.of(Finding), done.of(Experiment)
    assert (finding.experiment, finding.pgr) == (experiment.id, experiment.pgr)
    assert experiment.pgr is not None
    assert [execution.tool for execution in done.of(ToolExecution)] == [
        "read_board", "write_file", "run_experiment", "post_finding"
    ]  # fmt: skip
    assert endings(done) == {"r1": ["(The outside agent stopped: it ended by itself; exit status 0.)"]}
    assert done.summary["heldout"]["pgr"] is not None
    assert (done.summary["tokens"], done.summary["cost_usd"]) == (None, None)
    done.file.close()
    assert replay_run(tmp_path / "run.db").digest == done.summary["digest"]


@pytest.fixture(scope="module")
def misbehaved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Path]]:
    """Yield a run with one agent of each kind and a simulated researcher, and a folder that no agent may see."""
    outside, loud = tmp_path_factory.mktemp("outside"), "yes | head -c 9000000; yes >&2"
    agents = {
        "crashing": client("", command=["sh", "-c", "echo no luck >&2; exit 3"]),
        "missing": client("", command=["./not-there"]),
        "endless": client("", command=["sh", "-c", "sleep 600 & sleep 600"], round_minutes=0.01),
        "loud": client("", command=["sh", "-c", loud], round_minutes=0.02, transcript="stdout"),
        "unknown": client("unknown_tools"),
        "clockless": client("ignores_its_clock"),
        "outside": client("writes_outside", str(outside), env=["OUTSIDE_KEY"], transcript="stdout"),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OUTSIDE_KEY", "sk-this-is-the-key")
        environment.setenv("OTHER_KEY", "sk-this-is-another")
        fields = {**team(agents, "simulated/local-search"), "structure": {"opening": "none", "directions": "none"}}
        path = tmp_path_factory.mktemp("misbehaved") / "run.db"
        done = run(nk_scenario(**fields, budget={"hours": 2, "round_hours": 1}), path, **OPTIONS)
    yield done, outside
    done.file.close()


def test_the_run_goes_on_without_agents_that_fail(misbehaved: tuple[Run, Path]) -> None:
    done, _ = misbehaved
    ends = endings(done)
    assert done.summary["status"] == "done"
    assert len(done.entries_of(Finding, stream="r8")) > 0, "the simulated researcher works in the same run"
    assert all(len(rounds) == 2 for name, rounds in ends.items() if name != "r8")
    assert "exit status 3; its last errors: no luck" in ends["r1"][0]
    assert "exit status 1" in ends["r2"][0]
    assert "it had used its 0.01 minutes for the round; it was killed" in ends["r3"][0]
    assert "its round ended; it was killed" in ends["r6"][0]
    assert replay_run(done.file.path).digest == done.summary["digest"]


def test_wrong_calls_are_recorded_as_failed_calls(misbehaved: tuple[Run, Path]) -> None:
    done, _ = misbehaved
    first, second, third, *_ = done.of(ToolExecution, stream="r5")
    assert "unknown tool 'delete_everything'" in first.summary
    assert "limit" in second.summary
    assert "not a JSON object" in third.summary
    assert not any(execution.ok for execution in done.of(ToolExecution, stream="r5"))
    assert len(done.of(FailedRepeat, stream="r5")) == 3, "the second round repeats the calls of the first"
    sizes = [len(done.message_text(call.reply)) for call in done.of(ModelCall, stream="r5")]
    assert max(sizes) < 10_000, "huge arguments are not stored"


def test_no_agent_uses_more_hours_than_its_round_has(misbehaved: tuple[Run, Path]) -> None:
    done, _ = misbehaved
    for entry in done.entries_of(ToolExecution, stream="r6"):
        assert entry.hours <= entry.round + 0.2, "a call that overruns shortens the next round"
    assert done.of(ToolExecution, stream="r6")


def test_long_output_is_stored_in_part(misbehaved: tuple[Run, Path]) -> None:
    done, _ = misbehaved
    (call, _) = done.of(ModelCall, stream="r4")
    assert 100_000 < len(done.file.message(call.reply).thinking) < 600_000


@pytest.mark.skipif(not confined, reason="bubblewrap does not work here")
def test_an_agent_can_write_only_into_its_workspace(misbehaved: tuple[Run, Path]) -> None:
    done, outside = misbehaved
    call = done.of(ModelCall, stream="r7")[-1]
    first, second, _ = done.file.message(call.reply).thinking.splitlines()
    said = json.loads(first)
    assert said["denied"] == [str(outside / "x"), "/usr/x", "/etc/x"]
    assert not said["outside"]
    assert list(outside.iterdir()) == []
    assert (done.file.path.with_suffix(".agents") / "r7" / "inside.txt").exists()
    assert "OTHER_KEY" not in said["environment"]
    assert "sk-this-is-the-key" not in second
    assert done.of(NotebookEntry, stream="r7")[0].text == "my key is [OUTSIDE_KEY]"
    assert b"sk-this-is-the-key" not in done.file.path.read_bytes()


def test_stated_usage_and_cost_are_recorded(misbehaved: tuple[Run, Path]) -> None:
    done, _ = misbehaved
    for call in [call for call in done.of(ModelCall, stream="r7") if call.stop_reason == "agent_ended"]:
        assert (call.input_tokens, call.output_tokens, call.cost_usd) == (70, 30, 0.25)
    for call in done.of(ModelCall, stream="r1"):
        assert (call.input_tokens, call.cost_usd) == (None, None)


_RUN_SCRIPT = """
import json, sys
from pathlib import Path
from aarlab.cli.stop_signals import stop_signals_as_ctrl_c
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
with stop_signals_as_ctrl_c():
    run_scenario(Scenario.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2]), sandbox="none", threads=1)
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_kills_its_agents_and_resumes(stop: signal.Signals, tmp_path: Path) -> None:
    # Unconfined, because a confined agent sees other process ids.
    fields = {**team({"waiting": client("one_step_and_wait", confined=False)}), "structure": {"opening": "none"}}
    chosen = nk_scenario(**fields, budget=ONE_ROUND)
    path, pids = tmp_path / "run.db", tmp_path / "run.agents" / "r1" / "pids"
    command = [sys.executable, "-c", _RUN_SCRIPT, chosen.model_dump_json(), str(path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not (pids.exists() and pids.read_text()) and process.poll() is None:
            time.sleep(0.05)
        agent, child = map(int, pids.read_text().split())
        assert _alive(agent)
        process.send_signal(stop)
    deadline = time.monotonic() + 120
    while _alive(agent) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(agent)
    if stop == signal.SIGINT:
        assert not _alive(child), "Ctrl-C kills the whole process group"
    elif _alive(child):
        os.kill(child, signal.SIGKILL)
    assert resume_run(path, sandbox="none", **OPTIONS)["status"] == "done"
    with RunReader.open(path) as file:
        assert [entry.event.text for entry in file.entries(NotebookEntry)] == ["first note", "second note"]
        assert [entry.event.input_tokens for entry in file.entries(ModelCall)][-1] is None
        digest = file.digest()
    assert replay_run(path).digest == digest


def test_limits_that_outside_agents_cannot_keep_are_refused() -> None:
    fields = team({"x": {"command": "x"}})
    with pytest.raises(ValueError, match=r"budget.tokens cannot limit agent/x.*budget.calls"):
        scenario(**fields, budget={**TINY["budget"], "tokens": 1000})
    with pytest.raises(ValueError, match="agent/x has the role researcher and cannot be the lead"):
        Scenario.model_validate(
            {**TINY, "team": {"researchers": 2, "model": "agent/x"}, "structure": {"directions": "pool"}}
        )


@pytest.mark.skipif(not confined, reason="bubblewrap does not work here")
def test_what_an_agent_lacks_is_said_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my-agent"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("MY_KEY", raising=False)
    lacking = {
        "not-there": {},
        str(program): {},
        "sh": {"env": ["MY_KEY"]},
        "true": {"read": [str(tmp_path / "nothing")]},
    }
    expected = ["is not found", "not visible to the confined command; add", "MY_KEY", "does not exist"]
    for (command, settings), words in zip(lacking.items(), expected, strict=True):
        live = LiveSettings.model_validate({"agents": {"x": {"command": [command], **settings}}})
        assert words in str(live.model("agent/x").missing_requirement())
    live = LiveSettings.model_validate({"agents": {"x": {"command": [str(program)], "read": [str(tmp_path)]}}})
    assert live.model("agent/x").missing_requirement() is None
    assert "no installed package has an agent" in str(live.model("agent/nobody").missing_requirement())
