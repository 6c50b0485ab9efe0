"""Base class of models that use an official SDK: the client, the timeout and the translation of errors."""

import asyncio
import importlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import ModelError, ModelSettings, Reply, Request
from aarlab.agents.models.provider_errors import translate_errors
from aarlab.agents.models.request_settings import RequestSettings
from aarlab.agents.models.wire_fields import storable
from aarlab.memory.messages import Block, Json, Message, ToolCall, Usage, block_from_json

_CONNECT_S = 20.0


@dataclass(slots=True)
class KnownUsage:
    """Known number of tokens of a call so far. It is charged even if the call fails later."""

    usage: Usage = field(default_factory=Usage)


class SdkModel(ABC):
    """A model that uses an official SDK, as one agent's base model. The SDK is imported at the first call."""

    sdk_name: ClassVar[str]
    """Name of the SDK's package."""
    provider: ClassVar[str]
    key_variable: ClassVar[str]
    """Environment variable that holds the API key."""

    def __init__(self, model: str, settings: ModelSettings) -> None:
        """Store the model's id in the API and the settings of its calls."""
        self._model, self._settings = model, settings
        self._sdk_client: Any = None

    @abstractmethod
    def _open_client(self, **options: Any) -> Any:
        """Return a new client of the SDK."""

    @abstractmethod
    async def _receive_reply(self, request: Request, known: KnownUsage) -> Reply:
        """Return the reply, and update `known` during the stream."""

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            TransientError: The call failed, and a retry may help.
            ModelError: The call failed, and a retry would not help.
        """
        known = KnownUsage()
        with self._translate_errors(lambda: known.usage):
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._receive_reply(request, known)

    async def _responses(self, path: str, body: dict[str, Any], form: RequestSettings) -> AsyncGenerator[Json]:
        """Send a request and yield the JSON of each event of the stream, or of the whole response.

        The SDK's own types are not used: they accept any JSON without an error and fail later.
        """
        sdk = importlib.import_module(self.sdk_name)
        options = {"body": body, "cast_to": object, "options": {"headers": form.headers}}
        if not body["stream"]:
            yield await self._client().post(path, **options)
            return
        stream = await self._client().post(path, **options, stream=True, stream_cls=sdk.AsyncStream[object])
        try:
            if "json" in stream.response.headers.get("content-type", ""):
                # The server does not stream.
                yield json.loads(await stream.response.aread())
                return
            async for event in stream:
                yield event
        finally:
            await stream.close()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._sdk_client is not None:
            await self._sdk_client.close()

    def _client(self) -> Any:
        if self._sdk_client is None:
            import httpx2

            _check_connection_variables(self.provider)
            try:
                self._sdk_client = self._open_client(
                    base_url=self._settings.base_url,
                    # aarlab retries; see `retrying`.
                    max_retries=0,
                    timeout=httpx2.Timeout(self._settings.timeout_s, connect=_CONNECT_S),
                )
            except ValueError as error:
                # The SDK lacks a setting, such as a region, and names the variable.
                raise ModelError(f"{self.provider}/{self._model}: {redacted(str(error))}") from None
        return self._sdk_client

    def _translate_errors(self, usage_so_far: Callable[[], Usage]) -> AbstractContextManager[None]:
        return translate_errors(
            importlib.import_module(self.sdk_name),
            model=f"{self.provider}/{self._model}",
            key=self.key_variable,
            usage_so_far=usage_so_far,
        )


def _check_connection_variables(name: str) -> None:
    """Raise ModelError if the environment configures a proxy or certificates that cannot be used."""
    import httpx2

    if not any(variable.upper().endswith(("_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")) for variable in os.environ):
        return
    try:
        # Without the SDK, whose client prints a traceback if it cannot be opened.
        httpx2.AsyncClient()
    except ImportError:
        raise ModelError(f"{name}: the environment names a SOCKS proxy; pip install 'httpx2[socks]'") from None
    except (ValueError, OSError, httpx2.InvalidURL) as error:
        raise ModelError(
            f"{name}: the connection cannot be configured ({' '.join(redacted(str(error)).split())}); check the "
            "variables ALL_PROXY, HTTP_PROXY, HTTPS_PROXY and SSL_CERT_FILE"
        ) from None


def finished_reply(blocks: Sequence[Block], stop_reason: str, usage: Usage, model: str) -> Reply:
    """Return a complete reply, with lone surrogates replaced.

    Tool calls of a refusal are removed: they must not be executed, and providers reject a tool call without a result.
    """
    kept = [block for block in blocks if stop_reason != "refusal" or not isinstance(block, ToolCall)]
    storable_blocks = tuple(block_from_json(storable(block.to_json())) for block in kept)
    return Reply(Message("assistant", storable_blocks), storable(stop_reason), usage, storable(model), cost_usd=None)
