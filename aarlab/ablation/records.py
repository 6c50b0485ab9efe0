"""The runs of an ablation as records, read from its folder."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder, is_finished
from aarlab.ablation.ablation_plan import Ablation, AblationPlan, PlannedRun
from aarlab.config.data_frames import data_frame
from aarlab.config.run_file_cache import kept_value, require_unaltered
from aarlab.graph.run.measure_registry import measures_in, value_at
from aarlab.memory.measures import autonomy_by_round, entropy, frontier, hours_at_round_ends
from aarlab.memory.messages import canonical_json, content_hash
from aarlab.memory.run_file_errors import ALTERED, SchemaError
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.task import Progress

if TYPE_CHECKING:
    import pandas

Curve = tuple[tuple[float, float], ...]
"""Points (cumulative team hours, value), in order."""
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
    """The resolved scenario."""
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


@dataclass(frozen=True, slots=True)
class SettingResults:
    """A sensitivity setting with its records, arms in the order of the file, seeds ascending."""

    name: str
    """The changed fields and their values, such as `costs.pilot=0.5`."""
    values: Mapping[str, Any]
    """Values by dotted scenario path."""
    records: tuple[RunRecord, ...]
    """Without curves."""


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
        records[run.stem] = record_of(run, ablation_folder, curves=number < len(plan.runs))
        if progress is not None:
            progress("reading runs", (number + 1) / len(runs))
    settings = []
    for setting in plan.settings:
        of_setting = [
            replace(records[run.stem], task=run.task, frontier=(), entropy=(), autonomy=()) for run in setting.runs
        ]
        settings.append(SettingResults(setting.name, setting.values, _in_order(of_setting, plan)))
    compared = [records[run.stem] for run in plan.runs]
    return Results(plan.ablation, ablation_folder.root, _in_order(compared, plan), tuple(settings))


def _in_order(records: Iterable[RunRecord], plan: AblationPlan) -> tuple[RunRecord, ...]:
    """Return records by arm and task in the order of the file, and by seed."""
    arms, tasks = ({name: i for i, name in enumerate(names)} for names in ([a.name for a in plan.arms], plan.tasks))
    return tuple(sorted(records, key=lambda record: (arms[record.arm], tasks[record.task], record.seed)))


def record_of(run: PlannedRun, folder: AblationFolder, *, curves: bool = True) -> RunRecord:
    """Return the record of a planned run; its curves need the events and are omitted if `curves` is not set."""
    path, draft = folder.finished_path(run), folder.draft(run)
    scenario = run.scenario.model_dump(mode="json")
    planned = RunRecord(run.arm, run.seed, run.key, path, "missing", None, scenario, {}, task=run.task)
    if path.exists():
        try:
            record = record_from_file(path, curves=curves)
            if record.status != "done":
                raise ValueError(f"its run has the status {record.status}")
        except READ_ERRORS as error:
            return replace(planned, status="failed", error=f"its file cannot be used: {error}")
        return replace(record, arm=run.arm, key=run.key, scenario=planned.scenario, task=run.task)
    if (error_text := folder.error_of(run)) is not None:
        return replace(planned, path=draft, status="failed", error=error_text)
    return replace(planned, path=draft, status="stopped") if draft.exists() else planned


def finished_record(run: PlannedRun, info: RunInfo, folder: AblationFolder) -> RunRecord:
    """Return the record of a finished run, given its info, without its curves."""
    path, scenario = folder.finished_path(run), run.scenario.model_dump(mode="json")
    return RunRecord(run.arm, run.seed, run.key, path, "done", None, scenario, info.summary, task=run.task)


def record_from_file(path: Path, *, curves: bool = True) -> RunRecord:
    """Return the record of a run file, with the arm "", by default with its curves.

    Raises one of READ_ERRORS, among them AlteredRun: altered numbers enter no average.
    """
    with RunReader.open(path) as file:
        info = file.info()
        key = content_hash(canonical_json(info.scenario))[:12]
        record = RunRecord("", info.seed, key, path, "stopped", None, info.scenario, {})
        if info.status == "failed":
            return replace(record, status="failed", error="the run failed; `aarlab show` prints its events")
        if not is_finished(info):
            return record
        require_unaltered(file)
        best_so_far, bits, autonomy = _curves_of(file) if curves else ((), (), ())
        # The file may have been moved since it was written.
        summary = {**info.summary, "file": str(path.resolve())}
        return replace(record, status="done", summary=summary, frontier=best_so_far, entropy=bits, autonomy=autonomy)


def _curves_of(file: RunReader) -> tuple[Curve, Curve, Curve]:
    """Return the frontier, the entropy and the autonomy of a run; those of an unchanged file are computed once."""
    best_so_far, bits, autonomy = (
        tuple((hours, value) for hours, value in curve)
        for curve in kept_value(file.path, "curves", lambda: _curves_in(file))
    )
    return best_so_far, bits, autonomy


def _curves_in(file: RunReader) -> tuple[Curve, Curve, Curve]:
    """Return the frontier, the entropy and the autonomy of a run."""
    hours, diversity = hours_at_round_ends(file), entropy(file)
    return (
        tuple(frontier(file)),
        tuple((hours[entry.round], entry.bits) for entry in diversity.rounds) if diversity else (),
        tuple((hours[round_], share) for round_, share in autonomy_by_round(file).items()),
    )
