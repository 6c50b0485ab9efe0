"""The registry of base models. A model is named `provider/model`, split at the first slash.

Built-in models are listed in `MODELS`. Some providers have no list and serve any model that their service knows.
Other packages add providers with the entry-point group `aarlab.models`; see `docs/providers.md`.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType

from aarlab.agents.models import recorded
from aarlab.agents.models.addresses import custom_address
from aarlab.agents.models.base import Model, ModelSettings
from aarlab.agents.models.pricing import FREE, Price
from aarlab.agents.models.requirements import azure_problem, bedrock_problem, missing_key, vertex_problem
from aarlab.agents.models.side_task_names import SIDE_TASKS

ENTRY_POINT_GROUP = "aarlab.models"
"""Group of the entry points that add providers. The name of an entry point is the provider's name."""

OpenModel = Callable[[int, str, str], Model]
"""Opens a model for one agent, given the run's seed, the agent's name and the name of a temperament distribution.
Models without a seed or a temperament ignore them.
"""


def _nothing_missing() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A base model that a scenario can name."""

    name: str
    about: str
    needs: str
    """What the model requires: a key, a server, or nothing."""
    open: OpenModel
    price: Price | None = None
    """The price, if the provider knows it; None: look it up in the table of prices."""
    missing_requirement: Callable[[], str | None] = _nothing_missing
    """Returns the missing requirement and how to meet it; None if all requirements are met."""
    address: str | None = None
    """Address of the server; None: the provider's own."""
    roles: tuple[str, ...] | None = None
    """Roles that the model can take; None: every role."""
    live: bool = True
    """Whether a service or a person replies. If all models of a run are computed or recorded, LangGraph is not used."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of base models."""

    name: str
    """The part of a model's name before the slash."""
    about: str
    needs: str
    """What its models require: a key, a server, or nothing."""
    models: str
    """Description of the names after the slash, for the user."""
    find: Callable[[str, ModelSettings], ModelInfo | None]
    """Returns the model with this name after the slash, with these settings; None if there is none."""


class UnknownModel(ValueError):
    """No base model has this name."""


class WrongRole(ValueError):
    """The base model cannot take this role."""

    def __init__(self, name: str, roles: tuple[str, ...], role: str) -> None:
        """Name the model, the roles that it can take, and the role that it was given."""
        super().__init__(f"{name} has the role {' or '.join(roles)} and cannot be the {role}")
        fitting = [model.name for model in MODELS.values() if model.roles is None or role in model.roles]
        self.expected = f"a base model for the {role}: {', '.join((*fitting, *_open_names()))}"
        """The base models that can take the role."""


def _opener(target: str, *per_agent: str, **fixed: object) -> OpenModel:
    """Return a function that opens the class `module:Class` with the named arguments of `OpenModel` and with `fixed`.

    The module is imported when a model is opened, so that reading the registry stays fast.
    """

    def open_for_agent(seed: int, agent: str, temperament: str) -> Model:
        module, _, name = target.partition(":")
        values = {"seed": seed, "agent": agent, "temperament": temperament}
        model_class = getattr(import_module(f"{__package__}.{module}"), name)
        model: Model = model_class(**{argument: values[argument] for argument in per_agent}, **fixed)
        return model

    return open_for_agent


def _reviewer(name: str, *, precision: float, recall: float) -> ModelInfo:
    about = (
        "Criticises findings with a suspicious log or an unreliable score, rejects full runs without a pilot or of a "
        f"known method; precision {precision:g}, recall {recall:g}."
    )
    reviewer = "simulated.simulated_reviewer:SimulatedReviewer"
    opener = _opener(reviewer, "seed", "agent", name=name, precision=precision, recall=recall)
    return ModelInfo(name, about, "nothing", opener, FREE, roles=("reviewer",), live=False)


def is_simulated(model: str) -> bool:
    """Return whether a name is that of a simulated model, which is no evidence about language models."""
    return model.startswith("simulated/")


HOSTILE = "simulated/hostile-"
"""Start of the names of hostile researchers, which the name of a side task follows."""


