"""Who takes part in a run."""

from aarlab.memory.events import AgentSetup
from aarlab.memory.runfile import RunFile


def researchers(file: RunFile) -> list[str]:
    """Return the names of the run's researchers, each once, in order of their briefing."""
    # In the midst of a run that was forked they may have been briefed again.
    return list(
        dict.fromkeys(
            entry.stream
            for entry in file.entries(AgentSetup)
            if isinstance(entry.event, AgentSetup) and entry.event.role == "researcher"
        )
    )
