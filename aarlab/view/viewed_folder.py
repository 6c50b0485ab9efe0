"""The folder that the viewer shows: its run files and ablations, and nothing outside it."""

import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from aarlab.config.run_lookup import ABLATION_FILE, SUFFIX
from aarlab.graph.structure.structure import structure_text
from aarlab.memory.file_lock import LOCK_SUFFIX
from aarlab.memory.run_file_errors import NotARunFile, SchemaError
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader

_NOT_RUNS = frozenset({"locks"})
"""Folders of an ablation with databases of another kind."""
LOCKED_WAIT_S = 0.2
"""Seconds to wait for a file that another process has locked: a page says so instead of waiting."""
FLAG_FIELDS = ("suspicions", "structure_violations", "limits_reached")
"""Lists of a summary whose entries are flags."""
Row = dict[str, Any]


class NotInFolder(ValueError):
    """A path outside the viewed folder, or a file that does not exist. The message is for the user."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run file in the table of runs. Values are None if the file does not have them."""

    file: str
    """Path below the viewed folder."""
    run: str
    folder: str
    """Its folder below the viewed folder; empty: that folder itself."""
    status: str
    """Status of the run, or `unreadable`."""
    live: bool = False
    """Whether a process is writing it."""
    problem: str = ""
    """Why it cannot be read."""
    created_at: str = ""
    task: str = ""
    structure: str = ""
    """Preset, and the dials that differ from it."""
    model: str = ""
    seed: int | None = None
    researchers: int | None = None
    development: float | None = None
    """Best development score."""
    heldout: float | None = None
    heldout_se: float | None = None
    shifted: float | None = None
    hours: float | None = None
    """Research hours of the team."""
    cost_usd: float | None = None
    findings: int | None = None
    flags: int | None = None
    """Suspicions, violations of the structure, and reached limits."""


class ViewedFolder:
    """The run files and ablations below a folder. Rows of unchanged files are read once."""

    def __init__(self, root: Path) -> None:
        """View a folder, which exists."""
        self.root = root.resolve()
        self._rows: dict[str, tuple[tuple[int, int], RunRow | None]] = {}
        self._lock = Lock()

    def path_of(self, name: str) -> Path:
        """Return the path of a file or folder, given its path below the root.

        Raises:
            NotInFolder: It is outside the root, also by a symbolic link, or does not exist.
        """
        try:
            path = (self.root / name).resolve()
        except (OSError, ValueError):  # a NUL character, or a circle of links
            raise NotInFolder("This is not the name of a file.") from None
        if not path.is_relative_to(self.root):
            raise NotInFolder("This file is outside the folder that is viewed.")
        if not path.exists():
            raise NotInFolder(f"There is no {name} any more.")
        return path

    def run_path(self, name: str) -> Path:
        """Return the path of a run file, given its path below the root. Raises NotInFolder."""
        path = self.path_of(name)
        if not path.is_file():
            raise NotInFolder(f"{name} is not a file.")
        return path

    def contents(self, newest: int | None = None) -> Row:
        """Return the rows of the runs and of the ablations below the root, and the number of all run files.

        Args:
            newest: Only so many runs, whose files were changed last; None: all. SQLite takes about 3 ms to open a file,
                so that many files take seconds, once.
        """
        with self._lock, ThreadPoolExecutor(os.cpu_count()) as pool:
            folders = list(self._folders())
            every = [folder / name for folder, files in folders for name in files if name.endswith(SUFFIX)]
            paths = every if newest is None else sorted(every, key=_signature, reverse=True)[:newest]
            rows = [row for row in pool.map(self._row, paths) if row is not None]
            ablations = [self._ablation(folder) for folder, files in folders if ABLATION_FILE in files]
        return {"runs": [_as_json(row) for row in rows], "ablations": ablations, "files": len(every)}

    def signature(self) -> int:
        """Return a number that changes if a run file appears, vanishes or grows."""
        return hash(
            tuple(
                (name, _signature(folder / name))
                for folder, files in self._folders()
                for name in files
                if name == ABLATION_FILE or name.endswith((SUFFIX, f"{SUFFIX}-wal", LOCK_SUFFIX))
            )
        )

    def _folders(self) -> Iterator[tuple[Path, list[str]]]:
        for folder, subfolders, files in os.walk(self.root):
            subfolders[:] = sorted(n for n in subfolders if not n.startswith(".") and n not in _NOT_RUNS)
            yield Path(folder), sorted(files)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _row(self, path: Path) -> RunRow | None:
        """Return the row of a run file; None for a database of another program."""
        name, state = self._name(path), _signature(path)
        known = self._rows.get(name)
        if known is None or known[0] != state:
            known = self._rows[name] = (state, self._read(path))
        row = known[1]
        # The lock of a live run can go without a change of the file.
        return replace(row, live=is_live(path)) if row is not None and row.status == "running" else row

    def _read(self, path: Path) -> RunRow | None:
        name, folder = self._name(path), self._name(path.parent)
        folder = "" if folder == "." else folder
        try:
            path = self.run_path(name)
            with RunReader.open(path, wait_s=LOCKED_WAIT_S) as file:
                return _run_row(file.info(), path, name, folder)
        except NotARunFile:
            return None
        except (SchemaError, sqlite3.Error, OSError, NotInFolder) as error:
            return RunRow(name, path.stem, folder, "unreadable", problem=reason(error, path))

    def _ablation(self, folder: Path) -> Row:
        finished, unfinished = (len(list((folder / part).glob(f"*{SUFFIX}"))) for part in ("runs", "unfinished"))
        name = self._name(folder)
        return {"folder": name, "name": folder.name, "finished": finished, "unfinished": unfinished}


