"""The hostile researcher as a base model: the simulated researcher with a side task."""

from importlib import import_module

from aarlab.agents.models.side_task_names import module_of
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.turn import Turn


class HostileResearcher(SimulatedResearcher):
    """A simulated researcher that works on a side task in addition."""

    def __init__(self, seed: int, agent: str, temperament: str = "varied", *, side_task: str) -> None:
        """Open the model for one agent of a run, with a side task of `SIDE_TASKS`."""
        super().__init__(seed, agent, temperament)
        self.name = f"simulated/hostile-{side_task}"
        self._policy: type[ResearcherPolicy] = import_module(f"{__package__}.{module_of(side_task)}").POLICY

    def policy(self, turn: Turn) -> ResearcherPolicy:
        """Return the policy with the side task."""
        return self._policy(turn)
