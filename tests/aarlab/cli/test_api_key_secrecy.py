"""Test that an API key appears only in request headers: not in files, output, prompts or the sandbox."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from model_servers import ModelServer

from aarlab.agents.models.base import Reply, Request
from aarlab.cli.main import main
from aarlab.memory.messages import Message, Text, ToolCall, Usage
from aarlab.scenarios.cache_folder import cache_folder

KEY = "sk-planted-91d4c07be2"
SPY = """\
import os

def method(world):
    seen = dict(os.environ)
    for path in ("/proc/self/environ", "/proc/1/environ", "/proc/self/cmdline"):
        try:
            with open(path) as file:
                seen[path] = file.read()
        except OSError as error:
            seen[path] = str(error)
    raise RuntimeError(f"this is what I see: {seen}")
"""


def spying(request: Request) -> Reply:
    """Write a method that reports its environment, run it, and post the report."""
    turn = sum(message.speaker == "assistant" for message in request.conversation.messages)
    uses = [
        ToolCall(f"t{turn}", "write_file", {"path": "method.py", "text": SPY}),
        ToolCall(f"t{turn}", "run_experiment", {"path": "method.py", "fidelity": "smoke"}),
    ]
    blocks = (Text("I look around."), uses[turn % 2])
    return Reply(Message("assistant", blocks), "tool_use", Usage(), "", None)


IN_ONE_PROCESS = """
import json, sys
from aarlab.cli.main import main
for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as status:
        print("exit status", int(status.code or 0), file=sys.stderr, flush=True)
"""


def copy_cache(folder: Path) -> None:
    """Copy the weights and scores of earlier runs on this machine, which take long to compute."""
    for path in cache_folder().glob("chat-*.npz"):
        shutil.copy(path, folder)
    for path in cache_folder().glob("scores-*.db"):
        with closing(sqlite3.connect(path)) as scores, closing(sqlite3.connect(folder / path.name)) as copy:
            scores.backup(copy)


@pytest.mark.long
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_api_key_appears_nowhere(
    provider: str, tmp_path: Path, tiny: list[str], made_once: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = tmp_path / "keys"
    env_file.write_text(f"{provider.upper()}_API_KEY={KEY}\n")
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    cache = made_once("cache of key secrecy", copy_cache)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        # Verbose SDK logs, and caches and settings in folders that the test searches.
        "ANTHROPIC_LOG": "debug", "OPENAI_LOG": "debug", "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"),
        "AARLAB_CACHE": str(cache),
    }  # fmt: skip
    # One researcher, so that the order of the faults is known.
    changes = {"hours=6": "hours=2", "researchers=2": "researchers=1"}
    for old, new in changes.items():
        tiny = [setting.replace(old, new) for setting in tiny]
    with (
        ModelServer(spying, faults=["leaking 500", "garbage", "leaking 429"], every=3, key=KEY) as server,
        ModelServer(spying, faults=["leaking 403"], every=1, key=KEY) as refusing,
    ):
        addresses = [one.url + ("/v1" if provider == "openai" else "") for one in (server, refusing)]
        commands = [
            ["run", "--json", "--out", name, "--env-file", str(env_file), *tiny, "--set", f"team.model={provider}/m",
             "--set", f"live.base_urls={{{provider}: {address}}}"]
            for name, address in zip(("answered", "refused"), addresses, strict=True)
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(commands)], cwd=folder, env=environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    monkeypatch.chdir(folder)
    output = CliRunner().invoke(main, ["show", "answered", "--agent", "r1", "--full"])
    answered, status, refused, refused_status, _ = re.split(r"exit status (\d)\n", done.stderr)
    assert (status, refused_status) == ("0", "1"), done.stderr
    assert "this is what I see" in output.stdout, "the method ran"
    assert "[ANTHROPIC_API_KEY]" in output.stdout or "[OPENAI_API_KEY]" in output.stdout, "the server echoed the key"
    assert f"{provider}/m is called at {addresses[0]}" in answered
    assert "the key was refused" in refused
    for one in (done, output):
        assert KEY not in one.stdout + one.stderr
    files = [path for root in (folder, home, cache) for path in root.rglob("*") if path.is_file()]
    assert [path.suffix for path in files].count(".db") >= 2
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert refusing.requests
    assert all(KEY not in str(body) for body in (*server.requests, *refusing.requests)), (
        "no prompt and no tool result has the key"
    )
