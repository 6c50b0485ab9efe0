"""The books: no limit is overspent, whatever order calls end in, and nothing stays set aside."""

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


class Talker:
    """A model that answers after some turns of the loop, with some tokens; with a negative number it fails."""

    def __init__(self, script: list[tuple[int, int]]) -> None:
        self.script = list(script)

    async def reply(self, request: Request) -> Reply:
        """Answer with the next tokens of the script."""
        pauses, tokens = self.script.pop(0)
        for _ in range(pauses):
            await asyncio.sleep(0)
        usage = Usage(40, abs(tokens))
        if tokens < 0:
            raise TransientError("the stream broke off", usage=usage)
        return Reply(Message("assistant", (Text("x" * tokens),)), "end_turn", usage, "talker", None)


scripts = st.lists(st.tuples(st.integers(0, 4), st.integers(-MAX_TOKENS, MAX_TOKENS)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(scripts, min_size=1, max_size=5),
    st.one_of(st.none(), st.floats(0.01, 0.2)),
    st.one_of(st.none(), st.integers(1000, 9000)),
    st.one_of(st.none(), st.integers(1, 12)),
    st.one_of(st.none(), st.integers(1, 4)),
)
def test_no_limit_is_ever_overspent_and_nothing_stays_set_aside(
    team: list[list[tuple[int, int]]], usd: float | None, tokens: int | None, calls: int | None, each: int | None
) -> None:
    budget = Budget(usd=usd, tokens=tokens, calls=calls, calls_per_agent=each)
    paid: dict[str, list[Usage]] = {}

    async def work(agent: str, script: list[tuple[int, int]], ledger: Ledger) -> None:
        model = MeteredModel(Talker(script), agent, ledger, PRICE, MAX_TOKENS)
        for _ in script:
            try:
                reply = await model.reply(QUESTION)
                paid.setdefault(agent, []).append(reply.usage)
            except TransientError as error:
                paid.setdefault("failed", []).append(error.usage)
            except BudgetExhausted:
                return

    async def all_together() -> Ledger:
        ledger = Ledger(budget)
        await asyncio.gather(*(work(f"r{i}", script, ledger) for i, script in enumerate(team)))
        return ledger

    ledger = asyncio.run(all_together())
    usages = [usage for listed in paid.values() for usage in listed]
    assert sum(PRICE.cost_usd(usage) for usage in usages) <= (usd or 1e9) + 1e-9
    assert sum(usage.tokens for usage in usages) <= (tokens or 1e9)
    answered = {agent: len(listed) for agent, listed in paid.items() if agent != "failed"}
    assert sum(answered.values()) <= (calls or 1e9)
    assert all(count <= (each or 1e9) for count in answered.values())
    assert all(
        abs(reserved.usd) < 1e-9 and reserved.tokens == reserved.calls == 0 for reserved in ledger.reserved.values()
    )
    assert sum(spent.tokens for spent in ledger.spent.values()) == sum(usage.tokens for usage in usages)


def test_a_call_that_does_not_fit_beside_the_others_waits_for_them() -> None:
    """Ten calls may take all the tokens there are, and take few: all are made."""
    one = 3000

    async def all_together() -> list[Reply]:
        ledger = Ledger(Budget(tokens=one))
        models = [MeteredModel(Talker([(3, 5)]), f"r{i}", ledger, PRICE, MAX_TOKENS) for i in range(10)]
        return await asyncio.gather(*(model.reply(QUESTION) for model in models))

    assert len(asyncio.run(all_together())) == 10


def test_who_cannot_pay_is_told_what_is_spent_and_what_the_call_could_take() -> None:
    ledger = Ledger(Budget(usd=0.001))
    with pytest.raises(
        BudgetExhausted, match=r"budget.usd is \$0.0010; \$0.0000 are spent, and the next call of r1 can take \$"
    ):
        asyncio.run(MeteredModel(Talker([(0, 5)]), "r1", ledger, PRICE, MAX_TOKENS).reply(QUESTION))


def test_what_a_known_conversation_can_take_is_what_it_took_and_what_is_new() -> None:
    async def two_calls(limit: int) -> None:
        model = MeteredModel(Talker([(0, 100), (0, 100)]), "r1", Ledger(Budget(tokens=limit)), PRICE, MAX_TOKENS)
        long = replace(QUESTION, conversation=Conversation.begin("Be brief. " * 400).then(user_message("What now?")))
        reply = await model.reply(long)
        await model.reply(replace(long, conversation=long.conversation.then(reply.message, user_message("And?"))))

    # The first call can take its 4,000 bytes, the second is known to have begun with the 140 tokens of the first.
    asyncio.run(two_calls(6000))
    with pytest.raises(BudgetExhausted):
        asyncio.run(two_calls(4000))


def test_a_limit_in_dollars_that_could_not_be_kept_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"a price is not known: openai/my-own. Limit budget.tokens instead"):
        scenario(team={"researchers": 2, "model": "openai/my-own"}, budget={"hours": 3, "usd": 1.0})
    scenario(team={"researchers": 2, "model": "openai/my-own"}, budget={"hours": 3, "tokens": 100_000})
    scenario(team={"researchers": 2}, budget={"hours": 3, "usd": 1.0})


