"""The folder of an ablation.

    ablation.yaml                the plan with overrides applied and all fields of the scenario
    parent.db                    the run that all arms fork from, if there is one
    my_task.py                   copies of the task files, under the paths that the ablation gives
    runs/ARM-seedN-KEY.db        finished runs only; with `tasks` ARM-TASK-seedN-KEY.db
    unfinished/ARM-seedN-KEY.*   active or interrupted runs, errors of failed runs, attempts that cannot be resumed
    locks/I-of-N.lock            held by the process that executes this shard
    locks/shared_budget.db       reservations of open model calls, if there is a limit
    locks/shared_budget/         locks of the runs that reserve

A run is written to `unfinished/` and moved to `runs/` in one step when it is finished.
"""

import difflib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import FORK_SOURCE_FILE, Ablation, AblationPlan, PlannedRun, seeds_of
from aarlab.ablation.arm_configuration import flattened
from aarlab.ablation.execution_options import Shard
from aarlab.config.document import yaml_text
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.run_file_cache import require_unaltered
from aarlab.config.run_lookup import ABLATION_FILE
from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.file_lock import LOCK_SUFFIX, FileLock, FileLocked
from aarlab.memory.run_file_creation import holds_secret
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema import connect_existing
from aarlab.scenarios.tasks.task_data import COPIES, data_files_of

_LIMITS = ("budget_usd", "budget_tokens", "retries", "earlier_seeds")
"""Fields that may change between two starts, because they do not change what the runs compute."""
_NO_SECRET = ("scenario.scoring.secret", "")
_SIDE_FILES = ("-wal", "-shm", "-journal", LOCK_SUFFIX)
"""Suffixes of SQLite's files and of the lock beside a run file."""


