"""The pool of a run's base models."""

import asyncio

import pytest

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, ModelError, Reply, Request
from aarlab.graph.calls.budget import Budget
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.graph.calls.model_pool import ModelPool

closed: list[str] = []


class Unclosable:
    """A base model whose connection cannot be closed."""

    def __init__(self, agent: str) -> None:
        self.agent = agent

    async def reply(self, request: Request) -> Reply:
        """Give no reply."""
        raise ModelError("no reply")

    async def aclose(self) -> None:
        """Note that it was asked to close, and fail."""
        closed.append(self.agent)
        raise OSError("the connection is gone")


def test_every_model_is_closed_even_if_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_model(seed: int, agent: str, temperament: str) -> Model:
        return Unclosable(agent)

    info = registry.ModelInfo("test/unclosable", "a model", "nothing", open_model)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
    pool = ModelPool(Budget(), LiveSettings(), seed=1, temperament="varied")
    for agent in ("r1", "r2", "r3"):
        pool.open_metered(info.name, agent)
    with pytest.raises(OSError, match="the connection is gone"):
        asyncio.run(pool.aclose())
    assert sorted(closed) == ["r1", "r2", "r3"]
