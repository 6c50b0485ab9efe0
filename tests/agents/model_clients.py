"""Clients of the model server, for tests of providers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from model_servers import ModelServer, RawServer
from stub_environment import first_request

from aarlab.agents.models.anthropic import Claude
from aarlab.agents.models.base import ModelSettings, Reply, Request
from aarlab.agents.models.openai import ChatCompletionsModel
from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
from aarlab.memory.messages import Conversation, Message, Text, ToolCall, ToolResult, Usage, user_message

Live = Claude | ChatCompletionsModel
KINDS = {"anthropic": (Claude, ""), "openai": (ChatCompletionsModel, "/v1")}
QUESTION = Request(Conversation.begin("You are brief.").then(user_message("What now?")), first_request().tools)
each_provider = pytest.mark.parametrize("provider", KINDS)


class ModelClient:
    """A model with its own event loop."""

    def __init__(self, model: Live) -> None:
        self.model = model
        self._runner = asyncio.Runner()

    @classmethod
    def of_server(cls, provider: str, server: ModelServer | RawServer, **settings: Any) -> "ModelClient":
        """Return a client of a server."""
        kind, path = KINDS[provider]
        return cls(kind("some-model", ModelSettings(base_url=server.url + path, **settings)))

    def __call__(self, request: Request = QUESTION) -> Reply:
        return self._runner.run(self.model.reply(request))

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)

    def with_retries(self, retry_policy: RetryPolicy, on_wait: Callable[[str, float], None] | None = None) -> Reply:
        retrying = RetryingModel(self.model, "some/model", retry_policy, seed=1, agent="r1", on_wait=on_wait)
        return self._runner.run(retrying.reply(QUESTION))

    def close(self) -> None:
        self._runner.run(self.model.aclose())
        self._runner.close()


def always_reply(*blocks: Any, stop_reason: str = "tool_use") -> Callable[[Request], Reply]:
    """Return a server's answer function that always gives this reply."""
    return lambda request: Reply(Message("assistant", blocks), stop_reason, Usage(), "", None)


def question_after(*calls: ToolCall) -> Request:
    """Return a request after a reply with these tool calls and their results."""
    results = tuple(ToolResult(call.id, "{}") for call in calls)
    conversation = QUESTION.conversation.then(Message("assistant", calls), Message("user", results))
    return Request(conversation, QUESTION.tools)


HELLO = always_reply(Text("Hello."), stop_reason="end_turn")
