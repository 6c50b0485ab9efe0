"""Loading scenarios from YAML files."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import aarlab.scenarios
from aarlab.config.document import Document, document_from, read_document
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.config.explain import explain
from aarlab.config.overrides import apply, parse_overrides
from aarlab.config.task_loading import with_task_files
from aarlab.graph.scenario import Scenario

DEFAULT_SCENARIO = "quickstart"
ABLATION_FIELDS = frozenset({"arms", "grid", "sensitivity", "comparisons", "fork_from"})
"""Fields by which an ablation file is recognised. No scenario has them."""
STUDIES = "studies"
"""Folder of the published designs, and first part of their names."""


def shipped_scenarios() -> dict[str, Path]:
    """Return the paths of the scenarios that come with aarlab, by name."""
    folders = [Path(folder) for folder in aarlab.scenarios.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def shipped_ablations() -> dict[str, Path]:
    """Return the paths of the ablation files that come with aarlab, by name; studies are named `studies/NAME`."""
    folders = [Path(folder) / "ablations" for folder in aarlab.scenarios.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))} | shipped_studies()


def shipped_studies() -> dict[str, Path]:
    """Return the paths of the published designs that come with aarlab as ablations, by `studies/NAME`."""
    folders = [Path(folder) / STUDIES for folder in aarlab.scenarios.__path__]
    return {f"{STUDIES}/{path.stem}": path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_scenario(source: str | Path | None = None, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in `source` with `overrides` applied.

    Args:
        source: A YAML file, or the name of a shipped scenario; None means quickstart.
        overrides: `path=value` with YAML values, in any order: `budget.hours=12`, `structure=staged`,
            `task.parameters={k: 1}`.

    Raises:
        ConfigError: The scenario is invalid; one fault for each error.
    """
    document = read_document(find_scenario(source))
    if document.data.keys() & ABLATION_FIELDS:
        raise ConfigError([_ablation_fault(document.name)])
    return _validated(apply(parse_overrides(overrides), document))


def scenario_from_dict(name: str, data: dict[str, Any], overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario given as plain values, as in run files, with `overrides` applied.

    Args:
        name: Used in faults in place of a file name.
        data: The fields of the scenario.
        overrides: As for `load_scenario`.

    Raises:
        ConfigError: The scenario is invalid; one fault for each error.
    """
    return _validated(apply(parse_overrides(overrides), document_from(name, data)))


def _validated(document: Document) -> Scenario:
    document = with_task_files(document)
    try:
        # Strict: `researchers: "9"` or `true` is probably a mistake, so it is not converted.
        return Scenario.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, document)) from None


def find_scenario(source: str | Path | None) -> Path:
    """Return the path of a scenario: that of a shipped scenario with this name, else `source` as a path.

    Raises:
        ConfigError: Neither exists.
    """
    shipped = shipped_scenarios()
    name = DEFAULT_SCENARIO if source is None else str(source)
    if name in shipped:
        return shipped[name]
    if name in shipped_ablations():
        raise ConfigError([_ablation_fault(name)])
    path = Path(name)
    expected = f"a YAML file, or the name of a shipped scenario: {', '.join(shipped)}"
    if path.is_dir():
        raise ConfigError([Fault(name, None, "it is a folder", expected)])
    if not path.exists():
        raise ConfigError([Fault(name, None, "no such file", expected, did_you_mean(path.stem, shipped))])
    return path


def _ablation_fault(name: str) -> Fault:
    return Fault(name, None, "it is an ablation", "a scenario", f"aarlab ablate {shlex.quote(name)}")
