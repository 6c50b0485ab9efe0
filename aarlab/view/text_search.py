"""Search for a text in all conversations of a folder."""

import json
import sqlite3
import time
from typing import Any

from aarlab.cli.show.selections import excerpt
from aarlab.memory.events import LogEntry, ModelCall, Prompted
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.view.viewed_folder import LOCKED_WAIT_S, ViewedFolder

Row = dict[str, Any]
MAX_MATCHES = 200
SECONDS_PER_PART = 0.4
"""Time after which a part of the search ends, so that the page can say how far it is."""


def search(folder: ViewedFolder, text: str, file: str = "", after: str = "", found: int = 0) -> Row:
    """Return messages that contain a text, in any case, newest run first: a part of the search.

    Args:
        folder: The viewed folder.
        text: The text, at least two characters.
        file: Only this run file; empty: all.
        after: The last run file of the part before; empty: this is the first part.
        found: Number of matches of the parts before.

    Returns:
        `matches`: rows with file, agent, round, hours, step, speaker and excerpt. `runs`: number of runs that were
        searched, in this part and those before, of `all_runs`. `complete`: False if the limit on matches was reached.
        `next`: the argument `after` of the next part; None if this is the last.
    """
    wanted, deadline = text.lower(), time.monotonic() + SECONDS_PER_PART
    rows = sorted(folder.contents()["runs"], key=lambda row: str(row["created_at"]), reverse=True)
    names = [file] if file else [row["file"] for row in rows if not row["problem"]]
    first = names.index(after) + 1 if after in names else 0
    matches: list[Row] = []
    searched, complete = first, True
    if len(wanted) < 2:
        return {"matches": [], "runs": 0, "all_runs": len(names), "complete": True, "next": None}
    for name in names[first:]:
        searched += 1
        try:
            with RunReader.open(folder.run_path(name), wait_s=LOCKED_WAIT_S) as run:
                complete = _search_run(run, name, wanted, matches, MAX_MATCHES - found)
        except (SchemaError, sqlite3.Error, OSError):
            continue
        if not complete or time.monotonic() > deadline:
            break
    more = complete and searched < len(names)
    return {
        "matches": matches, "runs": searched, "all_runs": len(names), "complete": complete,
        "next": names[searched - 1] if more else None,
    }  # fmt: skip


def _search_run(run: RunReader, name: str, wanted: str, matches: list[Row], limit: int) -> bool:
    """Append the matches of a run; return whether they are fewer than the limit allows."""
    excerpts = _excerpts(run, wanted, limit - len(matches) + 1)
    if not excerpts:
        return True
    for entry in run.entries(Prompted, ModelCall):
        if (found := excerpts.get(_message_of(entry))) is not None:
            if len(matches) >= limit:
                return False
            matches.append({
                "file": name, "agent": entry.stream, "round": entry.round, "hours": entry.hours, "step": entry.ordinal,
                "speaker": "reply" if isinstance(entry.event, ModelCall) else "message", "excerpt": found,
            })  # fmt: skip
    return True


def _message_of(entry: LogEntry[Prompted | ModelCall]) -> str:
    return entry.event.message if isinstance(entry.event, Prompted) else entry.event.reply


def _excerpts(run: RunReader, wanted: str, limit: int) -> dict[str, str]:
    """Return excerpts of the first messages that have a text, by hash.

    The stored JSON is searched before a message is decoded, and events are read only of runs that have the text.
    """
    stored_text = json.dumps(wanted, ensure_ascii=False)[1:-1].lower()
    excerpts: dict[str, str] = {}
    for stored in run.contents():
        if stored.speaker is None or stored_text not in stored.content.lower():
            continue
        if (found := excerpt(stored.message(), wanted)) is not None:
            excerpts[stored.hash] = found
            if len(excerpts) >= limit:
                break
    return excerpts
