"""Prices of tokens: a dated table, `prices.yaml`, and price files that take precedence. Other models have no price."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aarlab.memory.messages import Usage

_MILLION = 1_000_000
_SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PriceFileError(ValueError):
    """A price file is invalid. The message gives the location and the reason."""


@dataclass(frozen=True, slots=True)
class Price:
    """A model's prices in US dollars per million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    above: int | None = None
    """Prompt tokens above which `long` applies to all tokens of the request; None: never."""
    long: "Price | None" = None

    def cost_usd(self, usage: Usage) -> float | None:
        """Return the cost of a call; None if its number of tokens is unknown and the model is not free."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return 0.0 if self == FREE else None
        rates = self._rates(usage.input_tokens)
        plain = usage.input_tokens - usage.cache_read_tokens - usage.cache_written_tokens
        dollars = (
            plain * rates.input
            + usage.cache_read_tokens * rates.cache_read
            + usage.cache_written_tokens * rates.cache_write
            + usage.output_tokens * rates.output
        )
        return dollars / _MILLION

    def max_usd(self, input_tokens: int, output_tokens: int) -> float:
        """Return an upper bound on the cost of a call: no token comes from the cache, and all are written to it."""
        rates = self._rates(input_tokens)
        dollars = input_tokens * max(rates.input, rates.cache_write) + output_tokens * rates.output
        return dollars / _MILLION

    def _rates(self, prompt: int) -> "Price":
        return self.long if self.long is not None and self.above is not None and prompt > self.above else self


FREE = Price(0.0, 0.0, 0.0, 0.0)
"""The price of local models."""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by model name, each with the date it was looked up."""

    prices: Mapping[str, tuple[Price, date | None]]

    def price(self, name: str) -> Price | None:
        """Return the price of `provider/model`; None if it is unknown."""
        entry = self._entry(name)
        return entry[0] if entry else None

    def as_of(self, name: str) -> date | None:
        """Return the date the price of `provider/model` was looked up; None if it is unknown."""
        entry = self._entry(name)
        return entry[1] if entry else None

    def _entry(self, name: str) -> tuple[Price, date | None] | None:
        # A dated snapshot costs as much as its model.
        return self.prices.get(name) or self.prices.get(_SNAPSHOT.sub("", name))


class _Rates(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None


class _ModelRates(_Rates):
    above: Annotated[int, Field(ge=0)] | None = None
    long: _Rates | None = None


class _ProviderPrices(BaseModel):
    model_config = ConfigDict(extra="forbid")

    as_of: date | None = None
    source: str = ""
    models: dict[str, _ModelRates]


@cache
def default_prices() -> PriceTable:
    """Return the table shipped with aarlab."""
    return _parse_prices(files(__package__).joinpath("prices.yaml").read_text(encoding="utf-8"), "prices.yaml")


def read_prices(path: Path) -> PriceTable:
    """Return the table in a file. Raises PriceFileError if the file cannot be read or has no valid prices."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PriceFileError(f"{path} cannot be read: {reason}") from None
    return _parse_prices(text, str(path))


def _parse_prices(text: str, name: str) -> PriceTable:
    # Imported here because it loads slowly.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise PriceFileError(f"{name} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise PriceFileError(f"{name} has no providers; see agents/models/prices.yaml for the format")
    prices: dict[str, tuple[Price, date | None]] = {}
    for provider, section in content.items():
        try:
            checked = _ProviderPrices.model_validate(section)
        except ValidationError as error:
            errors = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise PriceFileError(f"{name}: {provider}: {errors}") from None
        prices |= {f"{provider}/{model}": (_price(entry), checked.as_of) for model, entry in checked.models.items()}
    return PriceTable(prices)


def _price(rates: _Rates) -> Price:
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    long = _price(rates.long) if isinstance(rates, _ModelRates) and rates.long is not None else None
    above = rates.above if isinstance(rates, _ModelRates) else None
    return Price(rates.input, rates.output, read, write, above, long)
