"""From an ablation file and `--set` to a plan, or to an account of everything that is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import aarlab.scenarios
from aarlab.ablation.ablation_plan import (
    FORK_SOURCE_FILE,
    Ablation,
    AblationPlan,
    ForkPoint,
    ForkSource,
    PlannedArm,
    PlannedRun,
    seeds_of,
)
from aarlab.ablation.arm_settings import resolved_arms
from aarlab.config.document import Document, Key, document_from, read_document
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.config.explain import explain
from aarlab.config.overrides import Override, apply, parse_overrides
from aarlab.config.run_lookup import find_run
from aarlab.config.scenario_files import find_scenario
from aarlab.config.shipped_scenarios import shipped_scenarios
from aarlab.config.type_descriptions import comma_separated, value_text
from aarlab.graph.run.measure_registry import MEASURES, find_measure
from aarlab.graph.run.segments import NoSuchRound, segments_before
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_PATH_SECTIONS: Mapping[str, int] = {"arms": 2, "grid": 1}
"""Sections whose keys are dotted paths, and how many parts stand before such a path."""


def shipped_ablations() -> dict[str, Path]:
    """Return the ablation files that come with aarlab, by name."""
    folders = [Path(folder) / "ablations" for folder in aarlab.scenarios.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_ablation(source: str | Path, overrides: Sequence[str] = ()) -> AblationPlan:
    """Return the plan of the ablation in `source` with `overrides` (each `path=value`) on top.

    Args:
        source: A YAML file, or the name of a shipped ablation.
        overrides: Fields of the ablation (`seeds=20`, `arms.staged.structure.review=gate`), or of the scenario that its
            arms have in common (`budget.hours=4`).

    Raises:
        ConfigError: With everything that is wrong, each with its place, and the arm if it is one arm's.
    """
    path = find_ablation(source)
    own, common = _split_overrides(parse_overrides(overrides))
    return _plan_from(apply(own, read_document(path)), common, path.parent)


def plan_of(ablation: Ablation) -> AblationPlan:
    """Return the plan of an ablation that was made in Python; its paths start from the current folder.

    Raises:
        ConfigError: As `load_ablation` does; places are those in the model.
    """
    data = ablation.model_dump(mode="json", exclude_unset=True)
    return _plan_from(document_from("Ablation", data, Path()), [], Path())


def find_ablation(source: str | Path) -> Path:
    """Return the file that `source` means: a shipped ablation's name goes first, then the path.

    Raises:
        ConfigError: There is no such thing.
    """
    shipped = shipped_ablations()
    if str(source) in shipped:
        return shipped[str(source)]
    path = Path(source)
    allowed = f"a YAML file, or the name of a shipped ablation: {comma_separated(shipped)}"
    if path.is_dir():
        raise ConfigError([Fault(str(source), None, "a directory", allowed)])
    if not path.exists():
        raise ConfigError([Fault(str(source), None, "no such file", allowed, did_you_mean(path.stem, shipped))])
    return path


def is_ablation(source: str) -> bool:
    """Whether a name or a file is that of an ablation, and not of a scenario.

    Raises:
        ConfigError: The file cannot be read.
    """
    if source in shipped_ablations():
        return True
    return (
        source not in shipped_scenarios()
        and Path(source).is_file()
        and _has_ablation_fields(read_document(Path(source)))
    )


def _has_ablation_fields(document: Document) -> bool:
    return bool(document.data.keys() & (Ablation.model_fields.keys() - Scenario.model_fields.keys()))


def _plan_from(document: Document, common: Sequence[Override], folder: Path) -> AblationPlan:
    try:
        ablation = Ablation.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, document, Ablation)) from None
    fork_from = None if ablation.fork_from is None else _fork_source(ablation.fork_from, document, folder)
    base = apply(common, _base(document, folder, fork_from))
    arms, faults = resolved_arms(ablation, document, base, fork_from)
    faults = [*_own_faults(ablation, document, base), *faults]
    if not faults:
        faults = _comparison_faults(ablation, document, arms)
    if faults:
        raise ConfigError(faults)
    return _with_runs(ablation, arms, base, fork_from)


def _with_runs(
    ablation: Ablation, arms: Sequence[PlannedArm], base: Document, fork_from: ForkSource | None
) -> AblationPlan:
    comparisons = [[arm.name, arms[0].name] for arm in arms[1:]]
    filled: dict[str, Any] = {
        "scenario": base.data,
        "comparisons": comparisons if ablation.comparisons is None else ablation.comparisons,
    }
    runs = [
        PlannedRun(arm.name, arm.scenario.model_copy(update={"seed": seed}), fork_from)
        for seed in seeds_of(ablation)
        for arm in arms
    ]
    if fork_from is not None:
        filled["fork_from"] = ForkPoint(run=FORK_SOURCE_FILE, at=fork_from.at, digest=fork_from.digest)
    return AblationPlan(ablation.model_copy(update=filled), tuple(arms), tuple(runs), fork_from)


def _fork_source(given: ForkPoint, document: Document, folder: Path) -> ForkSource:
    """Return the run from whose midst the arms start. Raises ConfigError."""
    where = _where(document, ("fork_from",))
    beside = folder / given.run
    path = find_run(str(beside) if beside.exists() else given.run)
    try:
        with RunReader.open(path) as file:
            digest, segment = file.digest(), segments_before(file, given.at)[-1]
    except (SchemaError, NoSuchRound) as error:
        raise ConfigError([Fault(where, "fork_from", str(error), "a run, and a round that it has begun")]) from None
    if given.digest not in (None, digest):
        found = f"{path}, another run than the one of digest {given.digest}"
        raise ConfigError([Fault(where, "fork_from.digest", found, "the run that the ablation was begun with")])
    return ForkSource(path.resolve(), given.at, digest, segment.scenario)


def _split_overrides(overrides: Sequence[Override]) -> tuple[list[Override], list[Override]]:
    """Return the overrides of the ablation's own fields, and those of the scenario that its arms have in common."""
    own: list[Override] = []
    common: list[Override] = []
    for override in overrides:
        first, rest = override.key[0], override.key[1:]
        if first == "scenario" and rest:
            common.append(replace(override, key=rest))
        elif first in Ablation.model_fields:
            before = _PATH_SECTIONS.get(first, len(override.key))
            path = override.key[before:]
            own.append(replace(override, key=(*override.key[:before], *([".".join(path)] if path else []))))
        else:
            common.append(override)
    return own, sorted(common, key=lambda override: override.key)


