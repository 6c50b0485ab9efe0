"""The section `live` of a scenario: settings of live base models."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from aarlab.agents.models.base import ModelSettings
from aarlab.agents.models.outside.agent_settings import OutsideAgentSettings
from aarlab.agents.models.pricing import Price, default_prices, read_prices
from aarlab.agents.models.registry import ModelInfo, find_model
from aarlab.agents.models.request_settings import RequestSettings
from aarlab.agents.models.retrying import RetryPolicy
from aarlab.graph.calls.oversight_policy import OversightPolicy

AgentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Minutes = Annotated[float, Field(gt=0, allow_inf_nan=False)]

RECORDED_CONTEXT = {"recorded": True}
"""Validation context for the scenario of a recorded run. Its models and prices need not be available."""


def is_recorded(info: ValidationInfo) -> bool:
    """Return whether validation uses RECORDED_CONTEXT."""
    return bool(info.context and info.context.get("recorded"))


class LiveSettings(BaseModel):
    """Settings of live base models. Simulated models ignore them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Maximum number of tokens of one reply, thinking included. Before each call, the budget must cover this number."""
    effort: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """Reasoning effort, for models that support it. Not set: the provider's default."""
    thinking: Literal["default", "adaptive"] | Annotated[int, Field(ge=1024)] = "default"
    """Extended thinking of Claude models: the model's default, adaptive, or a maximum number of tokens for models that
    need one.
    """
    reply_timeout_minutes: Minutes = 10.0
    """Timeout of one attempt, in minutes."""
    max_retry_minutes: Minutes = 30.0
    """Maximum time for retries of one call, in minutes. After that the run stops and can be resumed."""
    compact_at: Annotated[int, Field(ge=4000)] | None = None
    """Number of tokens of a researcher's conversation at which its base model summarises the beginning; the summary
    replaces it. Not set: only if the provider rejects the conversation as too long.
    """
    base_urls: dict[str, str] = {}
    """Addresses of servers by provider or model, such as `{openai: "http://localhost:8000/v1"}`. Other models use the
    provider's own address.
    """
    requests: dict[str, RequestSettings] = {}
    """Form of the requests by provider or model, such as `{openai: {token_limit: max_tokens}}`. Not set: the default of
    the server; see docs/models.md.
    """
    agents: dict[AgentName, OutsideAgentSettings] = {}
    """Outside agents by name: the base model `agent/NAME` runs the agent NAME; see docs/agents.md. Example:
    `{mine: {command: "my-agent --mcp-config {mcp_config}"}}`.
    """
    oversight_policy: dict[str, str] = {}
    """What a run does while nobody answers a question of `human/inbox`: ask (it ends, and is resumed after the answer),
    wait, auto-approve, reject, or timeout=HOURS:approve and timeout=HOURS:reject (it waits for so many hours). By kind
    of question (all, checkpoint, release, full_run, finding, flag, tool_call), or for the calls of one tool of
    `structure.approve_tools`. Not set: ask. See docs/oversight.md.
    """
    prices: str | None = None
    """Path of a price file that takes precedence over aarlab's own prices; `aarlab models` shows both."""

    @field_validator("base_urls")
    @classmethod
    def _check_addresses(cls, urls: dict[str, str]) -> dict[str, str]:
        for name, url in urls.items():
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"the address of {name} must begin with http:// or https://")
            # Addresses are stored in the run file and shown on screens.
            if "@" in parts.netloc or parts.query:
                raise ValueError(
                    f"the address of {name} contains a password or a query; set keys in the environment instead"
                )
        return urls

    @field_validator("oversight_policy")
    @classmethod
    def _check_policies(cls, policies: dict[str, str]) -> dict[str, str]:
        for policy in policies.values():
            OversightPolicy.parse(policy)
        return policies

    @field_validator("prices")
    @classmethod
    def _check_price_file(cls, path: str | None, info: ValidationInfo) -> str | None:
        if path is not None and not is_recorded(info):
            read_prices(Path(path))
        return path

    @model_validator(mode="after")
    def _check_thinking(self) -> "LiveSettings":
        if isinstance(self.thinking, int) and self.thinking >= self.max_tokens:
            raise ValueError(
                f"thinking ({self.thinking}) must be less than max_tokens ({self.max_tokens}), which includes the reply"
            )
        return self

    def model_settings(self, name: str) -> ModelSettings:
        """Return the settings of the base model with a name."""
        return ModelSettings(
            max_tokens=self.max_tokens,
            effort=self.effort,
            thinking=self.thinking,
            timeout_s=60 * self.reply_timeout_minutes,
            base_url=self.base_urls.get(name) or self.base_urls.get(name.partition("/")[0]),
            request=self._request_settings(name),
            outside_agent=self.agents.get(name.removeprefix("agent/")) if name.startswith("agent/") else None,
        )

    def _request_settings(self, name: str) -> RequestSettings:
        nothing = RequestSettings()
        return self.requests.get(name, nothing).over(self.requests.get(name.partition("/")[0], nothing))

    def model(self, name: str) -> ModelInfo:
        """Return the base model with a name, configured with these settings. Raises UnknownModel."""
        return find_model(name, self.model_settings(name))

    def compact_at_for(self, name: str) -> int | None:
        """Return the number of tokens at which a model's conversation is compacted; None if there is no such limit."""
        # An outside agent keeps its own conversation.
        return None if name.startswith(("simulated/", "agent/")) else self.compact_at

    def price(self, name: str) -> Price | None:
        """Return the price of the base model with a name; None if it is unknown."""
        return self.model_and_price(name)[1]

    def model_and_price(self, name: str) -> tuple[ModelInfo, Price | None]:
        """Return the base model with a name, and its price, None if it is unknown. Raises UnknownModel."""
        info = self.model(name)
        own = read_prices(Path(self.prices)).price(name) if self.prices is not None else None
        # The listed prices are those of the provider's own server.
        listed = default_prices().price(name) if info.address is None else None
        return info, own or info.price or listed

    @property
    def retry_policy(self) -> RetryPolicy:
        """How failed calls are retried."""
        return RetryPolicy(max_total_s=60 * self.max_retry_minutes)
