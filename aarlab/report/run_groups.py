"""Runs that belong to no ablation, made comparable: runs of one configuration are an arm."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.records import Results, RunRecord, curves_in
from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.messages import canonical_json, content_hash
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.report.arm_runs import flattened

_MAX_NAME_CHARS = 60
"""Characters of an arm's name."""


def results_of_run_files(paths: Sequence[Path]) -> Results:
    """Return run files as the results of an ablation that nobody planned.

    Arms are configurations, in the order in which they come; the first is what the others are held against. Where a
    configuration was run more than once with a seed, the second runs are an arm of their own: A/A comparison.

    Raises:
        ConfigError: A file is no run file, or the same run is given twice.
    """
    read = [_record(path) for path in paths]
    faults = [_fault(path, found) for path, found in zip(paths, read, strict=True) if isinstance(found, Exception)]
    records = [found for found in read if isinstance(found, RunRecord)]
    faults += _duplicate_faults(records)
    if faults:
        raise ConfigError(faults)
    groups: dict[tuple[str, int], list[RunRecord]] = {}
    for record in records:
        configuration, repetition = _configuration(record.scenario), 1
        while record.seed in {other.seed for other in groups.get((configuration, repetition), ())}:
            repetition += 1
        groups.setdefault((configuration, repetition), []).append(record)
    names = _arm_names({key: members[0].scenario for key, members in groups.items()})
    named = [replace(r, arm=names[key]) for key, members in groups.items() for r in sorted(members, key=_seed)]
    return Results(_implicit_ablation(named), None, tuple(named))


def _record(path: Path) -> RunRecord | Exception:
    try:
        with RunReader.open(path) as file:
            info = file.info()
            key = content_hash(canonical_json(info.scenario))[:12]
            without_result = RunRecord("", info.seed, key, path, "stopped", None, info.scenario, {}, (), (), ())
            if info.status == "failed":
                return replace(without_result, status="failed", error="it says so; `aarlab show` tells how far it came")
            # One that a limit of its own has stopped was scored, too.
            if info.status not in ("done", "stopped") or info.summary is None:
                return without_result
            summary = {**info.summary, "file": str(path.resolve())}
            best_curve, bits, share = curves_in(file)
            return replace(
                without_result, status="done", summary=summary, frontier=best_curve, entropy=bits, autonomy=share
            )
    except (SchemaError, sqlite3.DatabaseError, OSError, KeyError, TypeError, ValueError) as error:
        return error


def _fault(path: Path, error: Exception) -> Fault:
    return Fault(str(path), None, str(error), "a run file that `aarlab run` wrote")


def _duplicate_faults(records: Sequence[RunRecord]) -> list[Fault]:
    """Return a fault for each run that is a copy of another: counted twice, it would make intervals too narrow."""
    seen: dict[tuple[str, int, str], RunRecord] = {}
    faults = []
    for record in records:
        digest = record.summary.get("digest")
        if digest is None:
            continue
        other = seen.setdefault((digest, record.seed, _configuration(record.scenario)), record)
        if other is not record:
            faults.append(Fault(str(record.path), None, f"the same run as {other.path}", "each run once"))
    return faults


def _configuration(scenario: Mapping[str, Any]) -> str:
    return str(canonical_json({field: value for field, value in scenario.items() if field not in ("name", "seed")}))


def _arm_names(scenarios: Mapping[tuple[str, int], Mapping[str, Any]]) -> dict[tuple[str, int], str]:
    """Return a name for each group of runs: what its configuration has that others have not."""
    fields = {key: flattened(scenario) for key, scenario in scenarios.items()}
    configurations = {key[0] for key in scenarios}
    paths = dict.fromkeys(path for one in fields.values() for path in one if path not in ("name", "seed"))
    varying = [path for path in paths if len({repr(one.get(path)) for one in fields.values()}) > 1]
    presets = {fields[key].get("structure.preset") for key in scenarios}
    names = {}
    for key in scenarios:
        one = fields[key]
        if len(presets) == len(configurations) and "structure.preset" in one:
            name = str(one["structure.preset"])
        else:
            parts = [f"{path.rpartition('.')[2]}={one.get(path)}" for path in varying if path != "structure.preset"]
            name = ", ".join(parts) or str(one.get("name", "runs"))
        name = name if len(name) <= _MAX_NAME_CHARS else f"{name[: _MAX_NAME_CHARS - 9]}… {content_hash(key[0])[:6]}"
        names[key] = name if key[1] == 1 else f"{name} (again, {key[1]})"
    return names


def _implicit_ablation(records: Sequence[RunRecord]) -> Ablation:
    arms = list(dict.fromkeys(record.arm for record in records))
    first = {field: value for field, value in records[0].scenario.items() if field not in ("name", "seed")}
    return Ablation(
        name="runs",
        question="How do these runs compare?",
        scenario=first,
        arms={arm: {} for arm in arms},
        seeds=sorted({record.seed for record in records}),
        comparisons=[[arm, arms[0]] for arm in arms[1:]] or None,
        controls=False,
    )


def _seed(record: RunRecord) -> int:
    return record.seed