def _hostile(side_task: str, about: str) -> ModelInfo:
    opener = _opener(
        "simulated.side_tasks.hostile_researcher:HostileResearcher", *_AGENT_ARGUMENTS, side_task=side_task
    )
    about = f"Hostile: {about}."
    return ModelInfo(f"{HOSTILE}{side_task}", about, "nothing", opener, FREE, roles=("researcher",), live=False)


_RESEARCHER = ("researcher", "lead")
_AGENT_ARGUMENTS = ("seed", "agent", "temperament")
_BUILT_IN = (
    ModelInfo(
        "simulated/researcher",
        "Takes the step with the highest expected gain per research hour, and learns from all results it reads.",
        "nothing",
        _opener("simulated.simulated_researcher:SimulatedResearcher", *_AGENT_ARGUMENTS),
        FREE,
        roles=_RESEARCHER,
        live=False,
    ),
    ModelInfo(
        "simulated/random",
        "Control: draws methods at random from the same toolkit, runs each in full, learns nothing.",
        "nothing",
        _opener("simulated.controls:RandomSearch", *_AGENT_ARGUMENTS),
        FREE,
        roles=_RESEARCHER,
        live=False,
    ),
    ModelInfo(
        "simulated/random-pilots",
        "Control: starts from the published methods, pilots random variations and recipes, learns nothing else.",
        "nothing",
        _opener("simulated.controls:RandomSearchWithPilots", *_AGENT_ARGUMENTS),
        FREE,
        roles=_RESEARCHER,
        live=False,
    ),
    ModelInfo(
        "simulated/shuffled-board",
        "Control: the researcher, with the scores of others permuted over their findings.",
        "nothing",
        _opener("simulated.controls:ShuffledBoard", *_AGENT_ARGUMENTS),
        FREE,
        roles=_RESEARCHER,
        live=False,
    ),
    ModelInfo(
        "simulated/local-search",
        "Local search on the task nk: copies the best visible string if it is better, else flips one bit.",
        "nothing",
        _opener("simulated.local_search:LocalSearch", "seed", "agent"),
        FREE,
        roles=("researcher",),
        live=False,
    ),
    *(_hostile(side_task, about) for side_task, about in SIDE_TASKS.items()),
    _reviewer("simulated/reviewer", precision=0.7, recall=0.7),
    _reviewer("simulated/reviewer-good", precision=0.95, recall=0.95),
    _reviewer("simulated/reviewer-bad", precision=0.15, recall=0.2),
    ModelInfo(
        "simulated/librarian",
        "Answers with the findings of the best scores, or with those that share most words with the question.",
        "nothing",
        _opener("simulated.simulated_librarian:SimulatedLibrarian"),
        FREE,
        roles=("librarian",),
        live=False,
    ),
    ModelInfo(
        "simulated/overseer",
        "Stops a run that has no result after half the rounds; releases findings with an experiment and a sound log.",
        "nothing",
        _opener("simulated.simulated_overseer:SimulatedOverseer"),
        FREE,
        roles=("overseer",),
        live=False,
    ),
    ModelInfo(
        "simulated/monitor",
        "Scores a trajectory by fixed rules, in place of a language model.",
        "nothing",
        _opener("simulated.simulated_monitor:SimulatedMonitor"),
        FREE,
        roles=("monitor",),
        live=False,
    ),
    ModelInfo(
        "simulated/replicator",
        "Writes the method of a finding again from the operators and settings that its text names.",
        "nothing",
        _opener("simulated.simulated_replicator:SimulatedReplicator"),
        FREE,
        roles=("replicator",),
        live=False,
    ),
    ModelInfo(
        "human/terminal",
        "A person at this terminal, as researcher, reviewer, librarian or overseer.",
        "a person at the terminal",
        _opener("human_terminal:HumanModel", "agent"),
        FREE,
    ),
    ModelInfo(
        "human/inbox",
        "A person who answers later, from any terminal: the run waits or ends, and `aarlab inbox` lists its questions.",
        "a person who reads aarlab inbox",
        _opener("human_inbox:InboxModel"),
        FREE,
        roles=("overseer", "reviewer"),
    ),
)
MODELS: Mapping[str, ModelInfo] = MappingProxyType({model.name: model for model in _BUILT_IN})
"""The base models with a fixed name."""


