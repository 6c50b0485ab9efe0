"""A topology that changes with the rounds of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from aarlab.graph.structure.islands import Parameters
from aarlab.memory.board import Neighbours
from aarlab.memory.seeds import seed_of


class TopologyChange(BaseModel):
    """The topology from a later round on. The bare name of a topology is accepted, too."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    topology: str
    """A value of the dial `topology`."""
    parameters: dict[str, float | int | str] = {}
    """Parameters of the topology."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, data: Any) -> Any:
        return {"topology": data} if isinstance(data, str) else data


def neighbours_by_round(
    topology: str, parameters: Parameters, schedule: Mapping[int, TopologyChange], names: Sequence[str], seed: int
) -> dict[int, Neighbours]:
    """Return the neighbours of each researcher by the round from which they apply, in ascending order, from round 1.

    Args:
        topology: The topology of round 1, a value of the dial.
        parameters: Its parameters.
        schedule: Later topologies by their first round.
        names: The researchers, in team order.
        seed: The run's seed. Each change draws its own random graph.

    Raises:
        ValueError: A topology does not exist, does not take its parameters, or has another size than the team.
    """
    # It loads networkx, which commands that only read a run do not need.
    from aarlab.graph.structure.topologies import neighbours_of

    by_round: dict[int, Neighbours] = {1: neighbours_of(topology, parameters, names, seed)}
    for round, change in sorted(schedule.items()):
        try:
            by_round[round] = neighbours_of(
                change.topology, change.parameters, names, seed_of(seed, "topology change", round)
            )
        except ValueError as error:
            raise ValueError(f"topology_schedule, round {round}: {error}") from None
    return by_round


def neighbours_in(by_round: Mapping[int, Neighbours], round: int) -> Neighbours:
    """Return the neighbours that apply in a round; round 0 has those of round 1."""
    return by_round[max(first for first in by_round if first <= max(round, 1))]
