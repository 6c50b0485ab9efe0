"""Prices: what is known is dated, what is not known is not zero."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.agents.models.pricing import Price, PriceFileError, default_prices, read_prices
from aarlab.memory.messages import Usage

counts = st.integers(0, 2_000_000)
rates = st.floats(0, 100)
prices = st.builds(lambda plain, out, read, write: Price(plain, out, read, max(plain, write)), *([rates] * 4))
usages = st.builds(lambda plain, read, written, out: Usage(plain + read + written, out, read, written), *([counts] * 4))


def test_a_call_costs_what_the_table_says() -> None:
    price = default_prices().price("anthropic/claude-opus-4-6")
    assert price is not None
    usage = Usage(
        input_tokens=1_111_000, output_tokens=10_000, cache_read_tokens=1_000_000, cache_written_tokens=100_000
    )
    assert price.cost_usd(usage) == pytest.approx(11_000 * 5e-6 + 0.50 + 0.625 + 0.25)


def test_a_dated_snapshot_costs_as_much_as_its_model() -> None:
    table = default_prices()
    assert table.price("anthropic/claude-haiku-4-5-20251001") == table.price("anthropic/claude-haiku-4-5") is not None


def test_a_long_prompt_costs_what_long_prompts_cost() -> None:
    price = default_prices().price("anthropic/claude-haiku-5-5")
    assert price is not None
    assert price.cost_usd(Usage(100_000)) == pytest.approx(0.01)
    assert price.cost_usd(Usage(100_001)) == pytest.approx(0.05, rel=1e-4)


def test_what_is_not_in_the_table_has_no_price() -> None:
    assert default_prices().price("anthropic/claude-of-tomorrow") is None
    assert default_prices().as_of("anthropic/claude-of-tomorrow") is None


def test_every_price_that_comes_with_aarlab_is_dated() -> None:
    table = default_prices()
    assert table.prices
    assert all(table.as_of(name) is not None for name in table.prices)


@settings(deadline=None)
@given(prices, usages)
def test_no_call_costs_more_than_the_most_it_can(price: Price, usage: Usage) -> None:
    dearest = max(price.input, price.cache_read, price.cache_write)
    bound = Price(dearest, price.output, price.cache_read, price.cache_write)
    assert bound.cost_usd(usage) <= bound.max_usd(usage) + 1e-9


def test_a_file_of_prices_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("openai:\n  as_of: 2026-11-01\n  models:\n    mine: {input: 1, output: 2}\n")
    table = read_prices(path)
    assert table.price("openai/mine") == Price(1, 2, 1, 1)
    assert str(table.as_of("openai/mine")) == "2026-11-01"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("openai: {models: {mine: {input: -1, output: 2}}}", r"openai: models\.mine\.input: .*greater than or equal"),
        ("openai: {models: {mine: {input: 1}}}", r"models\.mine\.output: Field required"),
        ("openai: {model: {}}", "model: Extra inputs"),
        ("[1]", "holds no providers"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(PriceFileError, match=told):
        read_prices(path)
    with pytest.raises(PriceFileError, match="cannot be read: No such file"):
        read_prices(tmp_path / "nowhere.yaml")
