"""Read an ablation file and `--set` overrides into a plan, or report all faults in them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aarlab.ablation.ablation_plan import (
    CONTROL,
    FORK_SOURCE_FILE,
    Ablation,
    AblationPlan,
    ForkPoint,
    ForkSource,
    PlannedArm,
    PlannedRun,
    SensitivityGrid,
    seeds_of,
)
from aarlab.ablation.advance_checks import unknown_prices
from aarlab.ablation.arm_configuration import arm_configuration
from aarlab.ablation.arm_settings import resolved_arms
from aarlab.ablation.sensitivity_settings import resolved_settings, sensitivity_path_faults
from aarlab.config.document import Document, Key, document_from, read_document
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.config.explain import explain
from aarlab.config.overrides import Override, apply, parse_overrides
from aarlab.config.run_lookup import ABLATION_FILE, find_run
from aarlab.config.scenario_files import (
    ABLATION_FIELDS,
    find_scenario,
    shipped_ablations,
    shipped_scenarios,
)
from aarlab.config.type_descriptions import comma_separated, value_text
from aarlab.graph.run.measure_registry import MEASURES, find_measure
from aarlab.graph.run.segments import NoSuchRound, segments_before
from aarlab.graph.scenario import Scenario
from aarlab.memory.laboratory_fingerprint import LABORATORY
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.laboratory_secret import LaboratorySecretError, recorded_secret

_PATH_SECTIONS: Mapping[Key, int] = {("arms",): 2, ("grid",): 1, ("sensitivity", "grid"): 2}
"""Sections with dotted scenario paths as keys, and the number of key parts before such a path."""
_SCENARIO_FIELDS = Scenario.model_fields.keys() - Ablation.model_fields.keys()


def load_ablation(source: str | Path, overrides: Sequence[str] = (), *, executed: bool = False) -> AblationPlan:
    """Return the plan of the ablation in `source` with `overrides` (each `path=value`) applied.

    Args:
        source: A YAML file, or the name of a shipped ablation.
        overrides: Fields of the ablation (`seeds=20`, `arms.staged.structure.review=gate`), or of the scenario that all
            arms share (`budget.hours=4`).
        executed: Whether the file is that of an executed ablation. The prices of its models need not be known, and if
            it names no secret, its worlds had none.

    Raises:
        ConfigError: The ablation is invalid. Each fault names its location and its arm.
    """
    path = find_ablation(source)
    of_ablation, of_scenario = _split_overrides(parse_overrides(overrides))
    document = read_document(path)
    if document.data.keys() & _SCENARIO_FIELDS and not _has_ablation_fields(document):
        raise ConfigError([_scenario_fault(document.name)])
    document = _with_capped_sensitivity(apply(of_ablation, document), of_ablation)
    return _plan_from(document, of_scenario, path.parent, executed=executed)


def _with_capped_sensitivity(document: Document, overrides: Sequence[Override]) -> Document:
    """Return the document with at most as many seeds for each sensitivity setting as an override of `seeds` gives."""
    given = {override.key: override.value for override in overrides}
    seeds, section = given.get(("seeds",)), document.data.get("sensitivity")
    if type(seeds) is not int or not isinstance(section, dict) or any(key[0] == "sensitivity" for key in given):
        return document
    own = section.get("seeds", SensitivityGrid.model_fields["seeds"].default)
    if type(own) is not int or own <= seeds:
        return document
    return replace(document, data={**document.data, "sensitivity": {**section, "seeds": seeds}})


def plan_of(ablation: Ablation) -> AblationPlan:
    """Return the plan of an ablation made in Python; its paths are relative to the current folder.

    Raises:
        ConfigError: The ablation is invalid.
    """
    data = ablation.model_dump(mode="json", exclude_unset=True)
    return _plan_from(document_from("Ablation", data, Path()), [], Path())


def find_ablation(source: str | Path) -> Path:
    """Return the file of an ablation. The name of a shipped ablation takes precedence over a path.

    Raises:
        ConfigError: There is no such ablation.
    """
    shipped = shipped_ablations()
    if str(source) in shipped:
        return shipped[str(source)]
    if str(source) in shipped_scenarios():
        raise ConfigError([_scenario_fault(str(source))])
    path = Path(source)
    expected = f"a YAML file, or the name of a shipped ablation: {comma_separated(shipped)}"
    if path.is_dir():
        file = path / ABLATION_FILE
        fix = (
            f"to continue this ablation: aarlab ablate {shlex.quote(str(file))} --out {shlex.quote(str(path))}"
            if file.exists()
            else None
        )
        raise ConfigError([Fault(str(source), None, "it is a folder", expected, fix)])
    if not path.exists():
        raise ConfigError([Fault(str(source), None, "no such file", expected, did_you_mean(path.stem, shipped))])
    return path


def is_ablation(source: str) -> bool:
    """Return whether a name or file is an ablation and not a scenario.

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
    return bool(document.data.keys() & ABLATION_FIELDS)


