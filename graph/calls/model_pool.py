"""Who thinks for the team: base models opened for its agents, each paid for and asked again where that helps."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.concurrency_limiter import ConcurrencyLimitedModel, ConcurrencyLimiter
from aarlab.agents.models.retrying import RetryingModel
from aarlab.graph.calls.budget import Amount, Ledger, MeteredModel, SharedBudget
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import FailedModelCall
from aarlab.scenarios.task import Progress


class ModelPool:
    """Opens the base models of a run when they are first asked, and closes them."""

    def __init__(
        self,
        scenario: Scenario,
        progress: Progress | None,
        shared_budget: SharedBudget | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Open models as the scenario says.

        Args:
            scenario: What is run.
            progress: Told when a model is waited for.
            purse: What is paid from besides the run's own budget, shared with other runs; None: there is no such thing.
            books: Those of the same run before it was configured otherwise; None: nothing has been spent.
        """
        self.ledger = Ledger(scenario.budget, shared_budget) if ledger is None else ledger.with_budget(scenario.budget)
        self.stopped: Exception | None = None
        """Why nobody is asked any more, once a base model has been given up."""
        self._scenario, self._progress = scenario, progress
        self._limiters: dict[tuple[str, str | None], ConcurrencyLimiter] = defaultdict(ConcurrencyLimiter)
        """By provider and address."""
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def get(self, name: str, agent: str) -> "AgentModel":
        """Return the base model of a name, for one agent."""
        return AgentModel(self, name, agent)

    def open_metered(self, name: str, agent: str) -> tuple[MeteredModel, RetryingModel]:
        """Open the base model of a name: as it is paid for, and as it is asked. Raises UnknownModel."""
        scenario = self._scenario
        info = scenario.live.model(name)
        model = info.open(scenario.seed, agent, scenario.team.temperament)
        if (close := getattr(model, "aclose", None)) is not None:
            self._closers.append(close)
        # The gate innermost, for it is about calls under way; then the books, so that every attempt is paid for.
        limited_model = ConcurrencyLimitedModel(model, self._limiters[name.partition("/")[0], info.address])
        metered = MeteredModel(
            limited_model, agent, self.ledger, scenario.live.price(name), scenario.live.max_tokens,
            count=getattr(model, "count_tokens", None),
        )  # fmt: skip
        retry_policy = scenario.live.retry_policy
        return metered, RetryingModel(
            metered, name, retry_policy, seed=scenario.seed, agent=agent, on_wait=self._progress
        )

    async def aclose(self) -> None:
        """Close what holds connections."""
        for close in self._closers:
            await close()


@dataclass(slots=True)
class AgentModel:
    """One agent's base model. It is opened when it is first asked: a replay never asks it."""

    model_pool: ModelPool
    name: str
    agent: str
    _opened: tuple[MeteredModel, RetryingModel] | None = None
    _last: tuple[Request, Reply] | None = None
    """The last that was found on tape."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request, unless the work has been stopped.

        Raises:
            LimitSpent: The budget has no room for it.
            ModelError: There is no answer to be had.
        """
        if self.model_pool.stopped is not None:
            raise self.model_pool.stopped
        if self._opened is None:
            self._opened = self.model_pool.open_metered(self.name, self.agent)
            if self._last is not None:
                self._opened[0].restore_reply(*self._last)
        return await self._opened[1].reply(request)

    def restore_reply(self, request: Request, reply: Reply) -> None:
        """Take in an answer that is on tape: it has been paid for, and tells how long the conversation is."""
        self.model_pool.ledger.spent[self.agent] += Amount(reply.cost_usd or 0.0, reply.usage.tokens, 1)
        self._last = (request, reply)

    def restore_failure(self, attempt: FailedModelCall) -> None:
        """Take in an attempt that failed and is on tape: it has been paid for."""
        tokens = attempt.input_tokens + attempt.output_tokens
        self.model_pool.ledger.spent[self.agent] += Amount(attempt.cost_usd or 0.0, tokens, 0)
