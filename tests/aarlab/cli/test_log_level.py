"""`--log-level` shows calls of base models; no line of the log has a key, whatever the libraries log."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from model_servers import ModelServer

from aarlab.agents.models.base import Reply
from aarlab.cli.log_output import without_secrets
from aarlab.memory.messages import Message, Text, Usage

KEY = "sk-planted-91d4c07be2"
REPLY = Reply(Message("assistant", (Text("yes"),)), "end_turn", Usage(), "", None)
Log = Callable[..., str]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A function that tests a model with a server that echoes the key, and returns standard error."""

    def log(provider: str, *options: str, **variables: str) -> str:
        environment = {**os.environ, f"{provider.upper()}_API_KEY": KEY, **variables}
        with ModelServer(lambda request: REPLY, pending_faults=["leaking 429"], key=KEY) as server:
            address = server.url + ("/v1" if provider == "openai" else "")
            settings = ["--set", f"live.base_urls={{{provider}: {address}}}"]
            command = [sys.executable, "-m", "aarlab", "models", "test", f"{provider}/m", *settings, *options]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert KEY not in done.stdout + done.stderr
        return done.stderr

    return log


@pytest.mark.parametrize("provider", ["anthropic", pytest.param("openai", marks=pytest.mark.long)])
def test_a_debug_log_shows_requests_without_the_key(provider: str, log: Log) -> None:
    lines = log(provider, "--log-level", "debug")
    assert "DEBUG httpcore" in lines
    assert f" DEBUG {provider}." in lines
    assert f"r1: {provider}/m replied in " in lines
    assert f"INFO aarlab.models: r1: {provider}/m failed, next attempt in " in lines
    assert f"[{provider.upper()}_API_KEY]" in lines, "the server echoed the key"


@pytest.mark.long
def test_without_the_option_only_the_sdk_variable_makes_a_log(log: Log) -> None:
    assert " DEBUG " not in log("openai")
    assert " DEBUG openai" in log("openai", OPENAI_LOG="debug")


@pytest.mark.parametrize(
    "line",
    [
        "Headers({'Authorization': 'Bearer planted-1', 'accept': '*/*'})",
        "[(b'x-api-key', b'planted-1'), (b'Host', b'a')]",
        "[(b'Set-Cookie', b'session=planted-1; Path=/')]",
        "Authorization: AWS4-HMAC-SHA256 Credential=planted-1, Signature=planted-2",
        '{"access_token": "planted-1", "expires_in": 3600}',
        "GET https://a.example/v1?key=planted-1&alt=sse",
        "CONNECT via http://user:planted-1@proxy.example:3128",
        "sent Bearer planted-1 to a",
    ],
)
def test_credentials_that_no_variable_holds_are_removed(line: str) -> None:
    assert "planted" not in without_secrets(line)


def test_other_text_of_a_log_is_kept() -> None:
    line = "{'max_tokens': 300, 'tokens': [1, 2], 'messages': [{'role': 'user', 'content': 'a basic idea'}]}"
    assert without_secrets(line) == line
