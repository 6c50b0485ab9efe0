"""Who thinks for the team: base models opened for its agents, each paid for and asked again where that helps."""

from collections.abc import Awaitable, Callable

from aarlab.agents.models.base import Model
from aarlab.agents.models.registry import check_temperament
from aarlab.agents.models.retry import Patient
from aarlab.graph.budget import Books, Metered
from aarlab.graph.scenario import Scenario
from aarlab.scenarios.task import Progress


class Payroll:
    """Opens the base models of a run, and closes them."""

    def __init__(self, scenario: Scenario, progress: Progress | None) -> None:
        """Open models as the scenario says; `progress` is told when one is waited for."""
        self._scenario, self._progress = scenario, progress
        self._books = Books(scenario.budget)
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def hire(self, name: str, agent: str) -> Model:
        """Open the base model of a name for one agent. Raises UnknownModel."""
        scenario = self._scenario
        info = scenario.live.model(name)
        check_temperament(scenario.team.temperament)
        model = info.open(scenario.seed, agent, scenario.team.temperament)
        if (close := getattr(model, "aclose", None)) is not None:
            self._closers.append(close)
        # Innermost, so that every attempt is paid for, those that fail as well.
        metered = Metered(model, agent, self._books, scenario.live.price(name), scenario.live.max_tokens)
        return Patient(metered, name, scenario.live.patience, seed=scenario.seed, agent=agent, announce=self._progress)

    async def aclose(self) -> None:
        """Close what holds connections."""
        for close in self._closers:
            await close()
