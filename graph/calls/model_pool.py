"""The base models of a run: opened on first use, with a concurrency limit, a meter and retries."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.concurrency_limiter import ConcurrencyLimitedModel, ConcurrencyLimiter
from aarlab.agents.models.retrying import RetryingModel
from aarlab.graph.calls.budget import Amount, Budget, Ledger, SharedBudget
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.graph.calls.metered_model import MeteredModel
from aarlab.memory.events import FailedModelCall
from aarlab.scenarios.task import Progress


class ModelPool:
    """Opens the base models of a run on first use, and closes them."""

    def __init__(
        self,
        budget: Budget,
        live: LiveSettings,
        *,
        seed: int,
        temperament: str,
        progress: Progress | None = None,
        shared_budget: SharedBudget | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Configure the pool; no model is opened yet.

        Args:
            budget: Limits on the calls of all agents together and of each agent.
            live: Settings of live models: server addresses, prices, retries.
            seed: The run's seed, from which simulated models draw.
            temperament: Distribution of the temperaments of simulated researchers.
            progress: Called while a model waits for its provider.
            shared_budget: Budget shared with other runs; None: none.
            ledger: Ledger of the run before a fork; None: nothing has been spent.
        """
        self.ledger = Ledger(budget, shared_budget) if ledger is None else ledger.with_budget(budget)
        self.stopped: Exception | None = None
        """Error that ended all calls; every later call raises it. None: calls are allowed."""
        self._live, self._seed, self._temperament, self._progress = live, seed, temperament, progress
        self._limiters: dict[tuple[str, str | None], ConcurrencyLimiter] = defaultdict(ConcurrencyLimiter)
        """By provider and address."""
        self._names: set[str] = set()
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def get(self, name: str, agent: str) -> "AgentModel":
        """Return the base model with a name, for one agent."""
        self._names.add(name)
        return AgentModel(self, name, agent)

    @property
    def simulated(self) -> bool:
        """Whether all models of the run are simulated."""
        return all(name.startswith("simulated/") for name in self._names)

    def open_metered(self, name: str, agent: str) -> tuple[MeteredModel, RetryingModel]:
        """Open a base model and return its metered form and the retrying form around it. Raises UnknownModel."""
        live, info = self._live, self._live.model(name)
        model = info.open(self._seed, agent, self._temperament)
        if (close := getattr(model, "aclose", None)) is not None:
            self._closers.append(close)
        # The limiter counts open calls, so it is innermost. The meter is inside the retries, so the cost of every
        # attempt is committed.
        limited_model = ConcurrencyLimitedModel(model, self._limiters[name.partition("/")[0], info.address])
        metered = MeteredModel(
            limited_model, agent, self.ledger, live.price(name), live.max_tokens,
            count=getattr(model, "count_tokens", None),
        )  # fmt: skip
        return metered, RetryingModel(
            metered, name, live.retry_policy, seed=self._seed, agent=agent, on_wait=self._progress
        )

    async def aclose(self) -> None:
        """Close the connections of all open models."""
        for close in self._closers:
            await close()


@dataclass(slots=True)
class AgentModel:
    """One agent's base model. It is opened on the first live call; a replay opens none."""

    model_pool: ModelPool
    name: str
    agent: str
    _opened: tuple[MeteredModel, RetryingModel] | None = None
    _last: tuple[Request, Reply] | None = None
    """The last recorded request and reply."""

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            BudgetExhausted: The budget does not cover the call.
            ModelError: The call failed, or an earlier failure ended all calls of the run.
        """
        if self.model_pool.stopped is not None:
            raise self.model_pool.stopped
        if self._opened is None:
            self._opened = self.model_pool.open_metered(self.name, self.agent)
            if self._last is not None:
                self._opened[0].restore_reply(*self._last)
        return await self._opened[1].reply(request)

    def restore_reply(self, request: Request, reply: Reply) -> None:
        """Add a recorded reply to the ledger, and keep it to bound the tokens of the next request."""
        self.model_pool.ledger.spent[self.agent] += Amount(reply.cost_usd or 0.0, reply.usage.known_tokens, 1)
        self._last = (request, reply)

    def restore_failure(self, attempt: FailedModelCall) -> None:
        """Add a recorded attempt that failed to the ledger."""
        self.model_pool.ledger.spent[self.agent] += Amount(attempt.cost_usd or 0.0, attempt.known_tokens, 0)