def _base(document: Document, folder: Path, fork_from: ForkSource | None) -> Document:
    """Return the scenario that the arms have in common, as it is written."""
    if fork_from is not None and "scenario" not in document.data:
        with RunReader.open(fork_from.run) as file:
            fields = {key: value for key, value in file.info().scenario.items() if key not in ("name", "seed")}
        return document_from(str(fork_from.run), fields)
    given = document.data.get("scenario", Ablation.model_fields["scenario"].default)
    if isinstance(given, dict):
        inside = {key[1:]: place for key, place in document.sources.items() if key[0] == "scenario" and len(key) > 1}
        return Document(document.name, given, inside)
    beside = folder / given
    base = read_document(find_scenario(beside if beside.is_file() else given))
    # Of a scenario of its own these say which run it is; in an ablation the arm and the seeds do.
    data = {key: value for key, value in base.data.items() if key not in ("name", "seed")}
    return replace(base, data=data)


def _own_faults(ablation: Ablation, document: Document, base: Document) -> list[Fault]:
    """Return what is wrong with the ablation's own fields beyond their types."""
    faults: list[Fault] = []
    for key, instead in (("seed", "seeds"), ("name", "name, that of the ablation")):
        if key in base.data:
            found = "a field that says which run a scenario is; in an ablation the arm and the seeds do"
            faults.append(Fault(_where(base, (key,)), f"scenario.{key}", found, f"`{instead}`"))
    if isinstance(ablation.seeds, list):
        twice = sorted({seed for seed in ablation.seeds if ablation.seeds.count(seed) > 1})
        if twice or not ablation.seeds:
            found = f"{comma_separated(map(str, twice))} more than once" if twice else "no seed"
            faults.append(Fault(_where(document, ("seeds",)), "seeds", found, "at least one seed, each of them once"))
    for measure in ablation.measures:
        if find_measure(measure) is None:
            hint = did_you_mean(measure, MEASURES)
            where = _where(document, ("measures",))
            faults.append(Fault(where, "measures", value_text(measure), comma_separated(MEASURES), hint))
    return faults


def _comparison_faults(ablation: Ablation, document: Document, arms: Sequence[PlannedArm]) -> list[Fault]:
    names = [arm.name for arm in arms]
    where, faults = _where(document, ("comparisons",)), []
    for pair in ablation.comparisons or ():
        for name in pair:
            if name not in names:
                faults.append(
                    Fault(where, "comparisons", value_text(name), comma_separated(names), did_you_mean(name, names))
                )
        if pair[0] == pair[1]:
            faults.append(Fault(where, "comparisons", f"{value_text(pair[0])}, compared with itself", "two arms"))
    return faults


def _where(document: Document, key: Key) -> str:
    return document.sources[key].where if key in document.sources else document.name
