"""Who took part, and in what order things count as earlier or later."""

from aarlab.memory.events import Brief, Event
from aarlab.memory.runfile import Entry, RunFile


def researchers(file: RunFile) -> list[str]:
    """Return the names of the run's researchers, in order of their briefing."""
    return [
        entry.stream
        for entry in file.entries(Brief)
        if isinstance(entry.event, Brief) and entry.event.role == "researcher"
    ]


def by_hour(file: RunFile, *kinds: type[Event]) -> list[Entry]:
    """Return the researchers' events of these kinds by research hour, those of one hour in the order of the team.

    The order of arrival in the log would not do: it depends on which researcher's work was computed first.
    """
    place = {name: i for i, name in enumerate(researchers(file))}
    entries = (entry for entry in file.entries(*kinds) if entry.stream in place)
    return sorted(entries, key=lambda entry: (entry.hours, place[entry.stream], entry.ordinal))
