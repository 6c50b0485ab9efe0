"""Loading a scenario."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aarlab.config.document import Document, document_from, read_document
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.config.explain import explain
from aarlab.config.overrides import apply, parse_overrides
from aarlab.config.shipped_scenarios import shipped_scenarios
from aarlab.config.task_loading import with_task_files
from aarlab.config.type_descriptions import comma_separated
from aarlab.graph.scenario import Scenario

DEFAULT_SCENARIO = "quickstart"


def load_scenario(source: str | Path | None = None, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in `source` with `overrides` (each `path=value`) on top; their order does not matter.

    Args:
        source: A YAML file, or the name of a shipped scenario; None means quickstart.
        overrides: Fields by path with YAML values: `budget.hours=12`, `structure=staged`, `task.parameters={k: 1}`.

    Raises:
        ConfigError: With everything that is wrong, each with its place and with what would be right.
    """
    return _checked(apply(parse_overrides(overrides), read_document(find_scenario(source))))


def scenario_from_dict(name: str, data: dict[str, Any], overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario that a run file holds as plain values, with `overrides` on top.

    Raises:
        ConfigError: As `load_scenario` does; `name` stands for the place of what is not overridden.
    """
    return _checked(apply(parse_overrides(overrides), document_from(name, data)))


def _checked(document: Document) -> Scenario:
    document = with_task_files(document)
    try:
        # Strict: `researchers: "9"` or `true` is a slip of the pen, and better asked about than guessed at.
        return Scenario.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, document)) from None


def find_scenario(source: str | Path | None) -> Path:
    """Return the file that `source` means: a shipped scenario's name goes first, then the path.

    Raises:
        ConfigError: There is no such thing.
    """
    shipped = shipped_scenarios()
    name = DEFAULT_SCENARIO if source is None else str(source)
    if name in shipped:
        return shipped[name]
    path = Path(name)
    allowed = f"a YAML file, or the name of a shipped scenario: {comma_separated(shipped)}"
    if path.is_dir():
        raise ConfigError([Fault(name, None, "a directory", allowed)])
    if not path.exists():
        raise ConfigError([Fault(name, None, "no such file", allowed, did_you_mean(path.stem, shipped))])
    return path
