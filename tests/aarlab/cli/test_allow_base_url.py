"""Addresses of model servers that a file names: keys are sent there only if the user agrees."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab import ablate, fork, resume, run
from aarlab.config import ConfigError
from aarlab.config.address_checks import hosts_in_settings, unconfirmed_hosts
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
        typed = hosts_in_settings([f"live.base_urls={{openai: '{url}'}}"])
        assert unconfirmed_hosts([(LiveSettings(base_urls={"openai/m": url}), "openai/m")], typed) == {}
    assert hosts_in_settings(["name=https://evil.org"]) == []


def test_a_key_is_not_sent_by_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveSettings(base_urls={"openai": "http://gpu.example.org/v1"})
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert unconfirmed_hosts([(live, "openai/m")], ["gpu.example.org"]) == {}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-91d4c07be2")
    with pytest.raises(ConfigError, match="the key would be sent unencrypted"):
        unconfirmed_hosts([(live, "openai/m")], ["gpu.example.org"])
