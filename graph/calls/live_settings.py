"""The section `live` of a scenario: how base models are asked that are not simulated."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from aarlab.agents.models.base import ModelSettings
from aarlab.agents.models.pricing import Price, default_prices, read_prices
from aarlab.agents.models.registry import ModelInfo, find_model
from aarlab.agents.models.retrying import RetryPolicy

Minutes = Annotated[float, Field(gt=0, allow_inf_nan=False)]


RECORDED_CONTEXT = {"recorded": True}
"""Context in which the scenario of a recorded run is read: nobody is going to be asked, and nothing to be paid."""


def is_recorded(info: ValidationInfo) -> bool:
    """Tell whether a scenario is read in the context RECORDED."""
    return bool(info.context and info.context.get("recorded"))


class LiveSettings(BaseModel):
    """How live base models are asked. Simulated ones have no use for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Most tokens of one answer, thinking included. The budget must have room for that many before each call."""
    effort: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """How hard the model should try, where it can be told; left out: its provider's default."""
    thinking: Literal["default", "adaptive"] | Annotated[int, Field(ge=1024)] = "default"
    """Whether Claude thinks before it speaks: as the model does by default, as it sees fit (adaptive), or, where a
    model knows no other way, for at most so many tokens.
    """
    reply_timeout_minutes: Minutes = 10.0
    """Longest time for one answer; then the attempt has failed."""
    max_retry_minutes: Minutes = 30.0
    """How long a provider that does not answer is waited for; then the run ends, and what there is is scored."""
    compact_at: Annotated[int, Field(ge=4000)] | None = None
    """Tokens of a researcher's conversation at which its base model sums the beginning up, which then goes out of it;
    left out: when the provider says that the conversation is too long.
    """
    base_urls: dict[str, str] = {}
    """Where models are served, by provider or by model, such as `{openai: "http://localhost:8000/v1"}`; left out: at
    the provider's own address.
    """
    text_tools: list[str] = []
    """Models that know no tools and get them in plain text."""
    prices: str | None = None
    """A file of prices that goes before aarlab's own table; `aarlab models` shows both."""

    @field_validator("base_urls")
    @classmethod
    def _are_addresses_without_secrets(cls, urls: dict[str, str]) -> dict[str, str]:
        for name, url in urls.items():
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"the address of {name} is not one that begins with http:// or https://")
            # It is kept in the run file and shown.
            if "@" in parts.netloc or parts.query:
                raise ValueError(f"the address of {name} holds a password or a query; keys belong in the environment")
        return urls

    @field_validator("prices")
    @classmethod
    def _prices_are_readable(cls, path: str | None, info: ValidationInfo) -> str | None:
        if path is not None and not is_recorded(info):
            read_prices(Path(path))
        return path

    @model_validator(mode="after")
    def _thinking_fits(self) -> "LiveSettings":
        if isinstance(self.thinking, int) and self.thinking >= self.max_tokens:
            raise ValueError(
                f"thinking ({self.thinking}) leaves no room for an answer in max_tokens ({self.max_tokens})"
            )
        return self

    def model_settings(self, name: str) -> ModelSettings:
        """Return how the base model of a name is asked."""
        return ModelSettings(
            max_tokens=self.max_tokens,
            effort=self.effort,
            thinking=self.thinking,
            timeout_s=60 * self.reply_timeout_minutes,
            base_url=self.base_urls.get(name) or self.base_urls.get(name.partition("/")[0]),
            text_tools=name in self.text_tools,
        )

    def model(self, name: str) -> ModelInfo:
        """Return the base model of a name, to be served as said here. Raises UnknownModel."""
        return find_model(name, self.model_settings(name))

    def compact_at_for(self, name: str) -> int | None:
        """Return the tokens at which a conversation with the base model of a name is compacted; None: at no number."""
        return None if name.startswith("simulated/") else self.compact_at

    def price(self, name: str) -> Price | None:
        """Return what the base model of a name costs, None if that is not known."""
        info = self.model(name)
        own = read_prices(Path(self.prices)).price(name) if self.prices is not None else None
        # Another server than the provider's has prices of its own.
        listed = default_prices().price(name) if info.address is None else None
        return own or info.price or listed

    @property
    def retry_policy(self) -> RetryPolicy:
        """How long providers are waited for."""
        return RetryPolicy(max_total_s=60 * self.max_retry_minutes)
