"""Budgets: no limit is overspent in any order of calls, and no reservation remains."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from team_runs import scenario

from aarlab.agents.models.base import ModelError, Reply, Request, TransientError
from aarlab.agents.models.pricing import Price
from aarlab.graph.calls.budget import Budget, BudgetExhausted, Ledger
from aarlab.graph.calls.metered_model import MeteredModel
from aarlab.memory.messages import Conversation, Message, Text, ToolSpec, Usage, user_message

PRICE = Price(input=10.0, output=50.0, cache_read=1.0, cache_write=12.5)
MAX_TOKENS = 200
QUESTION = Request(Conversation.begin("Be brief.").then(user_message("What now?")), (ToolSpec("look", "Look.", {}),))


class ScriptedModel:
    """A model that replies after some turns of the event loop; it fails if the number of tokens is negative."""

    def __init__(self, script: list[tuple[int, int]]) -> None:
        self.script = list(script)

    async def reply(self, request: Request) -> Reply:
        """Reply with the next entry of the script."""
        pauses, tokens = self.script.pop(0)
        for _ in range(pauses):
            await asyncio.sleep(0)
        usage = Usage(40, abs(tokens))
        if tokens < 0:
            raise TransientError("the stream ended early", usage=usage)
        return Reply(Message("assistant", (Text("x" * tokens),)), "end_turn", usage, "talker", None)


scripts = st.lists(st.tuples(st.integers(0, 4), st.integers(-MAX_TOKENS, MAX_TOKENS)), min_size=1, max_size=8)


@settings(max_examples=40)
@given(
    st.lists(scripts, min_size=1, max_size=5),
    st.one_of(st.none(), st.floats(0.01, 0.2)),
    st.one_of(st.none(), st.integers(1000, 9000)),
    st.one_of(st.none(), st.integers(1, 12)),
    st.one_of(st.none(), st.integers(1, 4)),
)
def test_no_limit_is_overspent_and_no_reservation_remains(
    team: list[list[tuple[int, int]]],
    usd: float | None,
    tokens: int | None,
    calls: int | None,
    calls_per_agent: int | None,
) -> None:
    budget = Budget(usd=usd, tokens=tokens, calls=calls, calls_per_agent=calls_per_agent)
    paid: dict[str, list[Usage]] = {}

    async def work(agent: str, script: list[tuple[int, int]], ledger: Ledger) -> None:
        model = MeteredModel(ScriptedModel(script), agent, ledger, PRICE, MAX_TOKENS)
        for _ in script:
            try:
                reply = await model.reply(QUESTION)
                paid.setdefault(agent, []).append(reply.usage)
            except TransientError as error:
                paid.setdefault("failed", []).append(error.usage)
            except BudgetExhausted:
                return

    async def run_concurrently() -> Ledger:
        ledger = Ledger(budget)
        await asyncio.gather(*(work(f"r{i}", script, ledger) for i, script in enumerate(team)))
        return ledger

    ledger = asyncio.run(run_concurrently())
    usages = [usage for listed in paid.values() for usage in listed]
    assert sum(PRICE.cost_usd(usage) for usage in usages) <= (usd or 1e9) + 1e-9
    assert sum(usage.tokens for usage in usages) <= (tokens or 1e9)
    answered = {agent: len(listed) for agent, listed in paid.items() if agent != "failed"}
    assert sum(answered.values()) <= (calls or 1e9)
    assert all(count <= (calls_per_agent or 1e9) for count in answered.values())
    assert all(
        abs(reserved.usd) < 1e-9 and reserved.tokens == reserved.calls == 0 for reserved in ledger.reserved.values()
    )
    assert sum(spent.tokens for spent in ledger.spent.values()) == sum(usage.tokens for usage in usages)


def test_call_waits_for_reservations_of_open_calls() -> None:
    """Ten calls each reserve almost the whole budget and use little of it, so all of them fit."""
    limit = 3000

    async def run_concurrently() -> list[Reply]:
        ledger = Ledger(Budget(tokens=limit))
        models = [MeteredModel(ScriptedModel([(3, 5)]), f"r{i}", ledger, PRICE, MAX_TOKENS) for i in range(10)]
        return await asyncio.gather(*(model.reply(QUESTION) for model in models))

    assert len(asyncio.run(run_concurrently())) == 10


def test_exhausted_error_names_spent_and_required_amounts() -> None:
    ledger = Ledger(Budget(usd=0.001))
    with pytest.raises(
        BudgetExhausted, match=r"budget.usd is \$0.0010; \$0.0000 are spent, and the next call of r1 can take \$"
    ):
        asyncio.run(MeteredModel(ScriptedModel([(0, 5)]), "r1", ledger, PRICE, MAX_TOKENS).reply(QUESTION))


def test_bound_is_the_counted_tokens_plus_new_bytes() -> None:
    async def two_calls(limit: int) -> None:
        model = MeteredModel(ScriptedModel([(0, 100), (0, 100)]), "r1", Ledger(Budget(tokens=limit)), PRICE, MAX_TOKENS)
        long = replace(QUESTION, conversation=Conversation.begin("Be brief. " * 400).then(user_message("What now?")))
        reply = await model.reply(long)
        await model.reply(replace(long, conversation=long.conversation.then(reply.message, user_message("And?"))))

    # The first call is bounded by its 4,000 bytes, the second by the 140 tokens of the first plus its new bytes.
    asyncio.run(two_calls(6000))
    with pytest.raises(BudgetExhausted):
        asyncio.run(two_calls(4000))


def test_limit_in_dollars_needs_known_prices() -> None:
    with pytest.raises(ValidationError, match=r"no price is known for openai/my-own. Limit budget.tokens instead"):
        scenario(team={"researchers": 2, "model": "openai/my-own"}, budget={"hours": 3, "usd": 1.0})
    scenario(team={"researchers": 2, "model": "openai/my-own"}, budget={"hours": 3, "tokens": 100_000})
    scenario(team={"researchers": 2}, budget={"hours": 3, "usd": 1.0})


def test_custom_server_has_no_listed_price() -> None:
    opus = {"researchers": 2, "model": "anthropic/claude-opus-5-5"}
    assert scenario(team=opus).live.price("anthropic/claude-opus-5-5") is not None
    elsewhere = scenario(team=opus, live={"base_urls": {"anthropic": "http://localhost:1"}})
    assert elsewhere.live.price("anthropic/claude-opus-5-5") is None


def test_permanent_error_costs_nothing() -> None:
    class Broken:
        async def reply(self, request: Request) -> Reply:
            raise ModelError("no")

    ledger = Ledger(Budget(calls=1))
    with pytest.raises(ModelError):
        asyncio.run(MeteredModel(Broken(), "r1", ledger, PRICE, MAX_TOKENS).reply(QUESTION))
    assert ledger.spent["r1"].calls == ledger.reserved["r1"].calls == 0


def test_tokens_are_counted_only_if_the_bound_is_too_high() -> None:
    async def count_calls(limit: int, count: Callable[[Request], Awaitable[int]]) -> list[int]:
        counted: list[int] = []

        async def counting(request: Request) -> int:
            counted.append(1)
            return await count(request)

        model = MeteredModel(
            ScriptedModel([(0, 5)]), "r1", Ledger(Budget(tokens=limit)), PRICE, MAX_TOKENS, count=counting
        )
        await model.reply(replace(QUESTION, conversation=Conversation.begin("Be brief. " * 400)))
        return counted

    async def exactly(request: Request) -> int:
        return 1000

    async def broken(request: Request) -> int:
        raise ModelError("the provider does not count tokens")

    assert asyncio.run(count_calls(6000, exactly)) == [], "the bound by bytes fits"
    assert asyncio.run(count_calls(3000, exactly)) == [1], "only the token count fits"
    for limit, count in ((2000, exactly), (3000, broken)):
        with pytest.raises(BudgetExhausted):
            asyncio.run(count_calls(limit, count))


def test_bound_of_a_shortened_conversation_does_not_grow() -> None:
    """Otherwise the bound of a summary request would be its number of bytes, four times its tokens."""

    async def two_calls(limit: int) -> None:
        model = MeteredModel(ScriptedModel([(0, 5), (0, 5)]), "r1", Ledger(Budget(tokens=limit)), PRICE, MAX_TOKENS)
        long = QUESTION.conversation.then(*(user_message("So much to say. " * 100) for _ in range(4)))
        await model.reply(replace(QUESTION, conversation=long))
        shorter = QUESTION.conversation.then(*long.messages[1:3], user_message("Sum up."))
        await model.reply(replace(QUESTION, conversation=shorter, tools=(ToolSpec("other", "", {}),)))

    asyncio.run(two_calls(9000))