class AblationFolder:
    """The folder of one ablation."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / ABLATION_FILE
        self.fork_from = root / FORK_SOURCE_FILE
        self._runs, self._unfinished, self._locks = root / "runs", root / "unfinished", root / "locks"

    @property
    def shared_budget(self) -> Path:
        """File of the budget that all processes share."""
        return self._locks / "shared_budget.db"

    def finished_path(self, run: PlannedRun) -> Path:
        """Return the path of the run file of a finished run."""
        return self._runs / f"{run.stem}.db"

    def draft(self, run: PlannedRun) -> Path:
        """Return the path of the run file of an unfinished run."""
        return self._unfinished / f"{run.stem}.db"

    def _error(self, run: PlannedRun) -> Path:
        return self._unfinished / f"{run.stem}.error"

    # -- reading ------------------------------------------------------------------------------------------------

    def check(self, plan: AblationPlan) -> None:
        """Raise ConfigError, with the difference, if the folder belongs to another ablation. Writes nothing."""
        for path in _task_files(plan):
            if ".." in path.parts:
                problem = f"the task file {path} is outside the folder of the ablation file and cannot be copied"
                expected = "a path inside that folder, or an absolute path"
                raise ConfigError([Fault(f"--out {self.root}", None, problem, expected)])
        if not self.file.exists():
            if self.root.exists() and not self.root.is_dir():
                raise ConfigError([Fault(f"--out {self.root}", None, "it is a file", "a folder")])
            return
        earlier = load_ablation(self.file, executed=True).ablation
        before, after = (_comparable_lines(ablation) for ablation in (earlier, plan.ablation))
        with_more_seeds = earlier.model_copy(update={"seeds": plan.ablation.seeds})
        if _adds_seeds(plan.ablation, earlier) and _comparable_lines(with_more_seeds) == after:
            return
        if before != after:
            changed = [f"    {line}" for line in difflib.ndiff(before, after) if line[0] in "-+"]
            problem = "\n".join(
                ["the folder contains another ablation (-: the folder, +: the requested ablation)", *changed]
            )
            expected = (
                "the same ablation, with the same or more seeds, or another folder: --out DIR. To add arms, first copy "
                "runs/ into the new folder: finished runs are reused"
            )
            raise ConfigError([Fault(str(self.file), None, problem, expected)])

    def done(self, runs: Sequence[PlannedRun], version: str) -> dict[str, RunInfo]:
        """Return the info of finished runs by stem.

        Raises:
            ConfigError: A file cannot be read, or contains another run than its name states.
        """
        infos: dict[str, RunInfo] = {}
        faults: list[Fault] = []
        for run in runs:
            path = self.finished_path(run)
            if not path.exists():
                continue
            try:
                infos[run.stem] = _checked_info(run, path, version)
            except (SchemaError, sqlite3.DatabaseError, OSError, ValueError, TypeError) as error:
                expected = f"the run of arm {run.arm} with seed {run.seed}. Move the file away to run it again"
                faults.append(Fault(str(path), None, str(error), expected, f"mv {path} {path}.damaged"))
        if faults:
            raise ConfigError(faults)
        return infos

    def error_of(self, run: PlannedRun) -> str | None:
        """Return the error of the last attempt of a run; None if it did not fail."""
        try:
            return str(json.loads(self._error(run).read_text(encoding="utf-8"))["error"])
        except (OSError, ValueError, KeyError):
            return None

    def attempts(self, run: PlannedRun) -> list[Path]:
        """Return the files of the unfinished attempts of a run."""
        return sorted(self._unfinished.glob(f"{run.stem}*.db"))

    # -- writing ------------------------------------------------------------------------------------------------

    def prepare(self, plan: AblationPlan) -> None:
        """Create the folder and write the plan into it. Raises ConfigError if that is impossible."""
        ablation = plan.ablation.model_copy(update={"earlier_seeds": self._earlier_seeds(plan.ablation)})
        text = (
            "# Written by `aarlab ablate`: the ablation with overrides applied and all fields of the scenario.\n"
            f"{yaml_text(_plain(ablation))}"
        )
        with self._writable():
            for folder in (self.root, self._runs, self._unfinished, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            if plan.fork_from is not None and not self.fork_from.exists():
                copy(plan.fork_from.run, self.fork_from)
            for path, code in _task_files(plan).items():
                with atomic_output(self.root / path, replace=True) as temporary:
                    temporary.write_text(code, encoding="utf-8")
                for sha256, source in data_files_of(code).items():
                    _copy_private(Path(source), (self.root / path).parent / COPIES / sha256)
            if not self.file.exists() or self.file.read_text(encoding="utf-8") != text:
                with atomic_output(self.file, replace=True) as temporary:
                    temporary.write_text(text, encoding="utf-8")

    def _earlier_seeds(self, ablation: Ablation) -> list[int]:
        """Return the numbers of seeds of earlier starts to which seeds were added that are no planned look."""
        if not self.file.exists():
            return []
        earlier = load_ablation(self.file, executed=True).ablation
        planned = ablation.looks is not None and ablation.looks == earlier.looks
        added = _adds_seeds(ablation, earlier) and not planned
        return [*earlier.earlier_seeds, *([len(seeds_of(earlier))] if added else [])]

    @contextmanager
    def locked(self, shard: Shard) -> Iterator[None]:
        """Lock the runs of a shard.

        Raises:
            ConfigError: Another process executes these runs or uses another number of shards, or the folder is not
                writable.
        """
        own = f"{shard.number}-of-{shard.of}"
        with self._writable(), ExitStack() as stack:
            self._locks.mkdir(parents=True, exist_ok=True)
            stack.enter_context(self._acquire(own))
            for path in self._locks.glob(f"*-of-*{LOCK_SUFFIX}"):
                # Shards of one count have no run in common, but shards of different counts do.
                if not path.stem.endswith(f"-of-{shard.of}"):
                    self._acquire(path.stem).release()
            release = stack.pop_all()
        with release:
            yield

    def _acquire(self, name: str) -> FileLock:
        try:
            return FileLock.acquire(self._locks / name)
        except FileLocked as error:
            number, _, of = name.partition("-of-")
            share = "all runs" if of == "1" else f"shard {number}/{of}"
            problem = f"the ablation is being executed ({share}): {error}"
            expected = "one process at a time, or one process per shard of the same count: --shard 1/2, --shard 2/2"
            raise ConfigError([Fault(str(self.root), None, problem, expected)]) from None

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """Raise OSError as ConfigError with the name of the folder."""
        try:
            yield
        except OSError as error:
            problem = f"the folder cannot be written to ({(error.strerror or str(error)).lower()})"
            expected = "a folder on a writable file system with file locks"
            raise ConfigError([Fault(f"--out {self.root}", None, problem, expected)]) from None

    def clear_attempt(self, run: PlannedRun) -> bool:
        """Delete the files of a failed or killed attempt except its draft, and return whether there is a draft."""
        self._error(run).unlink(missing_ok=True)
        for folder in (self._runs, self._unfinished):
            for temporary in folder.glob(f".{run.stem}.*.partial"):
                if temporary.is_symlink():
                    temporary.unlink()
                else:
                    shutil.rmtree(temporary)
        return self.draft(run).exists()

    def clear_finished(self, run: PlannedRun) -> None:
        """Delete what a process left of a finished run if it was killed after it had copied the run to `runs/`."""
        if self.clear_attempt(run):
            remove(self.draft(run))

    def write_error(self, run: PlannedRun, error: str) -> None:
        """Store why a run failed."""
        with suppress(OSError), atomic_output(self._error(run), replace=True) as temporary:
            temporary.write_text(json.dumps({"error": error}), encoding="utf-8")


def publish(draft: Path, target: Path) -> None:
    """Move a run file to `target` in one step, even while another process reads the draft."""
    copy(draft, target)
    remove(draft)


def copy(run: Path, target: Path) -> None:
    """Copy a run file to `target` in one step."""
    with (
        atomic_output(target, replace=True) as temporary,
        closing(connect_existing(run)) as connection,
    ):
        temporary.touch(mode=0o600)  # SQLite accepts an empty file
        shutil.copymode(run, temporary)
        connection.execute("VACUUM INTO ?", (str(temporary),))


def set_aside(draft: Path) -> None:
    """Rename a draft that cannot be resumed. Its spending still counts, and the file can still be read."""
    names = (draft.with_name(f"{draft.stem}.attempt{number}.db") for number in count(1))
    damaged = next(path for path in names if not path.exists())
    try:
        publish(draft, damaged)
    except (sqlite3.DatabaseError, SchemaError):
        os.replace(draft, damaged)
        remove(draft)


def write_run_file(file: bytes, draft: Path, target: Path) -> None:
    """Write the bytes of a run file from another machine to `target` in one step; `target` can be the draft.

    Only this user can read a file with a secret, as on that machine.
    """
    with atomic_output(target, replace=True) as temporary:
        temporary.touch()
        usual_mode = temporary.stat().st_mode
        temporary.chmod(0o600)
        temporary.write_bytes(file)
        with suppress(SchemaError), RunReader.open(temporary) as run:
            info = run.info()
            if not holds_secret(info.scenario, info.fork_history):
                temporary.chmod(usual_mode)
    if target != draft:
        remove(draft)


def remove(draft: Path) -> None:
    """Delete a run file and the files that SQLite keeps beside it."""
    for suffix in (*_SIDE_FILES, ""):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def is_finished(info: RunInfo) -> bool:
    """Return whether a run was scored. A run that reached a limit of its scenario is scored, too."""
    return info.status in ("done", "stopped") and info.summary is not None


def _checked_info(run: PlannedRun, path: Path, version: str) -> RunInfo:
    with RunReader.open(path) as file:
        info = file.info()
    if not is_finished(info):
        raise ValueError(f"its run has the status {info.status}")
    if info.scenario != run.scenario.model_dump(mode="json"):
        raise ValueError("it contains another run")
    if info.aarlab_version != version:
        raise ValueError(
            f"it was recorded by aarlab {info.aarlab_version}; its results are not comparable with those of {version}"
        )
    state = path.stat()
    _require_unaltered(path.resolve(), state.st_size, state.st_ctime_ns)
    return info


@cache
def _require_unaltered(path: Path, size: int, changed_ns: int) -> None:
    """Raise AlteredRun if a run was altered; a file of the same size and time of change is read once."""
    with RunReader.open(path) as file:
        require_unaltered(file)


def _copy_private(source: Path, target: Path) -> None:
    """Copy a data file, which can contain labels, so that only this user can read the copy."""
    if not target.exists():
        with atomic_output(target) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_bytes(source.read_bytes())


def _task_files(plan: AblationPlan) -> dict[Path, str]:
    """Return the code of the task files with a relative path, by path."""
    scenarios = {id(scenario): scenario for arm in plan.arms for scenario in arm.scenarios.values()}
    choices = [c for s in scenarios.values() for c in (s.task, *s.scoring.transfer_tasks)]
    return {
        Path(choice.path): choice.source.code
        for choice in choices
        if choice.path is not None and choice.source is not None and choice.source.code is not None
        and not Path(choice.path).is_absolute()
    }  # fmt: skip


def _plain(ablation: Ablation) -> dict[str, object]:
    fields = ablation.model_dump(mode="json")
    return {key: value for key, value in fields.items() if value is not None and (key, value) != ("earlier_seeds", [])}


def _adds_seeds(ablation: Ablation, earlier: Ablation) -> bool:
    """Return whether an ablation has more seeds than an earlier one, and all of its seeds."""
    return set(seeds_of(earlier)) < set(seeds_of(ablation))


def _comparable_lines(ablation: Ablation) -> list[str]:
    """Return the fields that define an ablation, one line for each value. An empty secret equals none."""
    fields = {key: value for key, value in _plain(ablation).items() if key not in _LIMITS}
    values = {path: value for path, value in flattened(fields).items() if (path, value) != _NO_SECRET}
    return sorted(f"{path}: {json.dumps(value, ensure_ascii=False)}" for path, value in values.items())
