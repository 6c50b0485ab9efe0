"""An ablation's folder: what is in it, whose it is just now, and how a finished run gets into it.

    ablation.yaml               the plan: overrides put in, the scenario in full
    parent.db                     the run from whose midst all arms start, if there is one
    runs/ARM-seedN-KEY.db       finished runs, and nothing else
    unfinished/ARM-seedN-KEY.*  runs at work, or broken off; why they failed; attempts that cannot be gone on with
    locks/I-of-N                held by the process that works on this share of the runs
    locks/shared_budget.db              what the calls under way may still cost, where there is a limit

A run is written in `unfinished` and moved to `runs` in one step when it is closed, so that what lies there is whole.
"""

import difflib
import fcntl
import json
import os
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import FORK_SOURCE_FILE, Ablation, AblationPlan, PlannedRun, Shard
from aarlab.config.document import yaml_text
from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.file_lock import LOCK_SUFFIX
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader

_LIMITS = ("budget_usd", "budget_tokens", "retries")
"""Fields that change how far an ablation gets, not what it is: they may change from one start to the next."""
_PARTIAL = ".partial"
"""Ending of a file that is being made, to be moved to its place in one step."""
_SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal", LOCK_SUFFIX)
"""Files that stand beside one that is open, or was left open: SQLite's, and its lock."""


class AblationFolder:
    """The folder of one ablation."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "ablation.yaml"
        self.fork_from = root / FORK_SOURCE_FILE
        self._runs, self._unfinished, self._locks = root / "runs", root / "unfinished", root / "locks"

    @property
    def shared_budget(self) -> Path:
        """Where the processes at work agree on what they may spend."""
        return self._locks / "shared_budget.db"

    def finished_path(self, run: PlannedRun) -> Path:
        """Return where a run's file lies when it is done."""
        return self._runs / f"{run.stem}.db"

    def draft(self, run: PlannedRun) -> Path:
        """Return where a run's file lies until then."""
        return self._unfinished / f"{run.stem}.db"

    def _error(self, run: PlannedRun) -> Path:
        return self._unfinished / f"{run.stem}.error"

    # -- what is in it ------------------------------------------------------------------------------------------

    def check(self, plan: AblationPlan) -> None:
        """Refuse a folder that belongs to another ablation. Nothing is written.

        Raises:
            ConfigError: With the difference.
        """
        if not self.file.exists():
            if self.root.exists() and not self.root.is_dir():
                raise ConfigError([Fault(f"--out {self.root}", None, "a file", "a folder")])
            return
        before, after = (_comparable_lines(ablation) for ablation in (load_ablation(self.file).ablation, plan.ablation))
        if before != after:
            changed = [f"    {line}" for line in difflib.ndiff(before, after) if line[0] in "-+"]
            found = "\n".join(["the folder of another ablation (-: what it has, +: what was asked for)", *changed])
            allowed = (
                "the same ablation, or another folder: --out DIR. To go on with more seeds or other arms, copy runs/ "
                "into the new folder first: what is done already is found there"
            )
            raise ConfigError([Fault(str(self.file), None, found, allowed)])

    def done(self, runs: Sequence[PlannedRun], version: str) -> dict[str, RunInfo]:
        """Return what finished runs say of themselves, by stem.

        Raises:
            ConfigError: Files that cannot be read, or are not what their names say.
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
                allowed = f"the run of arm {run.arm} with seed {run.seed}. Move the file away, and it is run again"
                faults.append(Fault(str(path), None, str(error), allowed, f"mv {path} {path}.damaged"))
        if faults:
            raise ConfigError(faults)
        return infos

    def error_of(self, run: PlannedRun) -> str | None:
        """Return why a run failed the last time it was tried; None if it did not."""
        try:
            return str(json.loads(self._error(run).read_text())["error"])
        except (OSError, ValueError, KeyError):
            return None

    def attempts(self, run: PlannedRun) -> list[Path]:
        """Return the files of a run's attempts that did not come to an end."""
        return sorted(self._unfinished.glob(f"{run.stem}*.db"))

    # -- changing it --------------------------------------------------------------------------------------------

    def prepare(self, plan: AblationPlan) -> None:
        """Make the folder, and write the plan into it. Raises ConfigError where that cannot be done."""
        text = (
            "# An ablation as `aarlab ablate` works on it: overrides put in, the scenario in full.\n"
            f"{yaml_text(_plain(plan.ablation))}"
        )
        with self._writable():
            for folder in (self.root, self._runs, self._unfinished, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            if plan.fork_from is not None and not self.fork_from.exists():
                copy(plan.fork_from.run, self.fork_from)
            if not self.file.exists() or self.file.read_text() != text:
                draft = self.file.with_suffix(f".{os.getpid()}.draft")
                draft.write_text(text)
                os.replace(draft, self.file)

    @contextmanager
    def locked(self, shard: Shard) -> Iterator[None]:
        """Keep other processes off the runs of this shard.

        Raises:
            ConfigError: Another process works on them, or on shares that were cut otherwise; or there can be no folder.
        """
        mine = self._locks / f"{shard.number}-of-{shard.of}"
        with self._writable():
            self._locks.mkdir(parents=True, exist_ok=True)
            lock = mine.open("a+")
        with lock:
            _acquire_lock(lock.fileno(), mine)
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}")
            lock.flush()
            for other in self._locks.glob("*-of-*"):
                # Shares of one cut have no run in common. Where two cuts begin at once, each sees the other.
                if not other.name.endswith(f"-of-{shard.of}"):
                    with other.open("a+") as theirs:
                        _acquire_lock(theirs.fileno(), other)
            yield

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """Say which folder it is that cannot be written to."""
        try:
            yield
        except OSError as error:
            found = f"a place that cannot be written to ({(error.strerror or str(error)).lower()})"
            raise ConfigError([Fault(f"--out {self.root}", None, found, "a folder on a disk with room")]) from None

    def begin(self, run: PlannedRun) -> bool:
        """Forget why a run failed the last time it was tried, and return whether it resumes where it was interrupted."""
        self._error(run).unlink(missing_ok=True)
        return self.draft(run).exists()

    def failed(self, run: PlannedRun, error: str) -> None:
        """Write down why a run failed."""
        with suppress(OSError):
            self._error(run).write_text(json.dumps({"error": error}))


