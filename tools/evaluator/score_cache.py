"""On-disk cache of scores on the panels that are the same for every run.

Methods cannot reach the cache. A key covers everything that a score depends on, including the sources of the worlds and
the toolkit and the versions of the numerical libraries. A cached score therefore equals a new measurement exactly (on
the same type of processor).
"""

import hashlib
import importlib.metadata
import json
import platform
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Self

import aarlab.scenarios.toolkit
from aarlab.memory.messages import canonical_json
from aarlab.scenarios.cache_folder import cache_folder
from aarlab.scenarios.task import Split, Task
from aarlab.scenarios.task_registry import task_version
from aarlab.tools.evaluator.results import Measurement

_NUMERICAL_LIBRARIES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True, slots=True)
class ScoreCache:
    """Scores by key. Use it in the thread that opened it. If the file cannot be used, the cache stays empty."""

    _connection: sqlite3.Connection | None

    @classmethod
    def open(cls) -> Self:
        """Open the cache in the folder of pretrained weights."""
        path = cache_folder() / f"scores-{_fingerprint()}.db"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")  # entries lost in a crash are measured again
            connection.execute("CREATE TABLE IF NOT EXISTS scores (key TEXT PRIMARY KEY, score TEXT)")
        except (OSError, sqlite3.Error):
            return cls(None)
        return cls(connection)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()

    def get(self, key: str) -> Measurement | None:
        """Return the measurement under a key, None if there is none that can be read."""
        if self._connection is None:
            return None
        with suppress(sqlite3.Error, ValueError, TypeError):
            for (score,) in self._connection.execute("SELECT score FROM scores WHERE key = ?", [key]):
                return Measurement(**json.loads(score))
        return None

    def put(self, key: str, measurement: Measurement) -> None:
        """Store a measurement."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            self._connection.execute(
                "INSERT OR REPLACE INTO scores VALUES (?, ?)", [key, json.dumps(asdict(measurement))]
            )


def score_key(task: Task, seeds: Sequence[int], *, split: Split, code: str) -> str:
    """Return the key of a method's score on the full worlds of these seeds."""
    identity = [task.name, task_version(task), dict(task.parameters)]
    key_json = canonical_json([*identity, [str(seed) for seed in seeds], split, code])
    return hashlib.blake2b(key_json.encode(), digest_size=20).hexdigest()


@cache
def _fingerprint() -> str:
    """Return a hash of everything that a score depends on except its key: library versions, sources and fields."""
    digest = hashlib.blake2b(platform.python_version().encode(), digest_size=8)
    for name in _NUMERICAL_LIBRARIES:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    digest.update(" ".join(field.name for field in fields(Measurement)).encode())
    sources = Path(aarlab.scenarios.toolkit.__file__).parents[1]
    for path in sorted(sources.rglob("*.py")):
        digest.update(str(path.relative_to(sources)).encode() + path.read_bytes())
    return digest.hexdigest()