def _find_anthropic(model: str, settings: ModelSettings) -> ModelInfo:
    return ModelInfo(
        f"anthropic/{model}",
        ANTHROPIC.about,
        ANTHROPIC.needs,
        _opener("anthropic:Claude", model=model, settings=settings),
        missing_requirement=lambda: missing_key("ANTHROPIC_API_KEY"),
        address=custom_address("anthropic", settings.base_url),
    )


def _find_openai(model: str, settings: ModelSettings) -> ModelInfo:
    address = custom_address("openai", settings.base_url)
    return ModelInfo(
        f"openai/{model}",
        "A model behind OpenAI's API, or behind a compatible server.",
        OPENAI.needs,
        _opener("openai:ChatCompletionsModel", model=model, settings=settings),
        # A custom server may not require a key.
        missing_requirement=lambda: missing_key("OPENAI_API_KEY", required=address is None, extra="openai"),
        address=address,
    )


def _cloud(
    name: str, about: str, needs: str, models: str, client: str, problem: Callable[[ModelSettings], str | None]
) -> Provider:
    """Return a provider whose models a class of `cloud_clients` opens."""

    def find(model: str, settings: ModelSettings) -> ModelInfo:
        return ModelInfo(
            f"{name}/{model}",
            about,
            needs,
            _opener(f"cloud_clients:{client}", model=model, settings=settings),
            missing_requirement=lambda: problem(settings),
            address=custom_address(name, settings.base_url),
        )

    return Provider(name, about, needs, models, find)


def _find_tape(model: str, settings: ModelSettings) -> ModelInfo:
    path = Path(model)
    return ModelInfo(
        f"tape/{model}",
        TAPE.about,
        TAPE.needs,
        _opener("recorded:RecordedModel", "agent", path=path),
        FREE,
        missing_requirement=lambda: recorded.missing_requirement(path),
        live=False,
    )


def _find_agent(model: str, settings: ModelSettings) -> ModelInfo:
    name = f"agent/{model}"

    def open_agent(seed: int, agent: str, temperament: str) -> Model:
        from aarlab.agents.models.outside.outside_agent import open_outside_agent

        return open_outside_agent(name, agent, settings.outside_agent)

    def missing() -> str | None:
        from aarlab.agents.models.outside.outside_agent import missing_requirement

        return missing_requirement(name, settings.outside_agent)

    return ModelInfo(name, AGENT.about, AGENT.needs, open_agent, missing_requirement=missing, roles=("researcher",))


ANTHROPIC = Provider(
    "anthropic",
    "Claude, through Anthropic's API.",
    "a key in ANTHROPIC_API_KEY",
    "any id that the API knows, such as claude-opus-5-5",
    _find_anthropic,
)
OPENAI = Provider(
    "openai",
    "OpenAI's API, or any compatible server: vLLM, Ollama, llama.cpp, OpenRouter and others.",
    "pip install 'aarlab[openai]', and a key in OPENAI_API_KEY or a custom server in live.base_urls",
    "any id that the server knows, such as gpt-5",
    _find_openai,
)
TAPE = Provider(
    "tape",
    "A recorded run: each agent gets the replies that the agent of the same name got.",
    "a run file",
    "the path of a run file, such as runs/NAME.db",
    _find_tape,
)
AGENT = Provider(
    "agent",
    "An agent with its own loop, such as a coding agent: it gets a researcher's tools over MCP, or as a coroutine.",
    "pip install 'aarlab[mcp]' and a command in live.agents, or a package with an agent; see docs/agents.md",
    "a name in live.agents, or the name of an installed agent",
    _find_agent,
)
_CLOUDS = (
    _cloud(
        "azure",
        "OpenAI's models on Azure.",
        "pip install 'aarlab[azure]', AZURE_OPENAI_ENDPOINT, and a key in AZURE_OPENAI_API_KEY or a token in "
        "AZURE_OPENAI_AD_TOKEN",
        "the name of a deployment",
        "AzureModel",
        azure_problem,
    ),
    _cloud(
        "bedrock",
        "Claude on Amazon Bedrock.",
        "pip install 'aarlab[bedrock]', AWS_REGION, and AWS credentials or a key in AWS_BEARER_TOKEN_BEDROCK",
        "the id of a Claude model or inference profile",
        "BedrockClaude",
        bedrock_problem,
    ),
    _cloud(
        "vertex",
        "Claude on Google's Vertex AI.",
        "pip install 'aarlab[vertex]', CLOUD_ML_REGION, ANTHROPIC_VERTEX_PROJECT_ID, and Google credentials or a token "
        "in GOOGLE_OAUTH_ACCESS_TOKEN",
        "the id of a Claude model",
        "VertexClaude",
        vertex_problem,
    ),
)
PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {provider.name: provider for provider in (ANTHROPIC, OPENAI, *_CLOUDS, TAPE, AGENT)}
)
"""The built-in providers without a fixed list of models."""


