"""Azure, Bedrock and Vertex AI: the requests of the SDKs' own clients, their credentials, what is missing."""

import base64
import binascii
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from model_clients import KINDS, ModelClient
from model_servers import RawResponse, RawServer, event_stream, json_response

from aarlab.agents.models import registry, requirements
from aarlab.agents.models.base import ModelError, ModelSettings, TransientError
from aarlab.agents.models.cloud_clients import AzureModel, BedrockClaude, VertexClaude
from aarlab.config import ConfigError
from aarlab.config.address_checks import unconfirmed_hosts
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.memory.messages import Json

SECRET = "planted-91d4c07be2-secret"
CLOUDS = {"azure": (AzureModel, "/openai"), "bedrock": (BedrockClaude, ""), "vertex": (VertexClaude, "/v1")}
VARIABLES = {
    "azure": {"AZURE_OPENAI_API_KEY": SECRET},
    "bedrock": {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET},
    "vertex": {
        "CLOUD_ML_REGION": "global", "ANTHROPIC_VERTEX_PROJECT_ID": "lab", "GOOGLE_OAUTH_ACCESS_TOKEN": SECRET,
    },
}  # fmt: skip
PATHS = {
    "azure": "/openai/deployments/some-model/chat/completions?api-version=2024-10-21",
    "bedrock": "/model/some-model/invoke-with-response-stream",
    "vertex": "/v1/projects/lab/locations/global/publishers/anthropic/models/some-model:streamRawPredict",
}
CHAT: list[Json] = [
    {"model": "gpt-5", "choices": [{"index": 0, "delta": {"content": "Hello."}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
]
CLAUDE: list[Json] = [
    {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hello."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
]
each_cloud = pytest.mark.parametrize("cloud", CLOUDS)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the credentials of this machine, and set those of the tests."""
    for name in (
        "AWS_BEARER_TOKEN_BEDROCK", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION",
        "AZURE_OPENAI_ENDPOINT", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    for variables in VARIABLES.values():
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def client() -> Iterator[Callable[..., ModelClient]]:
    """Yield a function that opens a model of a cloud at a server; close all models at the end."""
    clients: list[ModelClient] = []

    def client(cloud: str, server: RawServer, **settings: Any) -> ModelClient:
        kind, path = CLOUDS[cloud]
        clients.append(ModelClient(kind("some-model", ModelSettings(base_url=server.url + path, **settings))))
        return clients[-1]

    yield client
    for one in clients:
        one.close()


def aws_stream(events: Sequence[Json]) -> RawResponse:
    """Return a stream in the binary frames of AWS: lengths, headers, payload, and a CRC of each part."""

    def frame(event: Json) -> bytes:
        payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
        names = {":message-type": "event", ":event-type": "chunk", ":content-type": "application/json"}
        headers = b"".join(
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
            for name, value in names.items()
        )
        prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
        return message + struct.pack(">I", binascii.crc32(message))

    return RawResponse([frame(event) for event in events], content_type="application/vnd.amazon.eventstream")


def respond(cloud: str) -> RawResponse:
    if cloud == "azure":
        return event_stream(CHAT)
    return aws_stream(CLAUDE) if cloud == "bedrock" else event_stream(CLAUDE, named=True)


@each_cloud
def test_clouds_are_called_as_their_sdk_does(cloud: str, client: Callable[..., ModelClient]) -> None:
    if cloud == "bedrock":
        pytest.importorskip("boto3")
    with RawServer(lambda body: respond(cloud)) as server:
        reply = client(cloud, server)()
    assert (reply.message.text, reply.stop_reason) == ("Hello.", "end_turn")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 2)
    assert server.paths == [PATHS[cloud]]
    (headers,), (body,) = server.headers, server.requests
    if cloud == "bedrock":
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert SECRET not in str(headers)
    else:
        assert SECRET in (headers.get("api-key"), headers.get("authorization", "").removeprefix("Bearer "))
    assert ("max_completion_tokens" in body) == (cloud == "azure")


@each_cloud
def test_errors_of_clouds_are_classified_and_redacted(cloud: str, client: Callable[..., ModelClient]) -> None:
    if cloud == "bedrock":
        pytest.importorskip("boto3")
    with RawServer(lambda body: json_response({"message": f"denied: {SECRET}"}, 403)) as server:
        with pytest.raises(ModelError, match=rf"^{cloud}/some-model: the key was refused") as raised:
            client(cloud, server)()
        assert not isinstance(raised.value, TransientError)
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("cloud", "removed", "message"),
    [
        ("bedrock", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "no credentials"),
        ("bedrock", ("AWS_REGION",), "region"),
        ("vertex", ("GOOGLE_OAUTH_ACCESS_TOKEN",), "no credentials"),
        ("vertex", ("ANTHROPIC_VERTEX_PROJECT_ID",), "ANTHROPIC_VERTEX_PROJECT_ID"),
        ("vertex", ("CLOUD_ML_REGION",), "CLOUD_ML_REGION"),
    ],
)
def test_missing_credentials_are_one_sentence(
    cloud: str, removed: tuple[str, ...], message: str, client: Callable[..., ModelClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pytest.importorskip("boto3" if cloud == "bedrock" else "google.auth")
    monkeypatch.setenv("AWS_REGION", "us-west-2")  # boto3's sessions are kept by region
    for name in removed:
        monkeypatch.delenv(name)
    with RawServer(lambda body: respond(cloud)) as server, pytest.raises(ModelError, match=message) as raised:
        client(cloud, server)()
    assert type(raised.value) is ModelError
    assert "\n" not in str(raised.value)
    assert server.requests == []


@each_cloud
def test_a_missing_extra_is_named_with_its_command(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: None)
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    problem = registry.find_model(f"{cloud}/m").missing_requirement()
    assert problem is not None
    assert problem.endswith(f"pip install 'aarlab[{cloud}]'")


@each_cloud
def test_a_cloud_has_no_listed_price_and_needs_its_variables(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveSettings()
    assert live.price(f"{cloud}/claude-opus-5-5") is None
    monkeypatch.setattr(requirements, "find_spec", lambda name: object())
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://lab.openai.azure.com")
    assert live.model(f"{cloud}/m").missing_requirement() is None
    first = {"azure": "AZURE_OPENAI_ENDPOINT", "bedrock": "AWS_REGION", "vertex": "CLOUD_ML_REGION"}[cloud]
    monkeypatch.delenv(first)
    assert str(live.model(f"{cloud}/m").missing_requirement()).startswith(first)


@pytest.mark.parametrize("provider", [*CLOUDS, *KINDS])
def test_no_credential_goes_to_an_address_of_a_file(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    # A token is a key, too.
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    named = LiveSettings(base_urls={provider: "https://evil.example"})
    assert list(unconfirmed_hosts([(named, f"{provider}/m")], ())) == ["evil.example"]
    plain = LiveSettings(base_urls={provider: "http://evil.example"})
    with pytest.raises(ConfigError, match="unencrypted"):
        unconfirmed_hosts([(plain, f"{provider}/m")], ["evil.example"])
