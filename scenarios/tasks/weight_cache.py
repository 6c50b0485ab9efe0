"""Pretrained weights, cached in memory and on disk."""

import hashlib
import importlib.metadata
import json
import linecache
import os
import tempfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from aarlab.scenarios.cache_folder import cache_folder

Arrays = Mapping[str, npt.NDArray[Any]]
"""Arrays by name."""

_memory: dict[str, Arrays] = {}
_lock = threading.Lock()


def cached(name: str, parameters: Mapping[str, float | int | str], make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that `make` computes: from memory, from disk, or by calling it.

    A damaged file is replaced. If the folder cannot be written, the arrays are cached in memory only. The key also has
    the sources of the built-in tasks, that of `make`, and the versions of the numerical libraries: other code or other
    libraries would make other worlds.

    Args:
        name: Name of the task; the file name starts with it.
        parameters: Everything that `make` depends on; their hash is the key.
        make: Computes the arrays. It runs with one thread of linear algebra.
    """
    key_parts = [name, dict(parameters), "one thread", _code_version(make)]
    key = hashlib.sha256(json.dumps(key_parts, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_folder() / f"{name}-{key}.npz"
    with _lock:
        if str(path) not in _memory:
            arrays = _read(path)
            if arrays is None:
                # One thread sums in a fixed order, so the result is bitwise the same on any number of cores.
                with threadpool_limits(1):
                    arrays = make()
                _write(path, arrays)
            _memory[str(path)] = arrays
        return _memory[str(path)]


def _code_version(make: Callable[[], Arrays]) -> str:
    """Return a hash of the sources and library versions on which arrays depend."""
    code = getattr(make, "__code__", None)
    if code is None or os.path.dirname(code.co_filename) == os.path.dirname(__file__):
        return _shipped_version()
    return hashlib.sha256(f"{_shipped_version()} {_source(code.co_filename)}".encode()).hexdigest()


@cache
def _shipped_version() -> str:
    parts = [importlib.metadata.version(library) for library in ("numpy", "scipy", "scikit-learn")]
    parts += [_source(str(file)) for file in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _source(file: str) -> str:
    linecache.checkcache(file)
    return "".join(linecache.getlines(file))  # it has the code of task files and notebooks, too


def clear_memory() -> None:
    """Drop the arrays in memory and keep the files."""
    with _lock:
        _memory.clear()


def in_memory() -> dict[str, Arrays]:
    """Return the arrays in memory by the name of their file, for `adopt` in another process."""
    with _lock:
        return {Path(path).name: arrays for path, arrays in _memory.items()}


def adopt(arrays: Mapping[str, Arrays]) -> None:
    """Use the arrays of another process, as if they had been read from the files with these names."""
    folder = cache_folder()
    with _lock:
        _memory.update({str(folder / name): named for name, named in arrays.items()})


def _read(path: Path) -> Arrays | None:
    """Return the arrays of a file; None if it is missing or damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, arrays: Arrays) -> None:
    """Write the file atomically; do nothing if the folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".draft")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
