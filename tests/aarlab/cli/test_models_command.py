"""Tests of `aarlab models`, `aarlab prompts` and runs with an API key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from model_servers import ModelServer, SimulatedTeam

from aarlab.agents.models.base import Reply
from aarlab.agents.models.registry import MODELS
from aarlab.graph.structure.structure import PRESETS
from aarlab.memory.messages import Message, Text, ToolCall, Usage

KEY = "sk-planted-4f1c9d77aa"
Aarlab = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove API keys from the environment, and restore it afterwards."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def env_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a file that holds the API key."""
    path = tmp_path_factory.mktemp("secret") / ".env"
    path.write_text(f"ANTHROPIC_API_KEY={KEY}\nOPENAI_API_KEY={KEY}\n")
    return str(path)


def served(server: ModelServer) -> list[str]:
    return ["--set", f"live.base_urls={{anthropic: {server.url}}}"]


def test_models_are_listed_with_requirements_and_prices(aarlab: Aarlab) -> None:
    output = json.loads(aarlab("models", "--json").stdout)
    assert {provider["name"] for provider in output["providers"]} >= {"anthropic", "openai"}
    assert "ANTHROPIC_API_KEY" in output["providers"][0]["needs"]
    assert output["prices"]["anthropic/claude-opus-4-6"]["output"] == 25
    text = aarlab("models").stdout
    assert "anthropic/MODEL" in text
    assert "human/terminal" in text


def test_models_test_prints_the_reply(aarlab: Aarlab, env_file: str) -> None:
    def answer(request: Any) -> Any:
        return Reply(Message("assistant", (ToolCall("t1", "add", {"a": 2, "b": 2}),)), "tool_use", Usage(), "", None)

    with ModelServer(answer, key=KEY) as server:
        command = ("models", "test", "anthropic/claude-opus-5-5", "--env-file", env_file, *served(server))
        output = json.loads(aarlab(*command, "--json").stdout)
        text = aarlab(*command).stdout
    assert (output["status"], output["stop_reason"], output["cost_usd"]) == ("done", "tool_use", None)
    assert output["usage"]["input_tokens"] == server.billed["input"] / 2
    assert "▸ add {'a': 2, 'b': 2}" in text
    assert "cost unknown" in text, "prices of other servers are unknown"
    assert "Tool calls and JSON arguments work." in text
    assert (output["tool_calls"], output["json_arguments"]) == (True, True)
    assert {body["max_tokens"] for body in server.requests} == {300}


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("simulated/")])
def test_models_test_works_for_each_simulated_model(aarlab: Aarlab, name: str) -> None:
    done = aarlab("models", "test", name, "--json")
    assert done.exit_code == 0, done.output
    output = json.loads(done.stdout)
    assert (output["model"], output["status"], output["cost_usd"]) == (name, "done", 0.0)
    assert output["tool_calls"]


def test_models_test_without_a_person_says_so(aarlab: Aarlab) -> None:
    done = aarlab("models", "test", "human/terminal")
    assert done.exit_code in (1, 2)
    assert "Traceback" not in done.output
    assert len(done.stderr.strip().splitlines()) <= 12


@pytest.mark.parametrize(
    ("blocks", "stop_reason", "shown", "flags"),
    [
        ((Text("Four."),), "end_turn", "Tool calls: it did not call the tool.", (False, None)),
        ((ToolCall("t1", "plus", {}),), "tool_use", "Tool calls: it called 'plus' instead of add.", (False, None)),
        (
            (ToolCall("t1", "add", {"a": "2", "b": 2}),),
            "tool_use",
            "JSON arguments: a is '2' instead of 2.",
            (True, False),
        ),
        ((Text("Let me"),), "max_tokens", "was cut off at 300 tokens, the limit of this test", (False, None)),
    ],
)
def test_models_test_says_what_does_not_work(
    aarlab: Aarlab, env_file: str, blocks: tuple[Any, ...], stop_reason: str, shown: str, flags: tuple[Any, ...]
) -> None:
    answer = Reply(Message("assistant", blocks), stop_reason, Usage(), "", None)
    with ModelServer(lambda request: answer, key=KEY) as server:
        command = ("models", "test", "anthropic/claude-opus-5-5", "--env-file", env_file, *served(server))
        assert shown in " ".join(aarlab(*command).stdout.split())
        output = json.loads(aarlab(*command, "--json").stdout)
    assert (output["tool_calls"], output["json_arguments"]) == flags