def external_providers() -> Iterator[Provider]:
    """Yield the providers of other packages. Raises UnknownModel if one of them cannot be loaded."""
    for point in entry_points(group=ENTRY_POINT_GROUP):
        yield _load_provider(point)


def _load_provider(point: EntryPoint) -> Provider:
    origin = f"the provider {point.name!r} of the package {point.dist.name if point.dist else point.value!r}"
    try:
        provider = point.load()
    except Exception as error:
        raise UnknownModel(f"{origin} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(provider, Provider) or provider.name != point.name:
        raise UnknownModel(f"{origin} is not a Provider of that name; see docs/providers.md")
    return provider


def find_model(name: str, settings: ModelSettings | None = None) -> ModelInfo:
    """Return the base model of this name, with these settings. Raises UnknownModel, which lists the names."""
    if name in MODELS:
        return MODELS[name]
    provider_name, _, model = name.partition("/")
    provider = _find_provider(provider_name)
    info = provider.find(model, settings or ModelSettings()) if provider and model else None
    if info is None:
        raise UnknownModel(f"no base model is called {name!r}; there are: {', '.join(model_names())}")
    return info


def _find_provider(name: str) -> Provider | None:
    if name in PROVIDERS:
        return PROVIDERS[name]
    key = (name, *sys.path)
    if key not in _external_providers:
        # All metadata of the installed packages are read, which takes about ten milliseconds.
        for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
            _external_providers[key] = _load_provider(point)
    return _external_providers.get(key)


_external_providers: dict[tuple[str, ...], Provider] = {}
"""Loaded providers of other packages, by name and import path."""


def model_names() -> list[str]:
    """Return all names, with MODEL for the names that a provider defines."""
    return [*MODELS, *_open_names()]


def _open_names() -> list[str]:
    external = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)} - PROVIDERS.keys()
    return [f"{provider}/MODEL" for provider in (*PROVIDERS, *sorted(external))]


def check_model_name(name: str) -> None:
    """Raise UnknownModel, which lists the names, unless a base model has this name."""
    find_model(name)


def check_role(name: str, role: str) -> None:
    """Raise UnknownModel unless a base model has this name, and WrongRole unless it can take this role."""
    info = find_model(name)
    if info.roles is not None and role not in info.roles:
        raise WrongRole(name, info.roles, role)


def check_temperament(name: str) -> None:
    """Raise UnknownTemperament, a ValueError that lists the names, unless a distribution has this name."""
    # Imported here because it loads numpy.
    from aarlab.agents.models.simulated.temperament import distribution

    distribution(name)


def open_model(
    name: str, *, seed: int, agent: str, temperament: str = "varied", settings: ModelSettings | None = None
) -> Model:
    """Return a base model for one agent of a run, with a temperament drawn from the named distribution if it has one.

    Raises UnknownModel or UnknownTemperament.
    """
    check_temperament(temperament)
    return find_model(name, settings).open(seed, agent, temperament)
