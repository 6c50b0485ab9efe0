"""The transcript that an outside agent writes about itself, in JSON Lines, and the usage that it states there."""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aarlab.agents.models.api_keys import redacted
from aarlab.memory.messages import Json, Thinking, Usage

TRANSCRIPT: Final = "agent_transcript"
"""Field of `Thinking.extra` that marks a transcript; no model gets it."""
MAX_TRANSCRIPT = 500_000
"""Maximum number of bytes of a transcript; the middle of a longer one is left out."""
_LEFT_OUT = "(the middle is left out)"


@dataclass(frozen=True, slots=True)
class AgentTranscript:
    """A transcript in JSON Lines."""

    text: str
    usage: Usage
    """Tokens that it states; None where it states none."""
    cost_usd: float | None
    """US dollars that it states; None: it states none."""

    @property
    def block(self) -> Thinking:
        """The block of a message that stores it."""
        return Thinking(self.text, "", {TRANSCRIPT: True})


def read_transcript(data: bytes, secret_names: Collection[str] = ()) -> AgentTranscript:
    """Return the transcript in some bytes, without the values of environment variables that are or look like secrets.

    The usage is the sum over the lines that have a field `usage` with tokens of input and output, and the cost that
    over the lines with a field `total_cost_usd` or `cost_usd`: there, agents state what a turn of theirs has used.
    """
    text = redacted(_shortened(data).decode("utf-8", "replace").replace("\0", ""), secret_names)
    usages: list[Usage] = []
    costs: list[float | None] = []
    for line in _json_lines(text):
        if (usage := _usage(line.get("usage"))) is not None:
            usages.append(usage)
        costs.append(_cost(line.get("total_cost_usd", line.get("cost_usd"))))
    total = Usage(
        sum(usage.input_tokens or 0 for usage in usages),
        sum(usage.output_tokens or 0 for usage in usages),
        sum(usage.cache_read_tokens for usage in usages),
        sum(usage.cache_written_tokens for usage in usages),
    )
    known = [cost for cost in costs if cost is not None]
    return AgentTranscript(text, total if usages else Usage(None, None), sum(known) if known else None)


def read_transcript_file(
    folder: Path, pattern: str, after: float, secret_names: Collection[str] = ()
) -> AgentTranscript | None:
    """Return the transcript in the files of a folder that match a pattern and changed after a time; None: no file.

    Links are not followed: the folder belongs to the agent.
    """
    found = [path for path in folder.glob(pattern) if _is_own_file(folder, path) and path.stat().st_mtime >= after]
    data = b""
    for path in sorted(found, key=lambda path: (path.stat().st_mtime, str(path))):
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(MAX_TRANSCRIPT + 1)
            if len(content) > MAX_TRANSCRIPT:
                # The end of the file states the usage.
                file.seek(-MAX_TRANSCRIPT // 2, os.SEEK_END)
                content = content[: MAX_TRANSCRIPT // 2] + b"\n" + file.read(MAX_TRANSCRIPT)
        data = _shortened(data + content + (b"" if content.endswith(b"\n") else b"\n"))
    return read_transcript(data, secret_names) if found else None


def _is_own_file(folder: Path, path: Path) -> bool:
    return path.is_file() and path.resolve() == folder.resolve() / path.relative_to(folder)


def _shortened(data: bytes) -> bytes:
    if len(data) <= MAX_TRANSCRIPT:
        return data
    half = MAX_TRANSCRIPT // 2
    return data[:half] + f"\n{_LEFT_OUT}\n".encode() + data[-half:]


def _json_lines(text: str) -> Iterator[dict[str, Json]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _usage(value: Json) -> Usage | None:
    if not isinstance(value, dict):
        return None
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    n_input, n_output, read, written = (value.get(name) or 0 for name in names)
    cached = value.get("cached_input_tokens") or 0
    if not all(_is_count(number) for number in (n_input, n_output, read, written, cached)) or not n_input + n_output:
        return None
    # `cached_input_tokens` are part of `input_tokens`; the other two are not.
    return Usage(n_input + read + written, n_output, read + cached, written)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9


def _cost(value: Json) -> float | None:
    is_amount = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10**6
    return float(value) if is_amount else None
