"""Taking out what must not leave the house: every match of a pattern, in every text of a run."""

import json
import re
from collections.abc import Sequence
from typing import Literal, get_args, get_origin, get_type_hints

from aarlab.export.jsonl_records import InvalidRunData
from aarlab.memory.events import EVENT_CLASS_BY_KIND
from aarlab.memory.messages import Json, canonical_json

REPLACEMENT = "[redacted]"
_IDENTIFIER_FIELDS = frozenset({
    "id", "author", "experiment", "finding", "findings", "subject", "source", "target", "tool", "tool_call_id", "agent",
    "field", "idea", "parent", "best", "baseline", "leader_at_quarter", "leader_at_half", "neighbours", "task",
})  # fmt: skip
"""Fields by which events refer to each other. Without them a run falls apart."""


def _is_enum(annotation: object) -> bool:
    """Tell whether a field has one of a few words that aarlab itself knows."""
    return get_origin(annotation) is Literal or any(get_origin(part) is Literal for part in get_args(annotation))


_ENUM_FIELDS = {
    kind: frozenset(name for name, annotation in get_type_hints(event).items() if _is_enum(annotation))
    for kind, event in EVENT_CLASS_BY_KIND.items()
}


class Redaction:
    """Replaces what patterns match, and what pointed to a text by its hash then points to what became of it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Take regular expressions. Raises re.error if one is none."""
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self.replaced = 0
        """How many matches have been replaced."""
        self.renamed: dict[str, str] = {}
        """Hashes of messages and texts as they are now, by those of before."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to take out."""
        return bool(self._patterns)

    def text(self, text: str) -> str:
        """Return a text without the matches. A match of nothing is none."""
        for pattern in self._patterns:
            text = pattern.sub(self._mark, text)
        return text

    def _mark(self, match: re.Match[str]) -> str:
        if not match[0]:
            return ""
        self.replaced += 1
        return REPLACEMENT

    def json(self, value: Json, *, keys: bool = False) -> Json:
        """Return a JSON value with its texts redacted, its keys too if they are somebody's words."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.json(item, keys=keys) for item in value]
            case dict():
                return {self.text(key) if keys else key: self.json(item, keys=keys) for key, item in value.items()}
            case _:
                return value

    def block(self, block: dict[str, Json]) -> dict[str, Json]:
        """Return a block of a message, redacted. Raises NotWhole if the name of a tool would have to go."""
        kept = {name: value for name, value in block.items() if name in ("type", "id", "tool_use_id", "name")}
        self.name(str(block.get("name", "")), "the name of a tool")
        rest = {name: self.model_text(value) for name, value in block.items() if name not in kept}
        return {**rest, **kept}

    def model_text(self, value: Json) -> Json:
        """Return the words of a model or a tool, redacted; where these are JSON as text, what that text says."""
        if isinstance(value, str) and value[:1] in ("{", "["):
            try:
                inside = json.loads(value)
                found = self.json(inside, keys=True)
            except ValueError:
                return self.text(value)
            return value if found == inside else canonical_json(found)
        return self.json(value, keys=True)

    def event(self, kind: str, data: dict[str, Json]) -> dict[str, Json]:
        """Return the fields of an event, redacted, and leading to the redacted messages and texts."""
        redacted_fields: dict[str, Json] = {}
        for name, value in data.items():
            if name == "request" or name in _ENUM_FIELDS.get(kind, ()):
                redacted_fields[name] = value
            elif isinstance(value, str) and value in self.renamed:
                redacted_fields[name] = self.renamed[value]
            elif name in _IDENTIFIER_FIELDS:
                for word in value if isinstance(value, list) else [value]:
                    self.name(str(word or ""), f"`{name}` of an event in `{kind}`")
                redacted_fields[name] = value
            else:
                redacted_fields[name] = self.json(value)
        return redacted_fields

    def name(self, name: str, what: str) -> None:
        """Raise NotWhole if a pattern matches a name that holds the run together."""
        for pattern in self._patterns:
            if any(match[0] for match in pattern.finditer(name)):
                raise InvalidRunData(
                    f"--redact {pattern.pattern!r}", f"a match in {name!r}, {what}",
                    "what texts say; the names of agents, findings, experiments and tools hold a run together",
                )  # fmt: skip
