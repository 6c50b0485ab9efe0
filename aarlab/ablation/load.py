"""From an ablation file and `--set` to a plan, or to an account of everything that is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import aarlab.scenarios
from aarlab.ablation.arms import resolved_arms
from aarlab.ablation.measures import MEASURES, OPEN_ENDED, is_measure
from aarlab.ablation.plan import PAST_FILE, Ablation, Arm, CommonPast, Past, Plan, PlannedRun, seeds_of
from aarlab.config.document import Document, Key, document_of, read_document
from aarlab.config.explain import explain
from aarlab.config.faults import ConfigError, Fault, did_you_mean
from aarlab.config.load import find_scenario
from aarlab.config.overrides import Override, apply, parse_overrides
from aarlab.config.shipped import shipped_scenarios
from aarlab.config.words import listed, shown
from aarlab.graph.legs import NoSuchRound, legs_before
from aarlab.graph.scenario import Scenario
from aarlab.memory.migrations import SchemaError
from aarlab.memory.runfile import RunFile
from aarlab.runs import find_run

_SET_MAPS: Mapping[str, int] = {"arms": 2, "grid": 1}
"""Sections whose keys are dotted paths, and how many parts stand before such a path."""


def shipped_ablations() -> dict[str, Path]:
    """Return the ablation files that come with aarlab, by name."""
    folders = [Path(folder) / "ablations" for folder in aarlab.scenarios.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_ablation(source: str | Path, overrides: Sequence[str] = ()) -> Plan:
    """Return the plan of the ablation in `source` with `overrides` (each `path=value`) on top.

    Args:
        source: A YAML file, or the name of a shipped ablation.
        overrides: Fields of the ablation (`seeds=20`, `arms.staged.structure.review=gate`), or of the scenario that its
            arms have in common (`budget.hours=4`).

    Raises:
        ConfigError: With everything that is wrong, each with its place, and the arm if it is one arm's.
    """
    path = find_ablation(source)
    own, common = _sorted_out(parse_overrides(overrides))
    return _planned(apply(own, read_document(path)), common, path.parent)


def plan_of(ablation: Ablation) -> Plan:
    """Return the plan of an ablation that was made in Python; its paths start from the current folder.

    Raises:
        ConfigError: As `load_ablation` does; places are those in the model.
    """
    data = ablation.model_dump(mode="json", exclude_unset=True)
    return _planned(document_of("Ablation", data), [], Path())


def find_ablation(source: str | Path) -> Path:
    """Return the file that `source` means: a shipped ablation's name goes first, then the path.

    Raises:
        ConfigError: There is no such thing.
    """
    shipped = shipped_ablations()
    if str(source) in shipped:
        return shipped[str(source)]
    path = Path(source)
    allowed = f"a YAML file, or the name of a shipped ablation: {listed(shipped)}"
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
    return source not in shipped_scenarios() and Path(source).is_file() and _says_ablation(read_document(Path(source)))


def _says_ablation(document: Document) -> bool:
    return bool(document.data.keys() & (Ablation.model_fields.keys() - Scenario.model_fields.keys()))


def _planned(document: Document, common: Sequence[Override], folder: Path) -> Plan:
    try:
        ablation = Ablation.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, document, Ablation)) from None
    past = None if ablation.past is None else _past(ablation.past, document, folder)
    base = apply(common, _base(document, folder, past))
    arms, faults = resolved_arms(ablation, document, base, past)
    faults = [*_own_faults(ablation, document, base), *faults]
    if not faults:
        faults = _comparison_faults(ablation, document, arms)
    if faults:
        raise ConfigError(faults)
    return _with_runs(ablation, arms, base, past)


def _with_runs(ablation: Ablation, arms: Sequence[Arm], base: Document, past: CommonPast | None) -> Plan:
    comparisons = [[arm.name, arms[0].name] for arm in arms[1:]]
    filled: dict[str, Any] = {
        "scenario": base.data,
        "comparisons": comparisons if ablation.comparisons is None else ablation.comparisons,
    }
    runs = [
        PlannedRun(arm.name, arm.scenario.model_copy(update={"seed": seed}), past)
        for seed in seeds_of(ablation)
        for arm in arms
    ]
    if past is not None:
        filled["past"] = Past(run=PAST_FILE, at=past.at, digest=past.digest)
    return Plan(ablation.model_copy(update=filled), tuple(arms), tuple(runs), past)


def _past(said: Past, document: Document, folder: Path) -> CommonPast:
    """Return the run from whose midst the arms start. Raises ConfigError."""
    where = _where(document, ("past",))
    beside = folder / said.run
    path = find_run(str(beside) if beside.exists() else said.run)
    try:
        with RunFile.read(path) as file:
            digest, leg = file.digest(), legs_before(file, said.at)[-1]
    except (SchemaError, NoSuchRound) as error:
        raise ConfigError([Fault(where, "past", str(error), "a run, and a round that it has begun")]) from None
    if said.digest not in (None, digest):
        found = f"{path}, another run than the one of digest {said.digest}"
        raise ConfigError([Fault(where, "past.digest", found, "the run that the ablation was begun with")])
    return CommonPast(path.resolve(), said.at, digest, leg.scenario)


def _sorted_out(overrides: Sequence[Override]) -> tuple[list[Override], list[Override]]:
    """Return the overrides of the ablation's own fields, and those of the scenario that its arms have in common."""
    own: list[Override] = []
    common: list[Override] = []
    for override in overrides:
        first, rest = override.key[0], override.key[1:]
        if first == "scenario" and rest:
            common.append(replace(override, key=rest))
        elif first in Ablation.model_fields:
            before = _SET_MAPS.get(first, len(override.key))
            path = override.key[before:]
            own.append(replace(override, key=(*override.key[:before], *([".".join(path)] if path else []))))
        else:
            common.append(override)
    return own, sorted(common, key=lambda override: override.key)


