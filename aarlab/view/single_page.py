"""A run as one self-contained page: the viewer's program with the recorded answers of its server."""

from html import escape
from pathlib import Path
from typing import Any

from aarlab.export.secret_free import ExportReader
from aarlab.memory.events import Finding
from aarlab.memory.run_reader import RunReader
from aarlab.report.html_document import content_hash_source
from aarlab.view.conversation_pages import conversation_page
from aarlab.view.json_text import json_text
from aarlab.view.program_bundle import STATIC, bundle
from aarlab.view.run_data import finding_data, run_data
from aarlab.view.run_measures import run_measures
from aarlab.view.viewed_folder import run_row

MAX_CHARACTERS = 40_000_000
"""Size of the conversations of a page. Those that are over it are left out."""
_REPLACED = {"source.js": "recorded_source.js"}
Row = dict[str, Any]


def single_page(path: Path, *, conversations: bool = True) -> str:
    """Return a run as an HTML page that loads nothing and can be sent to others.

    Args:
        path: The run file.
        conversations: Whether the page has the conversations of the agents.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or is damaged.
    """
    with ExportReader.open(path) as file:
        recorded = _recorded(file, conversations=conversations)
    return _document(recorded["run"]["run"], recorded)


def _recorded(file: RunReader, *, conversations: bool) -> Row:
    """Return the answers of the server, by the name of the request."""
    findings = {entry.event.id: finding_data(file, entry.event.id) for entry in file.entries(Finding)}
    row = run_row(file.info(), file.path, file.path.name, "")
    return {
        "runs": {"runs": [row], "ablations": []}, "run": {**run_data(file), "live": False},
        "measures": run_measures(file), "finding": findings,
        "conversation": _conversations(file) if conversations else {},
    }  # fmt: skip


def _conversations(file: RunReader) -> dict[str, list[Row]]:
    """Return all turns of each agent, as far as they fit."""
    size, all_turns = 0, {}
    for agent in file.streams():
        turns: list[Row] = []
        first: int | None = 0
        while first is not None and size < MAX_CHARACTERS:
            page = conversation_page(file, agent, first)
            turns += page["turns"]
            size += len(json_text(page["turns"]))
            first = page["next"]
        all_turns[agent] = turns
    return all_turns


def _document(title: str, recorded: Row) -> str:
    style = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("figures.css", "viewer.css"))
    script = bundle("main.js", _REPLACED)
    policy = (
        f"default-src 'none'; script-src {content_hash_source(script)}; style-src {content_hash_source(style)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    # No text of a model can end the element: JSON has no need of this character outside strings.
    data = json_text(recorded).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="content-security-policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<header id="top"></header>\n<main id="page" tabindex="-1"></main>\n'
        f'<script type="application/json" id="recorded">{data}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )
