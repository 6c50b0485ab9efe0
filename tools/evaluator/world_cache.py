"""Drawn worlds in memory, so that a process that executes many runs draws each of them once."""

import threading
from collections import OrderedDict
from typing import Final

from aarlab.memory.messages import canonical_json
from aarlab.scenarios.task import FULL, Split, Task, World, WorldSize
from aarlab.scenarios.task_registry import task_version

WORLD_CACHE_BYTES: Final = 512 << 20
"""Bytes for the cached worlds of all processes of an ablation on one machine."""

_Key = tuple[str, str, str, int, WorldSize, Split]
"""Name, version and parameters of the task, and seed, size and split of the world."""


class WorldCache:
    """Worlds, with their labels. If they exceed the limit, the least recently used are dropped.

    Several threads can use it. A world that two threads need at the same time is drawn twice.
    """

    def __init__(self, max_bytes: int = WORLD_CACHE_BYTES) -> None:
        """Create an empty cache for worlds of up to `max_bytes` together."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._worlds: OrderedDict[_Key, World] = OrderedDict()

    def world(self, task: Task, seed: int, split: Split, *, size: WorldSize = FULL) -> World:
        """Return the world of a seed: a cached one, or a new one that is then cached."""
        world = self.get(task, seed, split, size=size)
        if world is None:
            world = task.world(seed, size=size, split=split)
            self.put(world, task, seed, split, size=size)
        return world

    def get(self, task: Task, seed: int, split: Split, *, size: WorldSize = FULL) -> World | None:
        """Return the cached world of a seed; None if there is none."""
        key = _key(task, seed, split, size)
        with self._lock:
            if key in self._worlds:
                self._worlds.move_to_end(key)
            return self._worlds.get(key)

    def put(self, world: World, task: Task, seed: int, split: Split, *, size: WorldSize = FULL) -> None:
        """Cache the world of a seed."""
        key = _key(task, seed, split, size)
        with self._lock:
            if key not in self._worlds:
                self._worlds[key] = world
                self._bytes += world.nbytes
            while self._bytes > self._max_bytes:
                _, dropped = self._worlds.popitem(last=False)
                self._bytes -= dropped.nbytes


def _key(task: Task, seed: int, split: Split, size: WorldSize) -> _Key:
    return (task.name, task_version(task), canonical_json(dict(task.parameters)), seed, size, split)
