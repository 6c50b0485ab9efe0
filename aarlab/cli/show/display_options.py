"""How a person wants to read, and whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

from rich.text import Text

from aarlab.cli.formatting import printable
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.graph.structure.structure import DIALS, PRESETS, Structure
from aarlab.memory.events import TEAM
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class DisplayOptions:
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


def structure_summary(file: RunReader) -> Text:
    """Return where the dials of a run stood, then options that were set; nothing for a run that names no structure."""
    structure = file.info().scenario.get("structure", {})
    dials = [dial.name for dial in DIALS if dial.name in structure]
    usual = {name: field.get_default(call_default_factory=True) for name, field in Structure.model_fields.items()}
    options = [
        name for name, value in structure.items() if name not in (*dials, "preset") and value != usual.get(name, ...)
    ]
    told = [f"{name.replace('_', ' ')} {_setting(structure[name])}" for name in (*dials, *options)]
    if not told:
        return Text()
    preset = printable(str(structure.get("preset", "")))
    turned = {name: structure[name] for name in dials}.items() - PRESETS.get(preset, {}).items()
    name = f"{preset} with dials turned" if turned else preset
    return Text.assemble(("structure ", "dim"), (name, "bold"), (f": {', '.join(told)}", "dim"))


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={part}" for key, part in value.items())
    return printable(str(value))


def agents_of(file: RunReader) -> list[str]:
    """Return the agents to whom something happened, in the order in which it first did, and the team as a whole."""
    return sorted(file.streams(), key=lambda stream: stream == TEAM)


def find_agent(file: RunReader, name: str) -> str:
    """Return the agent that a person means: by name, or a researcher by number; `team` is what happened to all.

    Raises:
        ConfigError: The run has no such agent.
    """
    agents = agents_of(file)
    for agent in agents:
        if name == agent or (name.isdigit() and agent.lstrip(ascii_letters + "-") == name):
            return agent
    allowed = ", ".join(agents) if agents else "none: nothing has happened in this run yet"
    raise ConfigError([Fault(f"--agent {name}", None, "no such agent", allowed, did_you_mean(name, agents))])
