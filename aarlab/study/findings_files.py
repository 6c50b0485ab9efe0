"""Reading of the study's findings: JSON objects with type, title, content, pgr, pgr_se, num_seeds and run_id.

They lie in the folder as `findings.json` (a list, or an object with a list `findings`), as `findings.jsonl` (one object
per line), or as one file each in `findings/`. Every field may be missing or null, unknown fields are ignored.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from aarlab.memory.events import FindingType
from aarlab.study.json_input import input_error, number, parse_json, read_text, string

FINDINGS_LAYOUT = "findings.json, findings.jsonl or findings/*.json"
"""Where findings lie in the folder."""
MAX_AUTHORS = 1000
"""Largest number of agents, as in a scenario."""
MAX_TEXT_LENGTH = 1_000_000
"""Longest title, content or code, in characters."""
_FIELDS = frozenset(
    {"type", "title", "content", "pgr", "pgr_se", "num_seeds", "run_id", "created_at", "snapshots", "family"}
)


@dataclass(frozen=True, slots=True)
class StudyFinding:
    """A finding of the study, checked."""

    where: str
    """File, and position in it."""
    type: FindingType
    title: str
    content: str
    family: str
    """Method family; `unknown` if the finding has none."""
    pgr: float | None
    se: float | None
    seeds: int | None
    """Number of training seeds behind the PGR."""
    author: str
    """The study's id of the agent's run; `unknown` if the finding has none."""
    created_at: datetime | None
    snapshots: tuple[str, ...]
    """Names of the code snapshots."""
    code: str | None
    """Code of the snapshots that are Python files in the folder; None if there are none."""


@dataclass(frozen=True, slots=True)
class FindingsInput:
    """All findings of a folder."""

    findings: list[StudyFinding]
    """In the order of time; findings without a time follow the one before them in the file."""
    ignored_fields: list[str]
    """Names of unknown fields."""


def read_findings(folder: Path) -> FindingsInput | None:
    """Return the findings in a folder; None if it has no file with findings.

    Raises:
        ConfigError: A field has an invalid value, or a snapshot is outside of the folder.
    """
    located = list(_located_records(folder))
    if not located:
        return None
    findings = [_finding(record, where, folder) for where, record in located]
    if (authors := len({finding.author for finding in findings})) > MAX_AUTHORS:
        raise input_error(folder, "run_id", f"{authors} different values", f"at most {MAX_AUTHORS}")
    unknown = sorted({str(name) for _, record in located for name in record if name not in _FIELDS})
    return FindingsInput(_in_order(findings), unknown)


def _located_records(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each finding as a JSON object, with its file and position."""
    root = folder.resolve()
    paths = [folder / "findings.json", folder / "findings.jsonl", *sorted((folder / "findings").glob("*.json"))]
    for path in (path for path in paths if path.is_file()):
        if not path.resolve().is_relative_to(root):
            raise input_error(path, None, "a link to a file outside of the folder", "a file in the folder")
        for position, record in _records(path):
            where = f"{path}{position}"
            if not isinstance(record, dict):
                raise input_error(where, None, f"a value of type {type(record).__name__}", "a finding: a JSON object")
            yield where, record


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the values of a file with their positions, such as `:3` for a line or `[2]` for an item of a list."""
    text = read_text(path)
    if path.suffix == ".jsonl":
        lines = ((line_number, line) for line_number, line in enumerate(text.split("\n"), 1) if line.strip())
        yield from ((f":{line_number}", parse_json(line, f"{path}:{line_number}")) for line_number, line in lines)
        return
    value = parse_json(text, path)
    records = value["findings"] if isinstance(value, dict) and isinstance(value.get("findings"), list) else value
    if isinstance(records, list):
        yield from ((f"[{i}]", record) for i, record in enumerate(records))
    else:
        yield "", records


def _finding(record: Mapping[str, Any], where: str, folder: Path) -> StudyFinding:
    pgr, se = number(record, "pgr", where), number(record, "pgr_se", where)
    if se is not None and se < 0:
        raise input_error(where, "pgr_se", f"the standard error {se:g}", "a number that is not negative, or null")
    snapshots = _snapshots(record.get("snapshots"), where)
    content = string(record, "content", where, MAX_TEXT_LENGTH) or ""
    title = string(record, "title", where, MAX_TEXT_LENGTH) or content.split("\n", 1)[0][:80] or "untitled"
    return StudyFinding(
        where, _type(record, pgr, where), " ".join(title.split()), content,
        family=string(record, "family", where) or "unknown",
        pgr=pgr, se=se, seeds=_seeds(record, where),
        author=string(record, "run_id", where) or "unknown",
        created_at=_time(record.get("created_at"), where),
        snapshots=snapshots, code=_code(snapshots, folder, where),
    )  # fmt: skip


def _type(record: Mapping[str, Any], pgr: float | None, where: str) -> FindingType:
    """Return the type. A finding without one is a result if it has a PGR, otherwise an insight."""
    name = (string(record, "type", where) or ("insight" if pgr is None else "result")).lower()
    for known in get_args(FindingType):
        if name == known:
            found: FindingType = known
            return found
    raise input_error(where, "type", f"the type {name!r}", ", ".join(get_args(FindingType)))


def _seeds(record: Mapping[str, Any], where: str) -> int | None:
    seeds = number(record, "num_seeds", where)
    if seeds is None:
        return None
    if seeds != int(seeds) or not 0 <= seeds <= 1_000_000:
        raise input_error(where, "num_seeds", f"the number {seeds:g}", "a number of seeds, or null")
    return int(seeds)


def _time(value: Any, where: str) -> datetime | None:
    """Return a time in ISO 8601, or in seconds since 1970; without a time zone it is UTC."""
    expected = "a time in ISO 8601, seconds since 1970, or null"
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value.strip())
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise input_error(where, "created_at", f"not a time: {json.dumps(value)[:60]}", expected)


def _snapshots(value: Any, where: str) -> tuple[str, ...]:
    """Return the names of snapshots: of a string, or of a list of strings or of objects with a `path`."""
    names: list[str] = []
    for item in value if isinstance(value, list) else [] if value is None else [value]:
        name = item.get("path") if isinstance(item, dict) else item
        if not isinstance(name, str) or not name:
            raise input_error(
                where, "snapshots", f"a value of type {type(name).__name__}",
                "a path, or a list of paths or of objects with a `path`",
            )  # fmt: skip
        names.append(string({"snapshots": name}, "snapshots", where, 4096) or name)
    return tuple(names)


def _code(snapshots: tuple[str, ...], folder: Path, where: str) -> str | None:
    """Return the code of the snapshots that are Python files, or folders with Python files, in the folder."""
    root = folder.resolve()
    parts: list[str] = []
    for name in snapshots:
        if "\0" in name:
            raise input_error(where, "snapshots", "a path with a null character", "a path in the folder")
        path = folder / name
        if Path(name).is_absolute() or not path.resolve().is_relative_to(root):
            raise input_error(where, "snapshots", f"the path {name!r} is outside of the folder", "a path in the folder")
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.suffix == ".py" else []:
            if file.is_file():
                if not file.resolve().is_relative_to(root):
                    raise input_error(where, "snapshots", f"{file} links out of the folder", "files in the folder")
                parts.append(f"# {file.resolve().relative_to(root)}\n{read_text(file, MAX_TEXT_LENGTH)}")
        if sum(map(len, parts)) > MAX_TEXT_LENGTH:
            raise input_error(where, "snapshots", f"{name!r} has more than {MAX_TEXT_LENGTH:,} characters of code")
    return "\n\n".join(parts) or None


def _in_order(findings: list[StudyFinding]) -> list[StudyFinding]:
    """Return the findings by time. A finding without a time keeps its place after the finding before it."""
    last, keyed = datetime.min.replace(tzinfo=UTC), []
    for position, finding in enumerate(findings):
        last = finding.created_at or last
        keyed.append((last, position, finding))
    return [finding for *_, finding in sorted(keyed, key=lambda item: item[:2])]
