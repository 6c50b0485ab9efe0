"""Who thinks for the team: base models opened for its agents, each paid for and asked again where that helps."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.gate import Gate, Gated
from aarlab.agents.models.retry import Patient
from aarlab.graph.budget import Amount, Books, Metered, Purse
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import FailedCall
from aarlab.scenarios.task import Progress


class Payroll:
    """Opens the base models of a run when they are first asked, and closes them."""

    def __init__(
        self,
        scenario: Scenario,
        progress: Progress | None,
        purse: Purse | None = None,
        books: Books | None = None,
    ) -> None:
        """Open models as the scenario says.

        Args:
            scenario: What is run.
            progress: Told when a model is waited for.
            purse: What is paid from besides the run's own budget, shared with other runs; None: there is no such thing.
            books: Those of the same run before it was configured otherwise; None: nothing has been spent.
        """
        self.books = Books(scenario.budget, purse) if books is None else books.under(scenario.budget)
        self.stopped: Exception | None = None
        """Why nobody is asked any more, once a base model has been given up."""
        self._scenario, self._progress = scenario, progress
        self._gates: dict[tuple[str, str | None], Gate] = defaultdict(Gate)
        """By provider and address."""
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def hire(self, name: str, agent: str) -> "Hired":
        """Return the base model of a name, for one agent."""
        return Hired(self, name, agent)

    def opened(self, name: str, agent: str) -> tuple[Metered, Patient]:
        """Open the base model of a name: as it is paid for, and as it is asked. Raises UnknownModel."""
        scenario = self._scenario
        info = scenario.live.model(name)
        model = info.open(scenario.seed, agent, scenario.team.temperament)
        if (close := getattr(model, "aclose", None)) is not None:
            self._closers.append(close)
        # The gate innermost, for it is about calls under way; then the books, so that every attempt is paid for.
        gated = Gated(model, self._gates[name.partition("/")[0], info.address])
        metered = Metered(
            gated, agent, self.books, scenario.live.price(name), scenario.live.max_tokens,
            count=getattr(model, "count_tokens", None),
        )  # fmt: skip
        patience = scenario.live.patience
        return metered, Patient(metered, name, patience, seed=scenario.seed, agent=agent, announce=self._progress)

    async def aclose(self) -> None:
        """Close what holds connections."""
        for close in self._closers:
            await close()


@dataclass(slots=True)
class Hired:
    """One agent's base model. It is opened when it is first asked: a replay never asks it."""

    payroll: Payroll
    name: str
    agent: str
    _opened: tuple[Metered, Patient] | None = None
    _last: tuple[Request, Reply] | None = None
    """The last that was found on tape."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request, unless the work has been stopped.

        Raises:
            LimitSpent: The budget has no room for it.
            ModelError: There is no answer to be had.
        """
        if self.payroll.stopped is not None:
            raise self.payroll.stopped
        if self._opened is None:
            self._opened = self.payroll.opened(self.name, self.agent)
            if self._last is not None:
                self._opened[0].recall(*self._last)
        return await self._opened[1].reply(request)

    def recall(self, request: Request, reply: Reply) -> None:
        """Take in an answer that is on tape: it has been paid for, and tells how long the conversation is."""
        self.payroll.books.spent[self.agent] += Amount(reply.cost_usd or 0.0, reply.usage.tokens, 1)
        self._last = (request, reply)

    def recall_failure(self, attempt: FailedCall) -> None:
        """Take in an attempt that failed and is on tape: it has been paid for."""
        tokens = attempt.input_tokens + attempt.output_tokens
        self.payroll.books.spent[self.agent] += Amount(attempt.cost_usd or 0.0, tokens, 0)