def _scenario_fault(name: str) -> Fault:
    return Fault(
        name, None, "it is a scenario", "an ablation, a file with `arms` or a `grid`", f"aarlab run {shlex.quote(name)}"
    )


def _plan_from(
    document: Document,
    scenario_overrides: Sequence[Override],
    folder: Path,
    *,
    executed: bool = False,
) -> AblationPlan:
    try:
        ablation = Ablation.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, document, Ablation)) from None
    fork_from = None if ablation.fork_from is None else _fork_source(ablation.fork_from, document, folder)
    base = _with_secret(apply(scenario_overrides, _base(document, folder, fork_from)), executed=executed)
    arms, faults = resolved_arms(ablation, document, base, fork_from)
    names = [arm.name for arm in arms]
    if not names and not ablation.grid:  # an arm is invalid; the names are known all the same
        names = [*ablation.arms, *([CONTROL] if ablation.controls else [])]
    faults = [*_field_faults(ablation, document, base), *faults, *sensitivity_path_faults(ablation, document)]
    if names:
        faults += _comparison_faults(ablation, document, names)
    if faults:
        raise ConfigError(faults)
    comparisons = ablation.comparisons
    if comparisons is None:
        comparisons = [[arm.name, arms[0].name] for arm in arms[1:]]
    if (unplanned := _published_fault(ablation, document, comparisons)) is not None:
        raise ConfigError([unplanned])
    settings, faults = resolved_settings(ablation, document, base, arms, comparisons, fork_from)
    if faults:
        raise ConfigError(faults)
    filled: dict[str, Any] = {"scenario": base.data, "comparisons": comparisons}
    if fork_from is not None:
        filled["fork_from"] = ForkPoint(run=FORK_SOURCE_FILE, at=fork_from.at, digest=fork_from.digest)
    runs = _planned_runs(ablation, arms, fork_from)
    plan = AblationPlan(ablation.model_copy(update=filled), tuple(arms), runs, fork_from, tuple(settings))
    if not executed and (fault := _price_fault(plan, document)) is not None:
        raise ConfigError([fault])
    return plan


def _price_fault(plan: AblationPlan, document: Document) -> Fault | None:
    """Return the fault of a limit in dollars that cannot be enforced, because a price is unknown."""
    unknown = unknown_prices((*plan.runs, *plan.sensitivity_runs)) if plan.ablation.budget_usd is not None else {}
    if not unknown:
        return None
    models = "; ".join(f"{name} (arm{'s' * (len(arms) > 1)} {', '.join(arms)})" for name, arms in unknown.items())
    expected = "`budget_tokens` instead, or `live.prices` with a file that has the price"
    return Fault(document.source_of("budget_usd").where, "budget_usd", f"no price is known for {models}", expected)


def _planned_runs(
    ablation: Ablation, arms: Sequence[PlannedArm], fork_from: ForkSource | None
) -> tuple[PlannedRun, ...]:
    return tuple(
        PlannedRun(arm.name, arm.scenarios[task].model_copy(update={"seed": seed}), fork_from, task)
        for seed in seeds_of(ablation)
        for task in arms[0].scenarios
        for arm in arms
    )


def _fork_source(fork_point: ForkPoint, document: Document, folder: Path) -> ForkSource:
    """Return the run that the arms fork from. Raises ConfigError."""
    where = document.source_of("fork_from").where
    relative = folder / fork_point.run
    path = find_run(str(relative) if relative.exists() else fork_point.run)
    try:
        with RunReader.open(path) as file:
            digest, segment = file.digest(), segments_before(file, fork_point.at)[-1]
    except (SchemaError, NoSuchRound) as error:
        raise ConfigError([Fault(where, "fork_from", str(error), "a run, and a round that it has started")]) from None
    if fork_point.digest not in (None, digest):
        problem = f"the digest of {path} is not {fork_point.digest}"
        raise ConfigError([Fault(where, "fork_from.digest", problem, "the run that the ablation was started with")])
    return ForkSource(path.resolve(), fork_point.at, digest, segment.scenario)


def _split_overrides(overrides: Sequence[Override]) -> tuple[list[Override], list[Override]]:
    """Return the overrides of fields of the ablation, and those of the scenario that all arms share."""
    of_ablation: list[Override] = []
    of_scenario: list[Override] = []
    for override in overrides:
        first, rest = override.key[0], override.key[1:]
        if first == "scenario" and rest:
            of_scenario.append(replace(override, key=rest))
        elif first in Ablation.model_fields:
            starts = (start for section, start in _PATH_SECTIONS.items() if override.key[: len(section)] == section)
            path_start = next(starts, len(override.key))
            path = override.key[path_start:]
            key = (*override.key[:path_start], *([".".join(path)] if path else []))
            of_ablation.append(replace(override, key=key))
        else:
            of_scenario.append(override)
    return of_ablation, sorted(of_scenario, key=lambda override: override.key)


