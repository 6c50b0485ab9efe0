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
    open: Callable[[int, str, str], Model]
    """Opens it for one agent, given the run's seed, the agent's name and the name of a distribution of temperaments;
    models that cannot be seeded, or have no temperament, ignore them.
    """


class UnknownModel(ValueError):
    """No base model has this name."""


# Imported inside, so that naming a model does not load what thinking with it needs.
def _researcher(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.researcher import SimulatedResearcher

    return SimulatedResearcher(seed, agent, temperament)


def _random(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.random import RandomSearch

    return RandomSearch(seed, agent, temperament)


def _reviewer(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.reviewer import SimulatedReviewer

    return SimulatedReviewer()


def _librarian(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.librarian import SimulatedLibrarian

    return SimulatedLibrarian()


def _overseer(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.overseer import SimulatedOverseer

    return SimulatedOverseer()


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
    ModelInfo(
        "simulated/librarian",
        "Answers from the findings it is shown: the best scores, or what shares most words with the question.",
        "nothing",
        _librarian,
    ),
    ModelInfo(
        "simulated/overseer",
        "Lets the work go on unless half the time brought no result; releases what has an experiment and a sane log.",
        "nothing",
        _overseer,
    ),
)

MODELS: Mapping[str, ModelInfo] = MappingProxyType({model.name: model for model in _BUILT_IN})
"""Every base model that can be named."""


def check_name(name: str) -> None:
    """Raise UnknownModel, naming those that exist, unless `name` is the name of a base model."""
    if name not in MODELS:
        raise UnknownModel(f"no base model is called {name!r}; there are: {', '.join(MODELS)}")


def check_temperament(name: str) -> None:
    """Raise UnknownTemperament, a ValueError that names those there are, unless there is such a distribution."""
    from aarlab.agents.models.simulated.temperament import distribution

    distribution(name)


def open_model(name: str, *, seed: int, agent: str, temperament: str = "varied") -> Model:
    """Open a base model for one agent of a run, its temperament drawn from a named distribution if it has one.

    Raises UnknownModel, and UnknownTemperament.
    """
    check_name(name)
    check_temperament(temperament)
    return MODELS[name].open(seed, agent, temperament)
