"""Fixtures of the tests of providers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from model_clients import ModelClient
from model_servers import ModelServer, RawServer


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the keys of both providers."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, ModelServer.key)


@pytest.fixture
def opened(keys: None) -> Iterator[Callable[..., ModelClient]]:
    """Yield a function that opens a model of a server; close all models at the end."""
    clients: list[ModelClient] = []

    def opened(provider: str, server: ModelServer | RawServer, **settings: Any) -> ModelClient:
        clients.append(ModelClient.of_server(provider, server, **settings))
        return clients[-1]

    yield opened
    for client in clients:
        client.close()
