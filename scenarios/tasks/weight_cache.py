"""Pretrained weights, kept in memory and on disk: costly to make, the same for everyone."""

import hashlib
import json
import os
import tempfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

Arrays = Mapping[str, npt.NDArray[Any]]
"""Arrays by name."""

_memory: dict[str, Arrays] = {}
_lock = threading.Lock()


def cache_folder() -> Path:
    """Return the cache's folder: $AARLAB_CACHE, or ~/.cache/aarlab."""
    configured = os.environ.get("AARLAB_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "aarlab"


def cached(name: str, parameters: Mapping[str, float | int | str], make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that `make` makes from these parameters, from memory, from disk, or by making them.

    `parameters` must hold everything that `make` depends on: their hash is the key. A damaged file is made again; a
    folder that cannot be written to costs nothing but the time of the next process.
    """
    key_parts = [name, dict(parameters), "one thread"]
    key = hashlib.sha256(json.dumps(key_parts, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_folder() / f"{name}-{key}.npz"
    with _lock:
        if str(path) not in _memory:
            arrays = _read(path)
            if arrays is None:
                # Sums in a fixed order: the same bits on any number of cores.
                with threadpool_limits(1):
                    arrays = make()
                _write(path, arrays)
            _memory[str(path)] = arrays
        return _memory[str(path)]


def clear_memory() -> None:
    """Drop what is in memory; what is on disk stays."""
    with _lock:
        _memory.clear()


def _read(path: Path) -> Arrays | None:
    """Return the arrays of a file, or None where there is no sound one."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, arrays: Arrays) -> None:
    """Write the file in one step, so that no reader sees half of it; give up quietly where that is not allowed."""
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
