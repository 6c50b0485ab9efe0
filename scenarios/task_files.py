"""Tasks defined by a plain Python file.

Task code runs outside the sandbox and has the labels. A file is therefore executed only if the user names it: in a
scenario file, in an ablation file or on the command line. Scenarios refer to a loaded file by the SHA-256 of its bytes.
Code in a run file, or in a file that a run file names, is not executed unless the user names the same file.
"""

import hashlib
import linecache
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from aarlab.scenarios.task_registry import UnusableTask, register_task_class
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.scenarios.tasks.task_data import UnusableTaskData


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A task file that was executed in this process."""

    path: str
    """Path, as the user gave it."""
    sha256: str
    """Hash of the file's bytes."""
    code: str
    """Text of the file."""
    kind: type[SeededTask]
    """The task class that it defines."""


_loaded: dict[str, TaskFile] = {}
"""Loaded files by hash."""


def load_task_file(path: Path) -> TaskFile:
    """Execute a task file, at most once for each content, and return it.

    Raises:
        UnusableTask: The file cannot be read or executed, or does not define exactly one task.
    """
    try:
        code = path.read_bytes().decode()
    except OSError as error:
        raise UnusableTask(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise UnusableTask(f"{path} is not UTF-8 text") from None
    return load_task_code(code, str(path))


def load_task_code(code: str, path: str) -> TaskFile:
    """Execute the text of a task file, at most once, and return it. Never call this with the content of a run file.

    Raises:
        UnusableTask: It cannot be executed, or does not define exactly one task.
    """
    sha256 = code_hash(code)
    if sha256 not in _loaded:
        kind = register_task_class(_only_task(_execute(code, path, sha256), path), f"the task of {path}", sha256)
        _loaded[sha256] = TaskFile(path, sha256, code, kind)
    return _loaded[sha256]


def code_hash(code: str) -> str:
    """Return the SHA-256 of the text of a task file, in hexadecimal digits."""
    return hashlib.sha256(code.encode()).hexdigest()


def loaded_task(sha256: str) -> type[SeededTask] | None:
    """Return the task class of the loaded file with this hash; None if no such file was loaded."""
    file = _loaded.get(sha256)
    return None if file is None else file.kind


def loaded_files() -> list[TaskFile]:
    """Return the files that were loaded in this process."""
    return list(_loaded.values())


def _execute(code: str, path: str, sha256: str) -> ModuleType:
    module = ModuleType(f"aarlab_task_{sha256[:12]}")
    module.__file__ = path
    # Pydantic looks up annotations in sys.modules, and field docstrings in the source.
    sys.modules[module.__name__] = module
    linecache.cache[path] = (len(code), None, code.splitlines(keepends=True), path)
    try:
        exec(compile(code, path, "exec", dont_inherit=True), module.__dict__)
    except UnusableTaskData as error:
        del sys.modules[module.__name__]
        raise UnusableTask(f"{path}: {error}") from None
    except Exception as error:
        del sys.modules[module.__name__]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = path if line is None else f"{path}:{line}"
        raise UnusableTask(f"{where}: the file cannot be executed: {type(error).__name__}: {error}") from error
    return module


def _only_task(module: ModuleType, path: str) -> type[SeededTask]:
    """Return the only task class that a module defines, without imported and abstract base classes."""
    task_classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, SeededTask)
        and value.__module__ == module.__name__
        and "name" in vars(value)
    ]
    if len(task_classes) != 1:
        names = ", ".join(kind.__name__ for kind in task_classes) or "none"
        raise UnusableTask(f"{path} must define one subclass of SeededTask with a `name`; found: {names}")
    return task_classes[0]