def reason(error: Exception, path: Path) -> str:
    """Return why a run file cannot be read, as a sentence without its path."""
    if isinstance(error, sqlite3.OperationalError) or "database is locked" in str(error):
        return f"Another process has locked {path.name}, or the disk fails ({error}). Try again."
    if isinstance(error, FileNotFoundError):
        return f"There is no {path.name} any more."
    text = str(error).replace(f"{path.parent}{os.sep}", "")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def is_live(path: Path) -> bool:
    """Return whether a process is writing a run file: it holds the lock beside the file."""
    try:
        holder = path.with_name(path.name + LOCK_SUFFIX).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    match holder.split():
        case ["process", number, "on", host] if host == socket.gethostname() and number.isdecimal():
            return Path(f"/proc/{number}").exists() or not Path("/proc").exists()
    return True


def _signature(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)


def run_row(info: RunInfo, path: Path, name: str, folder: str) -> Row:
    """Return the row of a run as JSON.

    Args:
        info: The run.
        path: Its file.
        name: Path of the file below the viewed folder.
        folder: Its folder below the viewed folder.
    """
    return _as_json(_run_row(info, path, name, folder))


def _as_json(row: RunRow) -> Row:
    """Return the fields by name; `asdict` would copy every value."""
    return {name: getattr(row, name) for name in RunRow.__slots__}


def _run_row(info: RunInfo, path: Path, name: str, folder: str) -> RunRow:
    scenario = info.scenario if isinstance(info.scenario, Mapping) else {}
    summary = info.summary if isinstance(info.summary, Mapping) else {}
    team, heldout = _section(scenario, "team"), _section(summary, "heldout")
    return RunRow(
        name, path.stem, folder, info.status, live=info.status == "running" and is_live(path),
        created_at=info.created_at, task=str(_section(scenario, "task").get("name", "")),
        structure=structure_text(_section(scenario, "structure")), model=str(team.get("model", "")),
        seed=info.seed, researchers=team.get("researchers"),
        development=_section(summary, "development_pgr").get("whole"), heldout=heldout.get("pgr"),
        heldout_se=heldout.get("se"), shifted=_section(summary, "shifted").get("pgr"), hours=summary.get("hours"),
        cost_usd=summary.get("cost_usd"), findings=summary.get("findings"),
        flags=None if not summary else sum(len(summary.get(key) or ()) for key in FLAG_FIELDS),
    )  # fmt: skip


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = values.get(name)
    return section if isinstance(section, Mapping) else {}
