"""Base models by name. A name is `provider/model`, split at the first slash."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aarlab.agents.models.base import Model


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A base model that can be named in a scenario."""

    name: str
    about: str
    needs: str
    """What must be there for it to work: a key, a server, or nothing."""
    open: Callable[[int, str], Model]
    """Opens it for one agent, given the run's seed and the agent's name; models that cannot be seeded ignore both."""


class UnknownModel(ValueError):
    """No base model has this name."""


# Imported inside, so that naming a model does not load what thinking with it needs.
def _researcher(seed: int, agent: str) -> Model:
    from aarlab.agents.models.simulated.researcher import SimulatedResearcher

    return SimulatedResearcher(seed, agent)


def _random(seed: int, agent: str) -> Model:
    from aarlab.agents.models.simulated.random import RandomSearch

    return RandomSearch(seed, agent)


def _reviewer(seed: int, agent: str) -> Model:
    from aarlab.agents.models.simulated.reviewer import SimulatedReviewer

    return SimulatedReviewer()


_BUILT_IN = (
    ModelInfo(
        "simulated/researcher",
        "A search policy that plays a researcher: proposes, pilots, repairs, borrows, learns from all results.",
        "nothing",
        _researcher,
    ),
    ModelInfo(
        "simulated/random",
        "The control: draws methods at random from the same toolkit, runs each in full, learns nothing.",
        "nothing",
        _random,
    ),
    ModelInfo(
        "simulated/reviewer",
        "Judges by what it is shown: no pilot, a weak pilot, a teacher that was ignored, work done before.",
        "nothing",
        _reviewer,
    ),
)

MODELS: Mapping[str, ModelInfo] = MappingProxyType({model.name: model for model in _BUILT_IN})
"""Every base model that can be named."""


def check_name(name: str) -> None:
    """Raise UnknownModel, naming those that exist, unless `name` is the name of a base model."""
    if name not in MODELS:
        raise UnknownModel(f"no base model is called {name!r}; there are: {', '.join(MODELS)}")


def open_model(name: str, *, seed: int, agent: str) -> Model:
    """Open a base model for one agent of a run. Raises UnknownModel."""
    check_name(name)
    return MODELS[name].open(seed, agent)
