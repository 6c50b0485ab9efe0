"""Connections to servers: the provider's own address, certificates, proxies, text that cannot be stored."""

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from model_clients import ModelClient, each_provider
from model_servers import ModelServer, RawServer, event_stream

from aarlab.agents.models.addresses import custom_address
from aarlab.agents.models.anthropic import Claude
from aarlab.agents.models.base import ModelError, ModelSettings, TransientError
from aarlab.agents.models.openai import ChatCompletionsModel
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import canonical_json

CERTIFICATE = Path(__file__).parent / "self_signed.pem"
OFFICIAL = {
    "openai": ["https://api.openai.com/v1", "https://api.openai.com/v1/", "HTTPS://API.OPENAI.COM:443/v1"],
    "anthropic": ["https://api.anthropic.com", "https://api.anthropic.com/"],
}
MODELS = {"openai": "openai/gpt-5", "anthropic": "anthropic/claude-opus-5-5"}


@each_provider
def test_the_official_address_is_not_a_custom_one(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = MODELS[provider]
    for url in OFFICIAL[provider]:
        live = LiveSettings(base_urls={provider: url})
        assert live.model(name).address is None
        assert live.price(name) == LiveSettings().price(name) is not None
        Scenario.model_validate({"team": {"model": name}, "live": {"base_urls": {provider: url}}, "budget": {"usd": 5}})
        monkeypatch.setenv(f"{provider.upper()}_BASE_URL", url)
        assert LiveSettings().model(name).address is None
    for other in ("http://api.openai.com/v1", "https://api.openai.com.evil.org/v1", "https://api.openai.com/v2"):
        assert custom_address(provider, other) == other


@pytest.fixture
def https_url() -> Iterator[str]:
    """Yield the address of a server with a self-signed certificate."""

    class Handler(BaseHTTPRequestHandler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def client_of(provider: str, url: str) -> ModelClient:
    """Return a client of an address."""
    kind = {"openai": ChatCompletionsModel, "anthropic": Claude}[provider]
    return ModelClient(kind("m", ModelSettings(base_url=url)))


@each_provider
@pytest.mark.usefixtures("keys")
def test_a_self_signed_certificate_is_permanent(provider: str, https_url: str) -> None:
    client = client_of(provider, https_url)
    with pytest.raises(ModelError, match=r"certificate of the server is not trusted; .* SSL_CERT_FILE") as raised:
        client()
    assert not isinstance(raised.value, TransientError)
    client.close()


@each_provider
@pytest.mark.usefixtures("keys")
def test_https_to_a_plain_server_is_permanent(provider: str) -> None:
    with ModelServer(lambda request: pytest.fail("not reached")) as server:
        client = client_of(provider, server.url.replace("http:", "https:"))
        with pytest.raises(ModelError, match="does not use https; begin its address with http://") as raised:
            client()
        client.close()
    assert not isinstance(raised.value, TransientError)


@each_provider
@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9"])
def test_an_unusable_proxy_is_permanent(provider: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy)
    client = client_of(provider, "http://192.0.2.1:9")
    with pytest.raises(ModelError) as raised:
        client()
    assert not isinstance(raised.value, TransientError), str(raised.value)
    assert "\n" not in str(raised.value)
    client.close()


@each_provider
def test_lone_surrogates_in_any_field_are_replaced(provider: str, opened: Callable[..., ModelClient]) -> None:
    bad = "a\ud800b"
    chunks: list[dict[str, Any]] = [
        {"model": bad, "choices": [{"delta": {"reasoning": bad, "content": bad}, "finish_reason": None}]},
        {"choices": [{"delta": {"tool_calls": [
            {"index": 0, "id": bad, "function": {"name": bad, "arguments": '{"\\ud800": 1}'}, bad: bad}]},
            "finish_reason": bad}]},
    ]  # fmt: skip
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"model": bad, "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0,
         "content_block": {"type": "thinking", "thinking": bad, "signature": bad}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": bad}},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": bad}},
        {"type": "content_block_start", "index": 3,
         "content_block": {"type": "tool_use", "id": bad, "name": bad, "input": {bad: bad}}},
        {"type": "message_delta", "delta": {"stop_reason": bad}, "usage": {"output_tokens": 1}},
    ]  # fmt: skip
    answer = event_stream(chunks) if provider == "openai" else event_stream(events, named=True)
    with RawServer(lambda body: answer) as server:
        reply = opened(provider, server)()
    stored = canonical_json([reply.message.to_json(), reply.stop_reason, reply.model]).encode()
    assert b"a?b" in stored
