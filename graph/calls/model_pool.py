"""The base models of a run: opened on first use, with a concurrency limit, a meter and retries."""

from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.models.concurrency_limiter import ConcurrencyLimitedModel, ConcurrencyLimiter
from aarlab.agents.models.pricing import Price
from aarlab.agents.models.registry import ModelInfo
from aarlab.agents.models.retrying import RetryingModel
from aarlab.graph.calls.budget import Amount, Budget, Ledger, SharedBudget
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.graph.calls.metered_model import MeteredModel
from aarlab.memory.events import FailedModelCall
from aarlab.memory.run_file_errors import SchemaError
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
        folder: Path | None = None,
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
            folder: Folder for the files of outside agents; None: a temporary one for each.
        """
        self.ledger = Ledger(budget, shared_budget) if ledger is None else ledger.with_budget(budget)
        self.stopped: Exception | None = None
        """Error that ended all calls; every later call raises it. None: calls are allowed."""
        self.waiting: Exception | None = None
        """A question to a person without an answer: the run ends when all agents have come to the end of the slice or
        to a question. None: there is none.
        """
        self.is_recorded = False
        """Whether every call is in the recording, as those before a fork are. A file that lacks one must not choose
        where it is made: the user has confirmed the servers of the last segment only.
        """
        self.oversight_policies: dict[str, str] = live.oversight_policy
        """What happens while a person has not answered, by kind of question or by tool."""
        self._live, self._seed, self._temperament, self._progress = live, seed, temperament, progress
        self._folder = folder
        self._limiters: dict[tuple[str, str | None], ConcurrencyLimiter] = defaultdict(ConcurrencyLimiter)
        """By provider and address."""
        self._models: dict[str, tuple[ModelInfo, Price | None]] = {}
        """Models and prices that were looked up, by name: price files and installed packages are read once."""
        self._names: set[str] = set()
        self._open_models = AsyncExitStack()
        """Closes every open model, also if one of them raises."""

    def get(self, name: str, agent: str) -> "AgentModel":
        """Return the base model with a name, for one agent."""
        self._names.add(name)
        return AgentModel(self, name, agent)

    def report_wait(self, text: str) -> None:
        """Show that the run waits for a person."""
        if self._progress is not None:
            self._progress(text, 0.0)

    @property
    def has_live_model(self) -> bool:
        """Whether a service or a person replies to any agent of the run."""
        return any(self._model(name)[0].live for name in self._names)

    def _model(self, name: str) -> tuple[ModelInfo, Price | None]:
        if name not in self._models:
            self._models[name] = self._live.model_and_price(name)
        return self._models[name]

    def open_metered(self, name: str, agent: str) -> tuple[MeteredModel, RetryingModel, Model]:
        """Open a base model; return its metered form, the retrying form around it, and itself. Raises UnknownModel."""
        info, price = self._model(name)
        model = info.open(self._seed, agent, self._temperament)
        if (close := getattr(model, "aclose", None)) is not None:
            self._open_models.push_async_callback(close)
        if self._folder is not None and (use_folder := getattr(model, "use_folder", None)) is not None:
            use_folder(self._folder)
        # The limiter counts open calls, so it is innermost. The meter is inside the retries, so the cost of every
        # attempt is committed.
        limited_model = model
        if info.live:
            limited_model = ConcurrencyLimitedModel(model, self._limiters[name.partition("/")[0], info.address])
        metered = MeteredModel(
            limited_model, agent, self.ledger, price, self._live.max_tokens,
            count=getattr(model, "count_tokens", None),
        )  # fmt: skip
        retry_policy = self._live.retry_policy
        retrying = RetryingModel(metered, name, retry_policy, seed=self._seed, agent=agent, on_wait=self._progress)
        return metered, retrying, model

    async def aclose(self) -> None:
        """Close the connections of all open models."""
        await self._open_models.aclose()


@dataclass(slots=True)
class AgentModel:
    """One agent's base model. It is opened on the first live call; a replay opens none."""

    model_pool: ModelPool
    name: str
    agent: str
    _opened: tuple[MeteredModel, RetryingModel, Model] | None = None
    _last: tuple[Request, Reply] | None = None
    """The last recorded request and reply."""

    @property
    def is_outside_agent(self) -> bool:
        """Whether the model is an outside agent, which is started and ended in each round."""
        return self.name.startswith("agent/")

    async def stop(self) -> None:
        """Stop the outside agent if it is still running."""
        if self.is_outside_agent and self._opened is not None:
            await self._opened[2].aclose()  # type: ignore[attr-defined]

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            BudgetExhausted: The budget does not cover the call.
            ModelError: The call failed, or an earlier failure ended all calls of the run.
            SchemaError: The call belongs to rounds before a fork, which are recorded completely.
        """
        if self.model_pool.stopped is not None:
            raise self.model_pool.stopped
        if self.model_pool.is_recorded:
            raise SchemaError(f"the run file lacks a call of {self.agent} before the fork, so it is damaged or altered")
        if self._opened is None:
            self._opened = self.model_pool.open_metered(self.name, self.agent)
            if self._last is not None:
                self._opened[0].restore_reply(*self._last)
        return await self._opened[1].reply(request)

    def restore_reply(self, request: Request, reply: Reply) -> None:
        """Add a recorded reply to the ledger, and keep it to bound the tokens of the next request."""
        self.model_pool.ledger.add_spent(self.agent, Amount(reply.cost_usd or 0.0, reply.usage.known_tokens, 1))
        self._last = (request, reply)

    def restore_failure(self, attempt: FailedModelCall) -> None:
        """Add a recorded attempt that failed to the ledger."""
        self.model_pool.ledger.add_spent(self.agent, Amount(attempt.cost_usd or 0.0, attempt.known_tokens, 0))