def _base(document: Document, folder: Path, past: CommonPast | None) -> Document:
    """Return the scenario that the arms have in common, as it is written."""
    if past is not None and "scenario" not in document.data:
        with RunFile.read(past.run) as file:
            told = {key: value for key, value in file.info().scenario.items() if key not in ("name", "seed")}
        return document_of(str(past.run), told)
    said = document.data.get("scenario", Ablation.model_fields["scenario"].default)
    if isinstance(said, dict):
        inside = {key[1:]: place for key, place in document.places.items() if key[0] == "scenario" and len(key) > 1}
        return Document(document.name, said, inside)
    beside = folder / said
    base = read_document(find_scenario(beside if beside.is_file() else said))
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
            found = f"{listed(map(str, twice))} more than once" if twice else "no seed"
            faults.append(Fault(_where(document, ("seeds",)), "seeds", found, "at least one seed, each of them once"))
    for measure in ablation.measures:
        if not is_measure(measure):
            known = f"{listed(MEASURES)}; and {listed(f'{start}NAME ({what})' for start, what in OPEN_ENDED.items())}"
            hint = did_you_mean(measure, MEASURES)
            faults.append(Fault(_where(document, ("measures",)), "measures", shown(measure), known, hint))
    return faults


def _comparison_faults(ablation: Ablation, document: Document, arms: Sequence[Arm]) -> list[Fault]:
    names = [arm.name for arm in arms]
    where, faults = _where(document, ("comparisons",)), []
    for pair in ablation.comparisons or ():
        for name in pair:
            if name not in names:
                faults.append(Fault(where, "comparisons", shown(name), listed(names), did_you_mean(name, names)))
        if pair[0] == pair[1]:
            faults.append(Fault(where, "comparisons", f"{shown(pair[0])}, compared with itself", "two arms"))
    return faults


def _where(document: Document, key: Key) -> str:
    return document.places[key].where if key in document.places else document.name
