"""How a person wants to read, and whom."""

from dataclasses import dataclass
from string import ascii_letters

from aarlab.config.faults import ConfigError, Fault, did_you_mean
from aarlab.memory.events import TEAM
from aarlab.memory.runfile import RunFile


@dataclass(frozen=True, slots=True)
class Reading:
    """How a person wants to read."""

    full: bool = False
    """Whether nothing is shortened."""
    width: int = 100
    """Columns of the page."""

    def cut(self, text: str, lines: int) -> tuple[str, int]:
        """Return the first `lines` lines of a text, and how many more there are."""
        rows = text.rstrip().split("\n")
        # One line more is no longer than the notice that it was left out.
        if self.full or len(rows) <= lines + 1:
            return "\n".join(rows), 0
        return "\n".join(rows[:lines]), len(rows) - lines


def agents_of(file: RunFile) -> list[str]:
    """Return the agents to whom something happened, in the order in which it first did."""
    return list(dict.fromkeys(entry.stream for entry in file.entries() if entry.stream != TEAM))


def agent_named(file: RunFile, name: str) -> str:
    """Return the agent that a person means: by name, or a researcher by number.

    Raises:
        ConfigError: The run has no such agent.
    """
    agents = agents_of(file)
    for agent in agents:
        if name == agent or (name.isdigit() and agent.lstrip(ascii_letters + "-") == name):
            return agent
    allowed = ", ".join(agents) if agents else "none: nothing has happened in this run yet"
    raise ConfigError([Fault(f"--agent {name}", None, "no such agent", allowed, did_you_mean(name, agents))])
