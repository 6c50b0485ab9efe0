"""Selections of a run: one finding, the reviews, or what a text search finds in the conversations."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from aarlab.cli.formatting import hours_text, pgr_text, printable, shortened
from aarlab.cli.show.display_options import DisplayOptions
from aarlab.cli.show.values import omission_notice
from aarlab.config import ConfigError, Fault
from aarlab.config.errors import did_you_mean
from aarlab.memory.board import Board
from aarlab.memory.events import LogEntry, ModelCall, Prompted, ReviewDecision
from aarlab.memory.messages import Message
from aarlab.memory.run_reader import RunReader

_BODY_LINES = 40
_CODE_LINES = 60
_BEFORE, _AFTER = 60, 160
"""Characters of an excerpt around the text."""

Json = dict[str, Any]


def finding_json(file: RunReader, name: str) -> Json:
    """Return a finding with its code, its round and its edges.

    Raises:
        ConfigError: The run has no such finding.
    """
    board = Board(file)
    post = board.post(name)
    if post is None:
        ids = [post.finding.id for post in board.posts()]
        expected = f"{', '.join(ids[:8])}{', ...' if len(ids) > 8 else ''}" if ids else "none: the run has no findings"
        raise ConfigError([Fault(f"--finding {name}", None, "no such finding", expected, did_you_mean(name, ids))])
    code = post.finding.code
    return {
        **asdict(post.finding), "round": post.round, "hours": post.hours, "published": post.published,
        "held_back": post.held_back,
        "code_text": None if code is None or not file.has_content(code) else file.text(code),
        "edges": [
            {**entry.event.to_json(), "agent": entry.stream, "round": entry.round} for entry in board.edges(of=name)
        ],
    }  # fmt: skip


def finding_page(file: RunReader, name: str, options: DisplayOptions) -> Iterator[RenderableType]:
    """Yield a finding: its scores, body, edges and code. Raises ConfigError if there is no such finding."""
    finding = finding_json(file, name)
    yield Text.assemble((finding["id"], "cyan"), "  ", (printable(finding["title"]), "bold"))
    visible = finding["held_back"] or ("published" if finding["published"] else "not published")
    position = f"{finding['type']} by {finding['author']}, round {finding['round']}, {hours_text(finding['hours'])}"
    yield Text(f"{position}, {printable(finding['family'])}, {visible}", style="dim")
    if finding["fidelity"] is not None:
        score = pgr_text(finding["pgr"], finding["se"])
        yield Text(f"score {score} in development, {finding['fidelity']} experiment {finding['experiment']}")
    yield from _block(finding["body"], _BODY_LINES, options)
    for edge in finding["edges"]:
        yield Text(
            f"{edge['source']} {edge['relation']} {edge['target']}: {printable(edge['text'] or '')}".rstrip(": ")
        )
    if finding["code_text"] is not None:
        yield Text("\nMethod", style="bold")
        yield from _block(finding["code_text"], _CODE_LINES, options)


def _block(text: str, lines: int, options: DisplayOptions) -> Iterator[RenderableType]:
    cut, omitted = options.cut(text.strip("\n"), lines)
    yield Padding(Text(printable(cut)), (1, 0, 1, 2), expand=False)
    if omitted:
        yield from omission_notice(omitted)


def reviews(file: RunReader) -> list[LogEntry[ReviewDecision]]:
    """Return the decisions of the reviewer in order."""
    return list(file.entries(ReviewDecision))


def reviews_json(file: RunReader) -> list[Json]:
    """Return the decisions of the reviewer with agent, round and hours."""
    return [
        {"agent": entry.stream, "round": entry.round, "hours": entry.hours, **entry.event.to_json()}
        for entry in reviews(file)
    ]


def reviews_page(file: RunReader) -> Iterator[RenderableType]:
    """Yield the decisions of the reviewer, or why there are none."""
    entries = reviews(file)
    if not entries:
        dial = file.info().scenario.get("structure", {}).get("review", "none")
        yield Text(
            "No reviews: the run has no reviewer (structure.review=none)." if dial == "none" else "No reviews yet."
        )
        return
    approved = sum(entry.event.approved for entry in entries)
    yield Text(f"{len(entries)} reviews, {approved} approved", style="bold")
    for entry in entries:
        verdict, style = ("approved", "green") if entry.event.approved else ("rejected", "red")
        place = f"{entry.stream}, round {entry.round}, {hours_text(entry.hours)}"
        yield Padding(Text.assemble((verdict, style), f"  {place}"), (1, 0, 0, 0), expand=False)
        yield Padding(Text(printable(entry.event.comment)), (0, 0, 0, 2), expand=False)


def matches(file: RunReader, text: str, agent: str | None, round: int | None) -> Iterator[Json]:
    """Yield the messages that contain a text, in any case: agent, round, hours, speaker and an excerpt.

    Args:
        file: The run.
        text: The text.
        agent: Only the conversation of this agent; None: all.
        round: Only this round; None: all.
    """
    for entry in file.entries(Prompted, ModelCall, stream=agent, round=round):
        match entry.event:
            case Prompted(message=key) | ModelCall(reply=key):
                message = file.message(key)
                if (found := excerpt(message, text.lower())) is not None:
                    speaker = "receives" if message.speaker == "user" else "replies"
                    yield {
                        "agent": entry.stream, "round": entry.round, "hours": entry.hours, "speaker": speaker,
                        "excerpt": found,
                    }  # fmt: skip


def excerpt(message: Message, text: str) -> str | None:
    """Return the part of a message around a text in lower case, also in its tool calls; None: it has no such text."""
    for part in (message.thinking, message.text, *_tool_texts(message)):
        start = part.lower().find(text)
        if start >= 0:
            return part[max(start - _BEFORE, 0) : start + len(text) + _AFTER]
    return None


def _tool_texts(message: Message) -> Iterator[str]:
    for call in message.tool_calls:
        yield "\n".join([call.name, *(f"{name}: {value}" for name, value in call.arguments.items())])
    for result in message.tool_results:
        yield result.content


def matches_page(
    file: RunReader, text: str, agent: str | None, round: int | None, width: int
) -> Iterator[RenderableType]:
    """Yield a line for each message that contains a text, with how to read its conversation."""
    count = 0
    for found in matches(file, text, agent, round):
        count += 1
        place = f"{found['agent']} round {found['round']}, {hours_text(found['hours'])}, {found['speaker']}: "
        line = Text(shortened(found["excerpt"], max(2 * width - len(place), 40)))
        line.highlight_words([text], style="bold yellow", case_sensitive=False)
        yield Text.assemble((place, "cyan"), line)
    if not count:
        yield Text("No message contains this text.")
        return
    yield Text(f"{count} messages. Read a conversation with --agent A --round N.", style="dim")
