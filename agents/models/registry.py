"""Base models by name. A name is `provider/model`, split at the first slash.

Some providers serve what has no list of its own: any model that the service at the other end knows. Packages outside
add providers by the entry-point group `aarlab.models`; `docs/providers.md` shows how.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from aarlab.agents.models.base import Model, ModelSettings
from aarlab.agents.models.pricing import FREE, Price

ENTRY_POINT_GROUP = "aarlab.models"
"""Entry points of this group are providers; an entry point's name is the provider's."""


def _nothing_missing() -> str | None:
    return None


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
    price: Price | None = None
    """What its provider says it costs; None: what the table of prices says, if it says anything."""
    missing_requirement: Callable[[], str | None] = _nothing_missing
    """Says what it needs and has not got, and what to do; None if nothing is missing."""
    address: str | None = None
    """Where it is served, if that is not its provider's own address."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Serves base models, by whatever names it knows them."""

    name: str
    """What stands before the slash."""
    about: str
    needs: str
    """What must be there for it to work: a key, a server, or nothing."""
    models: str
    """What may stand behind the slash, for people."""
    find: Callable[[str, ModelSettings], ModelInfo | None]
    """Returns the model with a name of this provider's, served as asked; None if it has none of that name."""


class UnknownModel(ValueError):
    """No base model has this name."""


# Imported inside, so that naming a model does not load what thinking with it needs.
def _researcher(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.researcher import SimulatedResearcher

    return SimulatedResearcher(seed, agent, temperament)


def _random(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.simulated.random_search import RandomSearch

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


def _person(seed: int, agent: str, temperament: str) -> Model:
    from aarlab.agents.models.human_terminal import HumanModel

    return HumanModel(agent)


_BUILT_IN = (
    ModelInfo(
        "simulated/researcher",
        "A search policy that plays a researcher: proposes, pilots, repairs, borrows, learns from all results.",
        "nothing",
        _researcher,
        FREE,
    ),
    ModelInfo(
        "simulated/random",
        "The control: draws methods at random from the same toolkit, runs each in full, learns nothing.",
        "nothing",
        _random,
        FREE,
    ),
    ModelInfo(
        "simulated/reviewer",
        "Judges by what it is shown: no pilot, a weak pilot, a teacher that was ignored, work done before.",
        "nothing",
        _reviewer,
        FREE,
    ),
    ModelInfo(
        "simulated/librarian",
        "Answers from the findings it is shown: the best scores, or what shares most words with the question.",
        "nothing",
        _librarian,
        FREE,
    ),
    ModelInfo(
        "simulated/overseer",
        "Lets the work go on unless half the time brought no result; releases what has an experiment and a sane log.",
        "nothing",
        _overseer,
        FREE,
    ),
    ModelInfo(
        "human/terminal",
        "A person at this terminal plays the part: researcher, reviewer, librarian or overseer.",
        "a person at the terminal",
        _person,
        FREE,
    ),
)

MODELS: Mapping[str, ModelInfo] = MappingProxyType({model.name: model for model in _BUILT_IN})
"""Every base model that has a name of its own here."""


def _key_missing(key: str, *, extra: str = "") -> str | None:
    """Say that a package or a key is not there; None if both are."""
    if extra and find_spec(extra) is None:
        return f"the package {extra} is not installed: pip install 'aarlab[{extra}]'"
    if key and not os.environ.get(key):
        return f"{key} is not set: export it, or keep it in a file and say --env-file FILE"
    return None


def _anthropic(model: str, settings: ModelSettings) -> ModelInfo | None:
    def open_for_agent(seed: int, agent: str, temperament: str) -> Model:
        from aarlab.agents.models.anthropic import Claude

        return Claude(model, settings)

    return ModelInfo(
        f"anthropic/{model}",
        "Claude, by Anthropic's API.",
        ANTHROPIC.needs,
        open_for_agent,
        missing_requirement=lambda: _key_missing("ANTHROPIC_API_KEY"),
        address=settings.base_url or os.environ.get("ANTHROPIC_BASE_URL") or None,
    )


def _openai(model: str, settings: ModelSettings) -> ModelInfo | None:
    def open_for_agent(seed: int, agent: str, temperament: str) -> Model:
        from aarlab.agents.models.openai import ChatCompletionsModel

        return ChatCompletionsModel(model, settings)

    address = settings.base_url or os.environ.get("OPENAI_BASE_URL") or None
    return ModelInfo(
        f"openai/{model}",
        "A model behind OpenAI's API, or behind any server that speaks it.",
        OPENAI.needs,
        open_for_agent,
        # A server of one's own may do without a key.
        missing_requirement=lambda: _key_missing("" if address else "OPENAI_API_KEY", extra="openai"),
        address=address,
    )


def _tape(model: str, settings: ModelSettings) -> ModelInfo:
    def open_for_agent(seed: int, agent: str, temperament: str) -> Model:
        from aarlab.agents.models.recorded import RecordedModel

        return RecordedModel(Path(model), agent)

    def missing_requirement() -> str | None:
        from aarlab.agents.models import recorded

        return recorded.missing_requirement(Path(model))

    return ModelInfo(f"tape/{model}", TAPE.about, TAPE.needs, open_for_agent, FREE, missing_requirement)


ANTHROPIC = Provider(
    "anthropic",
    "Claude, by Anthropic's API.",
    "a key in ANTHROPIC_API_KEY",
    "any id that the API knows, such as claude-opus-5-5",
    _anthropic,
)
OPENAI = Provider(
    "openai",
    "OpenAI's API, or any server that speaks it: vLLM, Ollama, llama.cpp, OpenRouter and others.",
    "pip install 'aarlab[openai]', and a key in OPENAI_API_KEY or a server of your own in live.base_urls",
    "any id that the server knows, such as gpt-5",
    _openai,
)
TAPE = Provider(
    "tape",
    "A recorded run: answers each agent as the agent of its name was answered there.",
    "a run file",
    "the path of a run file, such as runs/NAME.db",
    _tape,
)
PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {provider.name: provider for provider in (ANTHROPIC, OPENAI, TAPE)}
)
"""The providers that come with aarlab and serve what they have no list of."""


def external_providers() -> Iterator[Provider]:
    """Yield the providers of other packages.

    Raises:
        UnknownModel: One of them cannot be loaded.
    """
    for point in entry_points(group=ENTRY_POINT_GROUP):
        yield _load_provider(point)


def _load_provider(point: EntryPoint) -> Provider:
    origin = f"the provider {point.name!r} of the package {point.dist.name if point.dist else point.value!r}"
    try:
        provider = point.load()
    except Exception as error:
        raise UnknownModel(f"{origin} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(provider, Provider) or provider.name != point.name:
        raise UnknownModel(f"{origin} is no Provider of that name; see docs/providers.md")
    return provider


def find_model(name: str, settings: ModelSettings | None = None) -> ModelInfo:
    """Return the base model of a name, to be served as asked.

    Raises:
        UnknownModel: There is none; the message names those there are.
    """
    if name in MODELS:
        return MODELS[name]
    provider, _, model = name.partition("/")
    found = _provider(provider)
    info = found.find(model, settings or ModelSettings()) if found and model else None
    if info is None:
        raise UnknownModel(f"no base model is called {name!r}; there are: {', '.join(model_names())}")
    return info


def _provider(name: str) -> Provider | None:
    if name in PROVIDERS:
        return PROVIDERS[name]
    return next((_load_provider(point) for point in entry_points(group=ENTRY_POINT_GROUP, name=name)), None)


def model_names() -> list[str]:
    """Return what can be named, with MODEL in the place of what is up to the provider."""
    others = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)} - PROVIDERS.keys()
    return [*MODELS, *(f"{provider}/MODEL" for provider in (*PROVIDERS, *sorted(others)))]


def check_model_name(name: str) -> None:
    """Raise UnknownModel, naming those that exist, unless `name` is the name of a base model."""
    find_model(name)


def check_temperament(name: str) -> None:
    """Raise UnknownTemperament, a ValueError that names those there are, unless there is such a distribution."""
    from aarlab.agents.models.simulated.temperament import distribution

    distribution(name)


def open_model(
    name: str, *, seed: int, agent: str, temperament: str = "varied", settings: ModelSettings | None = None
) -> Model:
    """Open a base model for one agent of a run, its temperament drawn from a named distribution if it has one.

    Raises UnknownModel, and UnknownTemperament.
    """
    check_temperament(temperament)
    return find_model(name, settings).open(seed, agent, temperament)
