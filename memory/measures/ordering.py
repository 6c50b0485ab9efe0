"""In what order things count as earlier or later, where the work of several researchers is looked at together."""

from aarlab.memory.events import Event, LogEntry
from aarlab.memory.run_reader import RunReader


def by_research_hours(file: RunReader, *kinds: type[Event]) -> list[LogEntry]:
    """Return the researchers' events of these kinds by research hour, those of one hour in the order of the team.

    The order of arrival in the log would not do: it depends on which researcher's work was computed first.
    """
    place = {name: i for i, name in enumerate(file.researchers())}
    entries = (entry for entry in file.entries(*kinds) if entry.stream in place)
    return sorted(entries, key=lambda entry: (entry.hours, place[entry.stream], entry.ordinal))
