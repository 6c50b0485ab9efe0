"""The runs of an ablation as records, read from its folder."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder, is_finished
from aarlab.ablation.ablation_plan import Ablation, AblationPlan, PlannedRun
from aarlab.ablation.run_facts import RunFacts, facts_from_json, facts_of
from aarlab.config.data_frames import data_frame
from aarlab.config.run_file_cache import kept_value, require_unaltered
from aarlab.graph.run.measure_registry import measures_in, value_at
from aarlab.memory.measures import autonomy_by_round, entropy, frontier, hours_at_round_ends
from aarlab.memory.messages import canonical_json, content_hash
from aarlab.memory.run_file_errors import ALTERED, SchemaError
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.laboratory_secret import without_secret

if TYPE_CHECKING:
    import pandas

Curve = tuple[tuple[float, float], ...]
"""Points (cumulative team hours, value), in order."""
_CURVES = ("frontier", "entropy", "autonomy")
READ_ERRORS = (SchemaError, sqlite3.DatabaseError, OSError, KeyError, TypeError, ValueError)
"""Errors of reading a file that is damaged or not a run file."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, planned or executed, as its run file describes it."""

    arm: str
    seed: int
    key: str
    """Hash of the resolved scenario and seed; part of the file name."""
    path: Path
    """Path of its run file, which may not exist yet."""
    status: Literal["done", "stopped", "failed", "missing"]
    """`done`: scored, even if a limit of its scenario ended it early. `stopped`: started and not finished; active runs
    have this status, too.
    """
    error: str | None
    """Why it failed, or why its file cannot be read."""
    scenario: Mapping[str, Any]
    """The resolved scenario. One that was read from a file has the fingerprint of its secret, not the secret."""
    summary: Mapping[str, Any]
    """The object that `aarlab run --json` prints; empty unless the run is done."""
    frontier: Curve = ()
    """Best development PGR so far, at each improvement."""
    entropy: Curve = ()
    """Entropy over method families in bits, at the end of each round that counts."""
    autonomy: Curve = ()
    """Realised autonomy by round, in [0, 1]."""
    task: str = ""
    """Name of its task; empty if the ablation has no `tasks`."""
    facts: RunFacts | None = None
    """What a report needs besides the summary; None unless the run is done and its file was read."""