def _base(document: Document, folder: Path, fork_from: ForkSource | None) -> Document:
    """Return the scenario that all arms share, before defaults are filled in."""
    if fork_from is not None and "scenario" not in document.data:
        with RunReader.open(fork_from.run) as file:
            return document_from(str(fork_from.run), arm_configuration(file.info().scenario))
    scenario = document.data.get("scenario", Ablation.model_fields["scenario"].default)
    if isinstance(scenario, dict):
        sources = {key[1:]: source for key, source in document.sources.items() if key[0] == "scenario" and len(key) > 1}
        return Document(document.name, scenario, sources)
    relative = folder / scenario
    base = read_document(find_scenario(relative if relative.is_file() else scenario))
    # A scenario file may set its name and seed; in an ablation the arm and `seeds` set them.
    return replace(base, data=arm_configuration(base.data))


def _with_secret(base: Document, *, executed: bool) -> Document:
    """Return the shared scenario with the secret as run files record it, so that all runs have the same worlds."""
    scoring = base.data.get("scoring", {})
    if not isinstance(scoring, dict) or scoring.get("secret", LABORATORY) != LABORATORY:
        return base
    secret = ""
    if not executed:
        # Without a secret, the ablation can be planned, but not executed.
        try:
            secret = recorded_secret(LABORATORY)
        except LaboratorySecretError:
            secret = LABORATORY
    return replace(base, data={**base.data, "scoring": {**scoring, "secret": secret}})


def _field_faults(ablation: Ablation, document: Document, base: Document) -> list[Fault]:
    """Return the faults of the fields outside `arms`, `grid` and `scenario`, other than wrong types."""
    faults: list[Fault] = []
    for key, expected in (("seed", "`seeds` of the ablation"), ("name", "`name` of the ablation")):
        if key in base.data:
            problem = "the ablation sets this field for each run"
            faults.append(Fault(base.source_of(key).where, f"scenario.{key}", problem, expected))
    if ablation.tasks is not None and ablation.fork_from is not None:
        problem = "all arms fork from one run, which has one task"
        faults.append(Fault(document.source_of("tasks").where, "tasks", problem, "either `tasks` or `fork_from`"))
    if ablation.seeds_from != 1 and isinstance(ablation.seeds, list):
        problem = "`seeds` is a list and contains its first seed"
        expected = "a number of seeds, or no `seeds_from`"
        faults.append(Fault(document.source_of("seeds_from").where, "seeds_from", problem, expected))
    if isinstance(ablation.seeds, list):
        duplicates = sorted({seed for seed in ablation.seeds if ablation.seeds.count(seed) > 1})
        if duplicates or not ablation.seeds:
            problem = f"{comma_separated(map(str, duplicates))} occurs more than once" if duplicates else "no seeds"
            faults.append(Fault(document.source_of("seeds").where, "seeds", problem, "at least one seed, each once"))
    faults += _look_faults(ablation, document)
    for measure in ablation.measures:
        if find_measure(measure) is None:
            hint = did_you_mean(measure, MEASURES)
            where = document.source_of("measures").where
            faults.append(
                Fault(where, "measures", f"unknown measure {value_text(measure)}", comma_separated(MEASURES), hint)
            )
    return faults


def _look_faults(ablation: Ablation, document: Document) -> list[Fault]:
    looks, seeds = ablation.looks, len(seeds_of(ablation))
    if looks is None:
        return []
    if looks != sorted(set(looks)):
        expected = "ascending numbers of seeds, each once"
        return [Fault(document.source_of("looks").where, "looks", f"{looks} is not ascending", expected)]
    if seeds not in looks:
        problem = f"{seeds} seeds are no planned look"
        return [Fault(document.source_of("seeds").where, "seeds", problem, f"one of `looks`: {looks}")]
    return []


def _comparison_faults(ablation: Ablation, document: Document, names: Sequence[str]) -> list[Fault]:
    where, faults = document.source_of("comparisons").where, []
    for pair in ablation.comparisons or ():
        for name in pair:
            if name not in names:
                faults.append(
                    Fault(
                        where,
                        "comparisons",
                        f"unknown arm {value_text(name)}",
                        comma_separated(names),
                        did_you_mean(name, names),
                    )
                )
        if pair[0] == pair[1]:
            faults.append(Fault(where, "comparisons", f"{value_text(pair[0])} is compared with itself", "two arms"))
    return faults


def _published_fault(ablation: Ablation, document: Document, comparisons: Sequence[Sequence[str]]) -> Fault | None:
    """Return the fault of a published comparison that is not planned, so that no report could show it."""
    planned = [tuple(pair) for pair in comparisons]
    for result in ablation.published:
        if tuple(result.comparison) not in planned:
            problem = f"{value_text(result.comparison)} is no planned comparison"
            expected = f"one of {comma_separated(map(str, map(list, planned)))}"
            return Fault(document.source_of("published").where, "published", problem, expected)
    return None