def test_another_server_does_not_have_the_providers_prices() -> None:
    opus = {"researchers": 2, "model": "anthropic/claude-opus-5-5"}
    assert scenario(team=opus).live.price("anthropic/claude-opus-5-5") is not None
    elsewhere = scenario(team=opus, live={"base_urls": {"anthropic": "http://localhost:1"}})
    assert elsewhere.live.price("anthropic/claude-opus-5-5") is None


def test_an_error_that_does_not_pass_costs_nothing() -> None:
    class Broken:
        async def reply(self, request: Request) -> Reply:
            raise ModelError("no")

    ledger = Ledger(Budget(calls=1))
    with pytest.raises(ModelError):
        asyncio.run(MeteredModel(Broken(), "r1", ledger, PRICE, MAX_TOKENS).reply(QUESTION))
    assert ledger.spent["r1"].calls == ledger.reserved["r1"].calls == 0


def test_where_the_bound_would_refuse_a_call_its_tokens_are_counted() -> None:
    async def count_calls(limit: int, count: Callable[[Request], Awaitable[int]]) -> list[int]:
        asked: list[int] = []

        async def counting(request: Request) -> int:
            asked.append(1)
            return await count(request)

        model = MeteredModel(Talker([(0, 5)]), "r1", Ledger(Budget(tokens=limit)), PRICE, MAX_TOKENS, count=counting)
        await model.reply(replace(QUESTION, conversation=Conversation.begin("Be brief. " * 400)))
        return asked

    async def exactly(request: Request) -> int:
        return 1000

    async def broken(request: Request) -> int:
        raise ModelError("nothing is counted here")

    assert asyncio.run(count_calls(6000, exactly)) == [], "it fits by its bytes"
    assert asyncio.run(count_calls(3000, exactly)) == [1], "it does not, but by its tokens"
    for limit, count in ((2000, exactly), (3000, broken)):
        with pytest.raises(BudgetExhausted):
            asyncio.run(count_calls(limit, count))


def test_a_shorter_beginning_of_what_was_counted_takes_no_more_than_that() -> None:
    """So a conversation that is summed up is not taken for four times as long as it is."""

    async def two_calls(limit: int) -> None:
        model = MeteredModel(Talker([(0, 5), (0, 5)]), "r1", Ledger(Budget(tokens=limit)), PRICE, MAX_TOKENS)
        long = QUESTION.conversation.then(*(user_message("So much to say. " * 100) for _ in range(4)))
        await model.reply(replace(QUESTION, conversation=long))
        shorter = QUESTION.conversation.then(*long.messages[1:3], user_message("Sum up."))
        await model.reply(replace(QUESTION, conversation=shorter, tools=(ToolSpec("other", "", {}),)))

    asyncio.run(two_calls(9000))