@dataclass(frozen=True, slots=True)
class SettingResults:
    """A sensitivity setting with its records, arms in the order of the file, seeds ascending."""

    name: str
    """The changed fields and their values, such as `costs.pilot=0.5`."""
    values: Mapping[str, Any]
    """Values by dotted scenario path."""
    records: tuple[RunRecord, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """An ablation with its records, arms in the order of the file, then tasks in the order of the file and seeds."""

    ablation: Ablation
    folder: Path | None
    records: tuple[RunRecord, ...]
    """Runs of the comparison itself."""
    settings: tuple[SettingResults, ...] = ()
    """The sensitivity settings."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks; a single empty name if the ablation has no `tasks`."""
        return tuple(dict.fromkeys(record.task for record in self.records)) or ("",)

    @property
    def altered(self) -> tuple[Path, ...]:
        """Run files that were altered after their run was scored. Their numbers are not used."""
        records = [*self.records, *(record for setting in self.settings for record in setting.records)]
        return tuple(dict.fromkeys(record.path for record in records if ALTERED in (record.error or "")))

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row per run of the comparison: arm, task, seed, status, digest, every measure and the file.

        A measure is None if the run does not have it.
        """
        measures = measures_in(record.summary for record in self.records)
        return [
            {
                "arm": record.arm,
                "task": record.task or record.scenario.get("task", {}).get("name"),
                "seed": record.seed,
                "status": record.status,
                "digest": record.summary.get("digest"),
                **{measure.path: value_at(record.summary, measure.path) for measure in measures},
                "file": str(record.path),
            }
            for record in self.records
        ]

    def frame(self) -> "pandas.DataFrame":
        """Return the rows as a data frame. Raises ImportError if pandas is not installed."""
        return data_frame(self.rows())

    def _repr_html_(self) -> str:
        """Return the report as a page for a notebook, or the numbers of runs by status if none is done."""
        counts = Counter(record.status for record in self.records)
        if not counts["done"]:
            return escape(f"{self.ablation.name}: {', '.join(f'{n} {status}' for status, n in counts.items())}")
        page = resolve_name("aarlab.report.html_page:page")(resolve_name("aarlab.report:analyse")(self))
        return str(resolve_name("aarlab.notebook_display:framed")(page))


def open_ablation(folder: str | Path, progress: Progress | None = None) -> Results:
    """Return the runs in an ablation's folder, finished or not.

    A run that was altered after it was scored has the status `failed`.

    Args:
        folder: The folder of an ablation.
        progress: Called with the share of the runs that were read.

    Raises:
        ConfigError: It contains no readable `ablation.yaml`.
    """
    ablation_folder = AblationFolder(Path(folder))
    plan = load_ablation(ablation_folder.file, executed=True)
    runs = (*plan.runs, *plan.sensitivity_runs)
    records: dict[str, RunRecord] = {}
    for number, run in enumerate(runs):
        records[run.stem] = record_of(run, ablation_folder)
        if progress is not None:
            progress("reading runs", (number + 1) / len(runs))
    settings = []
    for setting in plan.settings:
        of_setting = [replace(records[run.stem], task=run.task) for run in setting.runs]
        settings.append(SettingResults(setting.name, setting.values, _in_order(of_setting, plan)))
    compared = [records[run.stem] for run in plan.runs]
    return Results(plan.ablation, ablation_folder.root, _in_order(compared, plan), tuple(settings))


def _in_order(records: Iterable[RunRecord], plan: AblationPlan) -> tuple[RunRecord, ...]:
    """Return records by arm and task in the order of the file, and by seed."""
    arms, tasks = ({name: i for i, name in enumerate(names)} for names in ([a.name for a in plan.arms], plan.tasks))
    return tuple(sorted(records, key=lambda record: (arms[record.arm], tasks[record.task], record.seed)))


def record_of(run: PlannedRun, folder: AblationFolder) -> RunRecord:
    """Return the record of a planned run."""
    path, draft = folder.finished_path(run), folder.draft(run)
    scenario = run.scenario.model_dump(mode="json")
    planned = RunRecord(run.arm, run.seed, run.key, path, "missing", None, scenario, {}, task=run.task)
    if path.exists():
        try:
            record = record_from_file(path)
            if record.status != "done":
                raise ValueError(f"its run has the status {record.status}")
        except READ_ERRORS as error:
            return replace(planned, status="failed", error=f"its file cannot be used: {error}")
        return replace(record, arm=run.arm, key=run.key, scenario=planned.scenario, task=run.task)
    if (error_text := folder.error_of(run)) is not None:
        return replace(planned, path=draft, status="failed", error=error_text)
    return replace(planned, path=draft, status="stopped") if draft.exists() else planned


def finished_record(run: PlannedRun, info: RunInfo, folder: AblationFolder) -> RunRecord:
    """Return the record of a finished run, given its info, without its curves and facts."""
    path, scenario = folder.finished_path(run), run.scenario.model_dump(mode="json")
    return RunRecord(run.arm, run.seed, run.key, path, "done", None, scenario, info.summary, task=run.task)


def record_from_file(path: Path) -> RunRecord:
    """Return the record of a run file, with the arm "". An unchanged file is read once.

    Raises one of READ_ERRORS, among them AlteredRun: altered numbers enter no average.
    """
    fields = kept_value(path, "record", lambda: _read_record(path))
    curves = {name: tuple((hours, value) for hours, value in fields[name]) for name in _CURVES}
    facts = None if fields["facts"] is None else facts_from_json(fields["facts"])
    # The file may have been moved since it was written.
    summary = {**fields["summary"], "file": str(path.resolve())} if fields["status"] == "done" else {}
    return RunRecord("", path=path, **{**fields, **curves, "facts": facts, "summary": summary})


def _read_record(path: Path) -> dict[str, Any]:
    """Return the fields of the record of a run file as JSON."""
    with RunReader.open(path) as file:
        info = file.info()
        fields: dict[str, Any] = {
            "seed": info.seed,
            "key": content_hash(canonical_json(info.scenario))[:12],
            "status": "failed" if info.status == "failed" else "stopped",
            "error": "the run failed; `aarlab show` prints its events" if info.status == "failed" else None,
            "scenario": without_secret(info.scenario),
            "summary": {},
            "facts": None,
            **dict.fromkeys(_CURVES, ()),
        }
        if info.status == "failed" or not is_finished(info):
            return fields
        require_unaltered(file)
        best = (info.summary.get("best") or {}).get("finding")
        facts = asdict(facts_of(file, best))
        return {**fields, "status": "done", "summary": info.summary, "facts": facts, **_curves_of(file)}


def _curves_of(file: RunReader) -> dict[str, Curve]:
    """Return the frontier, the entropy and the autonomy of a run."""
    hours, diversity = hours_at_round_ends(file), entropy(file)
    return {
        "frontier": tuple(frontier(file)),
        "entropy": tuple((hours[entry.round], entry.bits) for entry in diversity.rounds) if diversity else (),
        "autonomy": tuple((hours[round_], share) for round_, share in autonomy_by_round(file).items()),
    }
