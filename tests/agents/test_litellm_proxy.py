"""Both providers against the LiteLLM proxy, a server of others that speaks both wire formats.

It needs the proxy's command in LITELLM_PROXY, from an environment of its own: `pip install 'litellm[proxy]'`.
"""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from model_clients import ModelClient, each_provider
from model_servers import ModelServer

from aarlab.agents.models.base import ModelError, TransientError
from aarlab.agents.models.request_settings import RequestSettings

COMMAND = os.environ.get("LITELLM_PROXY", "")
pytestmark = [pytest.mark.long, pytest.mark.skipif(not COMMAND, reason="LITELLM_PROXY is not set")]
CONFIG = """
model_list:
  - model_name: some-model
    litellm_params: {model: openai/x, api_key: x, mock_response: "Hello there."}
litellm_settings: {telemetry: false}
"""
START_S = 120


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield the running proxy, whose only model gives a fixed reply."""
    folder: Path = tmp_path_factory.mktemp("litellm")
    (folder / "config.yaml").write_text(CONFIG)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [COMMAND, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "LITELLM_MASTER_KEY": ModelServer.key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"{url}/health/liveliness", process)
            yield SimpleNamespace(url=url)
        finally:
            process.terminate()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("the proxy did not start")


@each_provider
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_the_proxy_is_understood(provider: str, stream: bool, proxy: Any, opened: Callable[..., ModelClient]) -> None:
    reply = opened(provider, proxy, request=RequestSettings(stream=stream))()
    assert (reply.message.text, reply.stop_reason) == ("Hello there.", "end_turn")
    assert reply.usage.tokens


@each_provider
def test_a_key_that_the_proxy_refuses_is_permanent(
    provider: str, proxy: Any, opened: Callable[..., ModelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "sk-wrong-0123456789")
    with pytest.raises(ModelError) as raised:
        opened(provider, proxy)()
    assert not isinstance(raised.value, TransientError)
    assert "sk-wrong-0123456789" not in str(raised.value)
