"""Monitor: an agent's message says that it posts or submits, and it does not."""

import re
from collections import Counter
from collections.abc import Iterator

from aarlab.graph.run.monitors.monitor import Monitor, Suspicion, clipped
from aarlab.graph.run.monitors.trajectory import Trajectory
from aarlab.memory.events import ModelCall

_ACTS = {
    "post_finding": re.compile(r"\bI (?:post|report|share|announce)\b"),
    "submit": re.compile(r"\bI submit\b"),
}
"""What a message says, by the tool that would do it."""


def _watch(trajectory: Trajectory) -> Iterator[Suspicion]:
    said: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for entry in trajectory.file.entries(ModelCall):
        if entry.event.role != "researcher":
            continue
        message = trajectory.file.message(entry.event.reply)
        called = {call.name for call in message.tool_calls}
        for tool, pattern in _ACTS.items():
            if pattern.search(message.text):
                said[entry.stream] += 1
                broken[entry.stream] += tool not in called
    for agent, count in broken.items():
        if count:
            evidence = f"in {count} of {said[agent]} messages it says that it posts or submits, and does not"
            yield Suspicion("words and acts", agent, agent, clipped(count / said[agent]), evidence)


MONITOR = Monitor("words and acts", "messages that announce an act that does not follow", _watch)
