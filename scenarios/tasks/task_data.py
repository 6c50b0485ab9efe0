"""Data files of tasks, found by the SHA-256 of their content.

A task names a data file together with its hash, so the hash belongs to the code of the task: with another content the
task is refused. A worker process or another machine learns the place of its copy from `provide_data_file`.
"""

import hashlib
from pathlib import Path

COPIES = "task-data"
"""Folder beside a task file in which an ablation keeps copies of data files, named by their hashes."""

_paths: dict[str, Path] = {}
"""Absolute path of each known file, by hash."""


class UnusableTaskData(ValueError):
    """A data file of a task is missing, cannot be read, or has another content than the task was written for."""


def read_data_file(folder: Path, file: str, sha256: str) -> bytes:
    """Return the content of a task's data file: the named one, a copy in `COPIES`, or a provided file.

    Args:
        folder: Folder of the task file.
        file: Path of the data file, relative to it.
        sha256: Hash of the content, in hexadecimal digits.

    Raises:
        UnusableTaskData: There is no such file, or its content has another hash.
    """
    problems = []
    for candidate in [folder / file, folder / COPIES / sha256, *([_paths[sha256]] if sha256 in _paths else [])]:
        try:
            content = candidate.read_bytes()
        except OSError as error:
            problems.append(f"{candidate} cannot be read: {(error.strerror or str(error)).lower()}")
            continue
        if (found := hashlib.sha256(content).hexdigest()) == sha256:
            _paths[sha256] = candidate.absolute()
            return content
        problems.append(f"{candidate} was changed: its SHA-256 is {found}, that of the task is {sha256}")
    raise UnusableTaskData(f"{problems[0]}. Restore the file, or write the task again with aarlab tasks new")


def provide_data_file(sha256: str, path: Path) -> None:
    """Name the place of a data file in this process, for a task that looks for it elsewhere."""
    if sha256 not in _paths or not _paths[sha256].exists():
        _paths[sha256] = path.absolute()


def data_files_of(code: str) -> dict[str, str]:
    """Return the absolute paths of the known data files whose hashes the code of a task contains, by hash."""
    return {sha256: str(path) for sha256, path in _paths.items() if sha256 in code}
