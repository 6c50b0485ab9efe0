"""Display options, the structure of a run on one line, and look-up of agents by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

from rich.text import Text

from aarlab.cli.formatting import counted, printable
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.memory.events import TEAM
from aarlab.memory.run_reader import RunReader

_CHARS_PER_LINE = 200
"""Maximum mean length of the lines of a shortened text."""


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How a run is displayed."""

    full: bool = False
    """Whether to shorten nothing."""
    width: int = 100
    """Width of the page in columns."""

    def cut(self, text: str, lines: int) -> tuple[str, str]:
        """Return the first `lines` lines of a text, and what is omitted, such as `3 more lines`; empty if nothing is.

        A line counts as several if it is very long.
        """
        text, max_chars = text.rstrip(), lines * _CHARS_PER_LINE
        if self.full:
            return text, ""
        rows = text[: max_chars + 1].split("\n")
        if len(rows) <= lines + 1 and len(text) > max_chars:
            return text[:max_chars], counted(len(text) - max_chars, "more character")
        # The notice of an omission would be as long as one omitted line.
        if len(rows) <= lines + 1:
            return text, ""
        return "\n".join(rows[:lines]), counted(text.count("\n") + 1 - lines, "more line")


def structure_summary(file: RunReader) -> Text:
    """Return the dials of a run, other structure options that differ from their defaults, and turnover, on one line."""
    from aarlab.graph.structure.structure import DIALS, PRESETS, Structure  # takes as long to import as a page

    structure = file.info().scenario.get("structure", {})
    dials = [dial.name for dial in DIALS if dial.name in structure]
    defaults = {name: field.get_default(call_default_factory=True) for name, field in Structure.model_fields.items()}
    options = [
        name for name, value in structure.items() if name not in (*dials, "preset") and value != defaults.get(name, ...)
    ]
    values = [f"{name.replace('_', ' ')} {_setting(structure[name])}" for name in (*dials, *options)]
    if turnover := file.info().scenario.get("team", {}).get("turnover"):
        values.append(f"turnover {_setting(turnover)}")
    if not values:
        return Text()
    preset = printable(str(structure.get("preset", "")))
    changed = {name: structure[name] for name in dials}.items() - PRESETS.get(preset, {}).items()
    name = f"{preset} with changed dials" if changed else preset
    return Text.assemble(("structure ", "dim"), (name, "bold"), (f": {', '.join(values)}", "dim"))


def _setting(value: Any) -> str:
    """Return a value as text; mappings inside a mapping are in parentheses, and empty ones left out."""
    if not isinstance(value, Mapping):
        return printable(str(value))
    parts = {key: f"({_setting(part)})" if isinstance(part, Mapping) else _setting(part) for key, part in value.items()}
    return " ".join(f"{_setting(key)}={text}" for key, text in parts.items() if text != "()")


def agents_of(file: RunReader) -> list[str]:
    """Return the streams of a run in the order of their first events: its agents, then `team`."""
    return sorted(file.streams(), key=lambda stream: stream == TEAM)


def find_agent(file: RunReader, name: str) -> str:
    """Return the name of an agent.

    Args:
        file: The run.
        name: Name of an agent, number of a researcher, or `team` for the events of the whole team.

    Raises:
        ConfigError: The run has no such agent.
    """
    agents = agents_of(file)
    for agent in agents:
        if name == agent or (name.isdigit() and agent.lstrip(ascii_letters + "-") == name):
            return agent
    expected = ", ".join(agents) if agents else "none, as this run has no events yet"
    raise ConfigError([Fault(f"--agent {name}", None, "no such agent", expected, did_you_mean(name, agents))])
