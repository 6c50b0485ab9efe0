"""Replace every match of some patterns in all texts of a run."""

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
    "field", "idea", "parent", "best", "method", "methods", "leader_at_quarter", "leader_at_half", "neighbours", "task",
    "former", "place",
})  # fmt: skip
"""Event fields with names of agents, findings, experiments, tools or tasks, which other records refer to."""


def _is_enum(annotation: object) -> bool:
    """Return whether a field can only have values from a fixed list."""
    return get_origin(annotation) is Literal or any(get_origin(part) is Literal for part in get_args(annotation))


_ENUM_FIELDS = {
    kind: frozenset(name for name, annotation in get_type_hints(event).items() if _is_enum(annotation))
    for kind, event in EVENT_CLASS_BY_KIND.items()
}


class Redaction:
    """Replaces matches of patterns in texts, and the hashes of the changed texts in events."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile regular expressions. Raises re.error if one is invalid."""
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self.replaced = 0
        """Number of matches replaced so far."""
        self.renamed: dict[str, str] = {}
        """Hash of each redacted message or text, by its original hash."""

    def __bool__(self) -> bool:
        """Return whether there are any patterns."""
        return bool(self._patterns)

    def text(self, text: str) -> str:
        """Return a text with all matches replaced. Empty matches are ignored."""
        for pattern in self._patterns:
            text = pattern.sub(self._replace, text)
        return text

    def _replace(self, match: re.Match[str]) -> str:
        if not match[0]:
            return ""
        self.replaced += 1
        return REPLACEMENT

    def json(self, value: Json, *, keys: bool = False) -> Json:
        """Return a JSON value with all its strings redacted, and with `keys` also the keys of its objects."""
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
        """Return a redacted block of a message. Raises InvalidRunData if a pattern matches the name of a tool."""
        kept = {name: value for name, value in block.items() if name in ("type", "id", "tool_use_id", "name")}
        self.require_no_match(str(block.get("name", "")), "the name of a tool")
        rest = {name: self.model_text(value) for name, value in block.items() if name not in kept}
        return {**rest, **kept}

    def model_text(self, value: Json) -> Json:
        """Return redacted output of a model or tool. Text that is JSON is parsed, and its strings and keys redacted."""
        if isinstance(value, str) and value[:1] in ("{", "["):
            try:
                parsed = json.loads(value)
                redacted = self.json(parsed, keys=True)
            except ValueError:
                return self.text(value)
            return value if redacted == parsed else canonical_json(redacted)
        return self.json(value, keys=True)

    def event(self, kind: str, data: dict[str, Json]) -> dict[str, Json]:
        """Return the redacted fields of an event, with the hashes of the redacted messages and texts.

        Raises:
            InvalidRunData: A pattern matches a name that other records refer to.
        """
        redacted_fields: dict[str, Json] = {}
        for name, value in data.items():
            if name == "request" or name in _ENUM_FIELDS.get(kind, ()):
                redacted_fields[name] = value
            elif isinstance(value, str) and value in self.renamed:
                redacted_fields[name] = self.renamed[value]
            elif name in _IDENTIFIER_FIELDS:
                for identifier in value if isinstance(value, list) else [value]:
                    self.require_no_match(str(identifier or ""), f"`{name}` of an event of kind `{kind}`")
                redacted_fields[name] = value
            else:
                redacted_fields[name] = self.json(value)
        return redacted_fields

    def require_no_match(self, name: str, description: str) -> None:
        """Raise InvalidRunData if a pattern matches a name that other records refer to."""
        for pattern in self._patterns:
            if any(match[0] for match in pattern.finditer(name)):
                raise InvalidRunData(
                    f"--redact {pattern.pattern!r}", f"a match in {name!r}, {description}",
                    "patterns that match texts only: records refer to agents, findings, experiments and tools by name",
                )  # fmt: skip
