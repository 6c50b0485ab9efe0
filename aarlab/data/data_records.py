"""Records of text data: the layouts of a line, and the checks of one line."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.scenarios.prepared_data import FIELDS, DataFormat, Pool, item_text

LAYOUTS: Mapping[DataFormat, str] = {
    "comparison": '{"prompt": "...", "first": "...", "second": "...", "label": "A"}, label "A" (first wins) or "B"',
    "yes_no": '{"question": "...", "choice": "...", "label": true}, label true or false',
}
"""A line of each format, for messages."""
LABELS: Mapping[DataFormat, Mapping[Any, int]] = {"comparison": {"B": 0, "A": 1}, "yes_no": {False: 0, True: 1}}
"""Values of the field `label`, by format."""
LABEL_TEXT: Mapping[DataFormat, str] = {"comparison": '"A" or "B"', "yes_no": "true or false, without quotes"}
MAX_FAULTS = 20
"""Most faults that are listed."""


@dataclass(frozen=True, slots=True)
class Record:
    """One item of the data, checked."""

    where: str
    """`file:line`."""
    pool: Pool
    item: Mapping[str, str]
    """The text fields of the format."""
    label: int
    """0 or 1."""
    other: Mapping[str, Any]
    """All other fields, from which splits can be made."""


class Faults:
    """Collects faults in the data, and raises them together."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, where: str, field: str | None, problem: str, expected: str | None, fix: str | None = None) -> None:
        """Add a fault."""
        self._faults.append(Fault(where, field, problem, expected, fix))

    def raise_if_any(self) -> None:
        """Raise ConfigError with the first faults if there are any."""
        listed = self._faults[:MAX_FAULTS]
        if more := len(self._faults) - len(listed):
            listed.append(Fault("data", None, f"{more:,} more errors are not listed", None))
        if listed:
            raise ConfigError(listed)


def json_lines(content: bytes, where: str, faults: Faults) -> Iterator[tuple[str, Any]]:
    """Yield place and value of each line that is JSON; add a fault for each other one. Empty lines are skipped."""
    for number, raw in enumerate(content.split(b"\n"), 1):
        place = f"{where}:{number}"
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            if line.strip():
                yield place, json.loads(line)
        except UnicodeDecodeError as error:
            problem = f"byte {error.start + 1} of the line is not UTF-8 text"
            faults.add(place, None, problem, "UTF-8", "convert the file to UTF-8")
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or a number that is too long"
            faults.add(place, None, f"the line is not JSON ({reason})", "one JSON object on each line")


def format_of(value: object) -> DataFormat | None:
    """Return the format whose text fields a line has; None if it has those of neither."""
    if isinstance(value, Mapping):
        for format, fields in FIELDS.items():
            if any(field in value for field in fields):
                return format
    return None


def checked_records(
    lines: Iterable[tuple[str, Any]], pool: Pool, format: DataFormat, faults: Faults
) -> Iterator[Record]:
    """Yield the records of a file; add a fault for each line that is not one of this format."""
    for where, value in lines:
        record = _checked(where, value, pool, format, faults)
        if record is not None:
            yield record


def _checked(where: str, value: object, pool: Pool, format: DataFormat, faults: Faults) -> Record | None:
    if not isinstance(value, Mapping):
        faults.add(where, None, f"the line is {_kind(value)}", LAYOUTS[format], "one JSON object on each line")
        return None
    fields = FIELDS[format]
    if missing := [field for field in (*fields, "label") if field not in value]:
        other = format_of(value)
        if other is not None and other != format:
            problem = f"the line has the fields of {'/'.join(FIELDS[other])}, other lines have {'/'.join(fields)}"
            faults.add(where, None, problem, LAYOUTS[format], "one format for all files")
            return None
        unknown = [name for name in value if name not in (*fields, "label")]
        for field in missing:
            near = get_close_matches(field, unknown, n=1)
            fix = f"did you mean the field {near[0]!r}? Rename it" if near else None
            faults.add(where, field, "the field is missing", LAYOUTS[format], fix)
        return None
    good = True
    for field in fields:
        if (unusable := _text_problem(value[field])) is not None:
            faults.add(where, field, unusable, "a text that is not empty")
            good = False
    label = value["label"]
    if not isinstance(label, bool | str) or label not in LABELS[format]:
        faults.add(where, "label", f"the label is {_shown(label)}", LABEL_TEXT[format], _label_fix(label, format))
        good = False
    if good and format == "comparison" and value["first"] == value["second"]:
        faults.add(where, None, "first and second are equal", "two different replies", "remove the line")
        good = False
    if not good:
        return None
    item = {field: str(value[field]) for field in fields}
    other_fields = {name: content for name, content in value.items() if name not in (*fields, "label")}
    return Record(where, pool, item, LABELS[format][label], other_fields)


def _text_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return f"the value is {_kind(value)}"
    if not value.strip():
        return "the text is empty"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "the text has half of a surrogate pair, which is no character"
    return None


def _label_fix(label: object, format: DataFormat) -> str | None:
    """Return what to write instead of a label that is only spelled differently."""
    spelled = str(label).strip().lower()
    if format == "comparison":
        return {"a": 'write "A"', "b": 'write "B"', "first": 'write "A"', "second": 'write "B"'}.get(spelled)
    named = {"true": "true", "yes": "true", "1": "true", "false": "false", "no": "false", "0": "false"}
    return f"write {named[spelled]}" if spelled in named else None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def duplicate_key(record: Record, format: DataFormat) -> tuple[str, int]:
    """Return a key that copies of an item share, and the label for the item in the form of the key.

    Copies differ in capital letters, in spaces, or in the order of the two replies, which turns the label.
    """
    item, label = dict(record.item), record.label
    if format == "comparison" and item["second"] < item["first"]:
        item["first"], item["second"], label = item["second"], item["first"], 1 - label
    return " ".join(item_text(format, item).split()).casefold(), label


def with_split(records: Sequence[Record], field: str, value: str) -> list[Record]:
    """Return the records with those in the pool `ood` whose `field` has this value, wherever they were.

    Raises:
        ConfigError: No record has the field or the value.
    """
    where = f"--ood {field}={value}"
    known = {name for record in records for name in record.other}
    if field not in known:
        listed = ", ".join(sorted(known)) or "none besides text and label"
        raise ConfigError([Fault(where, None, f"no line has the field {field!r}", f"a field: {listed}",
                                 did_you_mean(field, known))])  # fmt: skip
    found = [_spelled(record.other.get(field)) == value for record in records]
    if not any(found) or all(found):
        values = sorted({_spelled(record.other[field]) for record in records if field in record.other})
        problem = "all lines have this value" if all(found) else f"no line has {field} = {value}"
        listed = ", ".join(values[:10]) + (", ..." if len(values) > 10 else "")
        raise ConfigError(
            [Fault(where, None, problem, f"one of several values: {listed}", did_you_mean(value, values))]
        )
    return [
        Record(record.where, "ood", record.item, record.label, record.other) if is_ood else record
        for record, is_ood in zip(records, found, strict=True)
    ]


def _spelled(value: object) -> str:
    """Return a field's value as it is typed on the command line."""
    return value if isinstance(value, str) else json.dumps(value)
