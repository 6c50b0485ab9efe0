"""Worlds of the common panels in memory, so that a process that executes many runs draws each of them once."""

import threading
from collections import OrderedDict
from typing import Final

from aarlab.memory.messages import canonical_json
from aarlab.scenarios.task import Split, Task, World
from aarlab.scenarios.task_registry import task_version

WORLD_CACHE_BYTES: Final = 512 << 20
"""Bytes for the cached worlds of all processes of an ablation on one machine."""

_Key = tuple[str, str, str, int, Split]
"""Name, version and parameters of the task, the seed and the split."""


class WorldCache:
    """Full worlds, with their labels. If they exceed the limit, the least recently used are dropped.

    Several threads can use it. A world that two threads need at the same time is drawn twice.
    """

    def __init__(self, max_bytes: int = WORLD_CACHE_BYTES) -> None:
        """Create an empty cache for worlds of up to `max_bytes` together."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._worlds: OrderedDict[_Key, World] = OrderedDict()

    def world(self, task: Task, seed: int, split: Split) -> World:
        """Return the full world of a seed: a cached one, or a new one that is then cached."""
        key = (task.name, task_version(task), canonical_json(dict(task.parameters)), seed, split)
        with self._lock:
            if key in self._worlds:
                self._worlds.move_to_end(key)
                return self._worlds[key]
        world = task.world(seed, split=split)
        with self._lock:
            if key not in self._worlds:
                self._worlds[key] = world
                self._bytes += world.nbytes
            while self._bytes > self._max_bytes:
                _, dropped = self._worlds.popitem(last=False)
                self._bytes -= dropped.nbytes
        return world
