"""Differences between servers in the requests that they accept, and the defaults for known servers.

`docs/models.md` has the table of servers.
"""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from aarlab.memory.messages import Json

ToolForm = Literal["native", "text", "schema"]
_OWN_FIELDS = frozenset({"model", "messages", "system", "tools", "stream", "stream_options", "max_tokens"})
"""Fields of a request that have settings of their own, or that aarlab writes."""
_SECRET_HEADERS = ("authorization", "key", "token", "secret", "cookie")


class RequestSettings(BaseModel):
    """Form of the requests to a model's server. A field that is not set has the default of the server."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    token_limit: Literal["max_tokens", "max_completion_tokens", "none"] | None = None
    """Name of the field for the maximum number of tokens of a reply; none: no such field."""
    system_role: Literal["system", "developer", "user"] | None = None
    """Role of the system prompt; user: the model has no such role, and the first user message begins with it."""
    tools: ToolForm | None = None
    """How tools are called: natively; in plain text, for models without tool calls; or as JSON whose schema the server
    enforces with `response_format`.
    """
    stream: bool | None = None
    """Whether replies are streamed."""
    stream_usage: bool | None = None
    """Whether a stream must be asked for its usage with `stream_options`."""
    tool_call_ids: Literal["safe", "short", "original"] | None = None
    """Ids of tool calls: letters, digits, `_` and `-`; nine letters and digits; or those of the model, unchanged."""
    reasoning: Literal["omit", "reasoning_content", "reasoning", "reasoning_details"] | None = None
    """Field in which the server wants a reply's reasoning back; omit: it does not want it."""
    tool_call_extras: bool | None = None
    """Whether further fields of tool calls, such as signatures, are sent back."""
    output_from_total: bool | None = None
    """Whether the output tokens are the total less the input: the server does not count thinking as output."""
    headers: dict[str, str] = {}
    """Additional HTTP headers. Keys belong into the environment, not here: the run file stores headers."""
    body: dict[str, Json] = {}
    """Additional fields of the request, such as `{temperature: 0.6}`."""

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if any(word in name.lower() for word in _SECRET_HEADERS):
                raise ValueError(
                    f"the header {name} would store a secret in the run file; set the key in the environment"
                )
            if not (name + value).isascii() or not (name + value).isprintable() or not name:
                raise ValueError(f"the header {name!r} has characters that no header can have")
        return headers

    @field_validator("body")
    @classmethod
    def _check_body(cls, body: dict[str, Json]) -> dict[str, Json]:
        if own := sorted(_OWN_FIELDS & body.keys()):
            raise ValueError(f"body has {', '.join(own)}, which other settings determine")
        return body

    def over(self, defaults: "RequestSettings") -> "RequestSettings":
        """Return these settings, with the defaults for fields that are not set."""
        own = self.model_dump(exclude_none=True)
        merged = {name: {**getattr(defaults, name), **getattr(self, name)} for name in ("headers", "body")}
        return RequestSettings.model_validate({**defaults.model_dump(exclude_none=True), **own, **merged})


_GENERIC = RequestSettings(
    token_limit="max_tokens", system_role="system", tools="native", stream=True, stream_usage=True,
    tool_call_ids="safe", reasoning="omit", tool_call_extras=True, output_from_total=False,
)  # fmt: skip
"""A server that implements the chat completions API as most do: vLLM, llama.cpp, Ollama, LM Studio, TGI."""
_NEW_TOKEN_LIMIT = RequestSettings(token_limit="max_completion_tokens", tool_call_extras=False)
_KIMI = RequestSettings(reasoning="reasoning_content", tool_call_ids="original")
KNOWN_SERVERS = {
    "api.openai.com": _NEW_TOKEN_LIMIT,
    "openai.azure.com": _NEW_TOKEN_LIMIT,
    "api.groq.com": _NEW_TOKEN_LIMIT,
    "openrouter.ai": RequestSettings(reasoning="reasoning_details"),
    "api.deepseek.com": RequestSettings(reasoning="reasoning_content"),
    "api.moonshot.ai": _KIMI,
    "api.moonshot.cn": _KIMI,
    "api.kimi.com": _KIMI,
    "api.mistral.ai": RequestSettings(stream_usage=False, tool_call_ids="short"),
    "generativelanguage.googleapis.com": RequestSettings(output_from_total=True),
}
"""Settings that differ from the usual ones, by host or domain."""


def server_settings(base_url: str | None, own: RequestSettings) -> RequestSettings:
    """Return the settings for a server: its own, else those known for its address, else the usual ones.

    Args:
        base_url: Address of the server; None: OpenAI's.
        own: Settings of the scenario.
    """
    host = (urlsplit(base_url).hostname or "") if base_url else "api.openai.com"
    known = next((KNOWN_SERVERS[name] for name in KNOWN_SERVERS if f".{host}".endswith(f".{name}")), RequestSettings())
    return own.over(known.over(_GENERIC))
