"""Addresses of model servers that a file names: keys are sent there only if the user agrees."""

import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab import ablate, fork, resume, run
from aarlab.config import ConfigError
from aarlab.config.address_checks import confirmed_in_settings, unconfirmed_agents, unconfirmed_hosts
from aarlab.graph.calls.live_settings import LiveSettings

Aarlab = Callable[..., Result]
HOST = "keys.evil.invalid"
SCENARIO = (
    f"team: {{model: anthropic/m}}\nlive: {{base_urls: {{anthropic: 'https://{HOST}/v1'}}, max_retry_minutes: 0.001}}\n"
)
ABLATION = f"""\
name: foreign
seeds: 1
scenario: {{live: {{base_urls: {{anthropic: 'https://{HOST}'}}}}}}
arms: {{a: {{team.model: anthropic/m}}, b: {{team.model: anthropic/n}}}}
"""


@pytest.fixture
def foreign(summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an interrupted run whose file names a server; a scenario and an ablation that do are beside it."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-planted-91d4c07be2")
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    (tmp_path / "ablation.yaml").write_text(ABLATION)
    changed = json.dumps({"anthropic": f"https://{HOST}"})
    with closing(sqlite3.connect(path)) as connection, connection:
        query = "UPDATE runs SET status = 'stopped', summary = NULL, scenario = json_set(scenario, '$.live.base_urls', "
        connection.execute(f"{query} json(?), '$.team.model', 'anthropic/m')", (changed,))
    return path


COMMANDS = (
    ("run", "scenario.yaml"), ("resume", "run.db"), ("fork", "run.db", "--round", "2"), ("ablate", "ablation.yaml"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=[command[0] for command in COMMANDS])
def test_server_of_a_file_must_be_confirmed(aarlab: Aarlab, foreign: Path, command: tuple[str, ...]) -> None:
    done = aarlab(*command)
    assert done.exit_code == 2, done.output
    assert f"a file names the server {HOST}, which is not the provider's own" in done.stderr
    assert f"--allow-base-url {HOST}" in done.stderr
    assert not (foreign.parent / "runs").exists()


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(
    "call", [lambda: run("scenario.yaml"), lambda: resume("run.db"), lambda: fork("run.db", 2),
             lambda: ablate("ablation.yaml")],
    ids=["run", "resume", "fork", "ablate"],
)  # fmt: skip
def test_functions_refuse_a_server_of_a_file(aarlab: Aarlab, call: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match=f"--allow-base-url {HOST}"):
        call()


@pytest.mark.long
@pytest.mark.usefixtures("foreign")
def test_the_user_can_allow_a_server(aarlab: Aarlab) -> None:
    allowed = aarlab("run", "scenario.yaml", "--allow-base-url", HOST)
    assert f"anthropic/m is called at https://{HOST}/v1" in allowed.stderr
    assert aarlab("run", "scenario.yaml", "--allow-base-url", f"not.{HOST}").exit_code == 2


def test_addresses_that_need_no_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-91d4c07be2")
    for url in ("http://localhost:8000/v1", "http://127.0.0.1:1", "http://[::1]:1", "https://api.openai.com/v1"):
        assert unconfirmed_hosts([(LiveSettings(base_urls={"openai": url}), "openai/m")], ()) == {}
    for url in ("https://localhost.evil.org", "https://127.0.0.1.evil.org", "https://api.openai.com.evil.org/v1"):
        assert len(unconfirmed_hosts([(LiveSettings(base_urls={"openai": url}), "openai/m")], ())) == 1
        typed = confirmed_in_settings([f"live.base_urls={{openai: '{url}'}}"])
        assert unconfirmed_hosts([(LiveSettings(base_urls={"openai/m": url}), "openai/m")], typed) == {}
    assert confirmed_in_settings(["name=https://evil.org"]) == []


def test_a_key_is_not_sent_by_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveSettings(base_urls={"openai": "http://gpu.example.org/v1"})
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert unconfirmed_hosts([(live, "openai/m")], ["gpu.example.org"]) == {}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-91d4c07be2")
    with pytest.raises(ConfigError, match="the key would be sent unencrypted"):
        unconfirmed_hosts([(live, "openai/m")], ["gpu.example.org"])


def test_a_command_of_a_file_must_be_confirmed(aarlab: Aarlab, tmp_path: Path) -> None:
    agent = "{mine: {command: [touch, started], confined: false, env: [HOME]}}"
    (tmp_path / "agent.yaml").write_text(f"team: {{researchers: 1, model: agent/mine}}\nlive: {{agents: {agent}}}\n")
    done = aarlab("run", "agent.yaml")
    assert done.exit_code == 2
    assert "a file names a command that would be started: touch started" in done.stderr
    assert "(it may use: all files of this user, $HOME)" in done.stderr
    assert "--allow-agent mine" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_typed_agent_needs_no_confirmation_a_changed_one_does() -> None:
    live = LiveSettings.model_validate({"agents": {"mine": {"command": "a b"}}})
    typed = {
        "live.agents={mine: {command: a b}}": {},
        "live.agents.mine={command: a b}": {},
        "live.agents.mine.command=a b": {"agent/mine": "a b"},
        "live.agents.other={command: a b}": {"agent/mine": "a b"},
    }
    for setting, unconfirmed in typed.items():
        assert unconfirmed_agents([(live, "agent/mine")], confirmed_in_settings([setting])) == unconfirmed
    assert unconfirmed_agents([(live, "agent/mine")], ["mine"]) == {}


ASKED = """
from aarlab.cli.main import main
for _ in range(4):
    try:
        main(["run", "scenario.yaml", "--quiet"])
    except SystemExit as status:
        print("exit status", status.code, flush=True)
"""


def in_terminal(folder: Path, answers: list[bytes]) -> list[str]:
    """Return the screen up to each exit status of `aarlab run scenario.yaml` in a terminal, with these answers."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-c", ASKED]
    process = subprocess.Popen(command, cwd=folder, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    screen, n_answered = b"", 0
    with suppress(OSError):  # the terminal is closed
        while piece := os.read(controller, 4096):
            screen += piece
            if screen.count(b"[y/N]") > n_answered:
                os.write(controller, answers[n_answered])
                n_answered += 1
    os.close(controller)
    assert process.wait() == 0, screen
    return re.findall(r".*?exit status \d", " ".join(screen.decode().split()))


def test_the_user_is_asked_in_a_terminal(foreign: Path) -> None:
    end_of_file = b"\x04"
    screens = in_terminal(foreign.parent, [b"n\n", b"\n", end_of_file, b"y\n"])
    assert len(screens) == 4
    for number, screen in enumerate(screens):
        agreed = number == 3
        assert f"anthropic/m is to be called at {HOST}, which a file names. Send your key there? [y/N]" in screen
        assert screen.endswith(("status 1", "status 3") if agreed else "status 2"), screen
        assert (f"is called at https://{HOST}/v1" in screen) == agreed
        assert (f"--allow-base-url {HOST}" in screen) != agreed
        assert "sk-planted" not in screen