def test_models_test_leaves_room_for_a_thinking_budget(aarlab: Aarlab, env_file: str) -> None:
    answer = Reply(Message("assistant", (Text("Four."),)), "end_turn", Usage(), "", None)
    with ModelServer(lambda request: answer, key=KEY) as server:
        settings = ("--set", "live.thinking=2000", "--env-file", env_file, *served(server))
        assert aarlab("models", "test", "anthropic/x", *settings).exit_code == 0
    assert {(body["max_tokens"], body["thinking"]["budget_tokens"]) for body in server.requests} == {(2300, 2000)}


def test_models_test_of_an_unknown_model_lists_the_models(aarlab: Aarlab) -> None:
    done = aarlab("models", "test", "nonsense/x")
    assert done.exit_code == 2
    assert "no base model is called 'nonsense/x'; there are: " in done.stderr


def test_refused_key_is_not_printed(aarlab: Aarlab, env_file: str) -> None:
    with ModelServer(SimulatedTeam(1)) as server:
        done = aarlab("models", "test", "anthropic/x", "--env-file", env_file, *served(server))
    assert done.exit_code == 1
    assert "anthropic/x does not reply: anthropic/x: the key was refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.output


@pytest.mark.parametrize("command", [("run",), ("models", "test", "anthropic/claude-opus-5-5")], ids=" ".join)
def test_missing_key_exits_with_2_and_writes_no_file(aarlab: Aarlab, tmp_path: Path, command: tuple[str, ...]) -> None:
    named = ["--set", "team.model=anthropic/claude-opus-5-5"] if command == ("run",) else []
    done = aarlab(*command, *named)
    assert done.exit_code == 2
    assert "ANTHROPIC_API_KEY is not set: export it, or write it into a file and pass --env-file FILE" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_key_appears_nowhere_after_a_limited_run(
    aarlab: Aarlab, tmp_path: Path, env_file: str, tiny: list[str]
) -> None:
    with ModelServer(SimulatedTeam(1), faults=["garbage", "500"], every=5, key=KEY) as server:
        named = ["--set", "team.model=anthropic/claude-opus-5-5", "--set", "budget.calls=14"]
        done = aarlab("run", "--json", "--env-file", env_file, *tiny, *named, *served(server))
    output = json.loads(done.stdout)
    assert (done.exit_code, output["status"]) == (3, "stopped"), done.stderr
    assert output["limits_reached"][0].startswith("budget.calls is 14 calls; 14 calls are spent")
    assert f"anthropic/claude-opus-5-5 is called at {server.url}" in done.stderr
    assert sum(server.applied_faults.values()) > 0
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert contents
    assert all(KEY.encode() not in content for content in contents)
    assert KEY not in done.output
    assert all(KEY not in json.dumps(body) for body in server.requests), "the key is sent in a header only"


def test_address_with_password_is_refused_unquoted(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("live:\n  base_urls: {openai: 'http://me:hunter2@localhost/v1'}\n")
    done = aarlab("validate", "my.yaml")
    assert done.exit_code == 2
    assert "my.yaml:2: live.base_urls" in done.stderr
    assert "contains a password or a query; set keys in the environment instead" in done.stderr
    assert "hunter2" not in done.output


@pytest.mark.parametrize("preset", PRESETS)
def test_prompts_match_the_structure(aarlab: Aarlab, preset: str) -> None:
    settings = ["--set", f"structure={preset}", *(["--set", "team.researchers=1"] if preset == "single" else [])]
    output = json.loads(aarlab("prompts", *settings, "--json").stdout)["prompts"]
    team = "the only researcher" if preset == "single" else "one of 9 researchers in a team"
    assert output["r1"].startswith(f"You are r1, {team}.")
    assert ("reviewer" in output) == (preset in ("reviewed", "scripted"))
    assert ("lead" in output) == (preset in ("scripted", "hybrid", "centralised"))
    assert ("r1: a task" in output) == (preset in ("hybrid", "centralised"))
    assert any(title.startswith("r1: the stage") for title in output) == (preset in ("staged", "scripted"))