def publish(draft: Path, target: Path) -> None:
    """Move a run file to its place in one step, as one whole file, whoever else is reading the draft."""
    copy(draft, target, draft.with_suffix(_PARTIAL))
    remove(draft)


def copy(run: Path, target: Path, partial: Path | None = None) -> None:
    """Copy a run file to a place in one step, as one whole file, by way of `partial`."""
    partial = partial or target.with_suffix(_PARTIAL)
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(run, timeout=30.0, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(partial),))
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, target)


def set_aside(draft: Path) -> None:
    """Put a file away that cannot be gone on with: what it cost stays in the books, and what is in it can be read."""
    earlier = len(list(draft.parent.glob(f"{draft.stem}*.db")))
    damaged = draft.with_name(f"{draft.stem}.attempt{earlier}.db")
    try:
        publish(draft, damaged)
    except sqlite3.DatabaseError:
        os.replace(draft, damaged)
        remove(draft)


def write_run_file(file: bytes, draft: Path, target: Path) -> None:
    """Write a run file that was made elsewhere to its place in one step; `target` may be the draft itself."""
    partial = draft.with_suffix(_PARTIAL)
    with partial.open("wb") as written:
        written.write(file)
        written.flush()
        os.fsync(written.fileno())
    os.replace(partial, target)
    if target != draft:
        remove(draft)


def remove(draft: Path) -> None:
    """Delete a run file with all that SQLite keeps beside it."""
    draft.with_suffix(_PARTIAL).unlink(missing_ok=True)
    for ending in (*_SQLITE_SIDE_FILES, ""):
        draft.with_name(draft.name + ending).unlink(missing_ok=True)


def spending_in(path: Path) -> tuple[float | None, int]:
    """Return the dollars (None: not known) and tokens that the model calls in a run file came to, as far as it goes."""
    columns = "cost_usd, input_tokens + output_tokens AS tokens"
    calls = f"SELECT {columns} FROM model_calls UNION ALL SELECT {columns} FROM failed_model_calls"
    query = f"SELECT sum(cost_usd), count(*) - count(cost_usd), sum(tokens) FROM ({calls})"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30.0)) as connection:
            cost, unknown, tokens = connection.execute(query).fetchone()
    except sqlite3.Error:
        # Killed before it was furnished, or not a run file at all: nobody had been called.
        return 0.0, 0
    return None if unknown else cost or 0.0, tokens or 0


def _acquire_lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = path.read_text() or "another process"
        number, _, of = path.name.partition("-of-")
        share = "all of its runs" if of == "1" else f"shard {number}/{of} of its runs"
        found = f"an ablation at work: {holder} has {share} in hand"
        allowed = "one process at a time, or one for each shard of the same cut: --shard 1/2, --shard 2/2"
        raise ConfigError([Fault(str(path.parent.parent), None, found, allowed)]) from None
    except OSError as error:
        found = f"a place where files cannot be locked ({(error.strerror or str(error)).lower()})"
        allowed = "a folder on a file system with locks"
        raise ConfigError([Fault(f"--out {path.parent.parent}", None, found, allowed)]) from None


def _checked_info(run: PlannedRun, path: Path, version: str) -> RunInfo:
    with RunReader.open(path) as file:
        info = file.info()
    # One that a limit of its own has stopped was scored, too, and is as finished as it will ever be.
    if info.status not in ("done", "stopped") or info.summary is None:
        raise ValueError(f"a run file that says that its run is {info.status}")
    if info.scenario != run.scenario.model_dump(mode="json"):
        raise ValueError("the file of another run than its name says")
    if info.aarlab_version != version:
        raise ValueError(f"a run by aarlab {info.aarlab_version}; this is {version}, and their results do not compare")
    return info


def _plain(ablation: Ablation) -> dict[str, object]:
    return {key: value for key, value in ablation.model_dump(mode="json").items() if value is not None}


def _comparable_lines(ablation: Ablation) -> list[str]:
    """Return what an ablation is, a line for each value."""
    fields = {key: value for key, value in _plain(ablation).items() if key not in _LIMITS}
    return sorted(f"{path}: {json.dumps(value, ensure_ascii=False)}" for path, value in _flattened(fields))


def _flattened(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield what stands at the ends of nested sections, with its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flattened(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
