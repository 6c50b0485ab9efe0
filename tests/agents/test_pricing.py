"""Prices: known prices have a date, and unknown prices are not zero."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.agents.models.pricing import Price, PriceFileError, default_prices, read_prices
from aarlab.memory.messages import Usage

counts = st.integers(0, 2_000_000)
rates = st.floats(0, 100)
prices = st.builds(lambda plain, out, read, write: Price(plain, out, read, max(plain, write)), *([rates] * 4))
usages = st.builds(lambda plain, read, written, out: Usage(plain + read + written, out, read, written), *([counts] * 4))


def test_the_cost_of_a_call_follows_the_table() -> None:
    price = default_prices().price("anthropic/claude-opus-4-6")
    assert price is not None
    usage = Usage(
        input_tokens=1_111_000, output_tokens=10_000, cache_read_tokens=1_000_000, cache_written_tokens=100_000
    )
    assert price.cost_usd(usage) == pytest.approx(11_000 * 5e-6 + 0.50 + 0.625 + 0.25)


def test_a_dated_snapshot_costs_as_much_as_its_model() -> None:
    table = default_prices()
    assert table.price("anthropic/claude-haiku-4-5-20251001") == table.price("anthropic/claude-haiku-4-5") is not None


def test_a_long_prompt_has_its_own_price() -> None:
    price = default_prices().price("anthropic/claude-haiku-5-5")
    assert price is not None
    assert price.cost_usd(Usage(100_000)) == pytest.approx(0.01)
    assert price.cost_usd(Usage(100_001)) == pytest.approx(0.05, rel=1e-4)


def test_an_unlisted_model_has_no_price() -> None:
    assert default_prices().price("anthropic/claude-of-tomorrow") is None
    assert default_prices().as_of("anthropic/claude-of-tomorrow") is None


def test_every_shipped_price_has_a_date() -> None:
    table = default_prices()
    assert table.prices
    assert all(table.as_of(name) is not None for name in table.prices)


@given(prices, usages)
def test_no_call_costs_more_than_its_upper_bound(price: Price, usage: Usage) -> None:
    highest = max(price.input, price.cache_read, price.cache_write)
    bound = Price(highest, price.output, price.cache_read, price.cache_write)
    assert bound.cost_usd(usage) <= bound.max_usd(usage.input_tokens or 0, usage.output_tokens or 0) + 1e-9


def test_a_price_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("openai:\n  as_of: 2026-11-01\n  models:\n    mine: {input: 1, output: 2}\n")
    table = read_prices(path)
    assert table.price("openai/mine") == Price(1, 2, 1, 1)
    assert str(table.as_of("openai/mine")) == "2026-11-01"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("openai: {models: {mine: {input: -1, output: 2}}}", r"openai: models\.mine\.input: .*greater than or equal"),
        ("openai: {models: {mine: {input: 1}}}", r"models\.mine\.output: Field required"),
        ("openai: {model: {}}", "model: Extra inputs"),
        ("[1]", "has no providers"),
        ("a: [", "is not YAML"),
    ],
)
def test_an_invalid_price_file_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(PriceFileError, match=message):
        read_prices(path)
    with pytest.raises(PriceFileError, match="cannot be read: No such file"):
        read_prices(tmp_path / "nowhere.yaml")
