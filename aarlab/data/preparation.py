"""Preparation of data: files of the study's layout become pools of items, checked before anything is written."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aarlab.config.errors import ConfigError, Fault
from aarlab.data.data_records import (
    LAYOUTS,
    Faults,
    Record,
    checked_records,
    duplicate_key,
    format_of,
    json_lines,
    with_split,
)
from aarlab.memory.atomic_file import atomic_output
from aarlab.scenarios.prepared_data import POOLS, DataFormat, Pool, PreparedData

FILES: Mapping[Pool, str] = {"teacher": "train_label", "student": "train_unlabel", "test": "test", "ood": "test_ood"}
"""Name of the file of each pool, without its ending."""
ENDINGS = (".jsonl", ".json")
MIN_ITEMS: Mapping[Pool, int] = {"teacher": 20, "student": 40, "test": 40, "ood": 20}
"""Fewest items of a pool that can be used at all."""
ADVISED_ITEMS: Mapping[Pool, int] = {"teacher": 100, "student": 1000, "test": 1000, "ood": 500}
"""Below it the preparation warns: accuracies on a test pool of this size have an SE of about .014."""
MAX_MAJORITY = 0.8
"""Share of the larger class above which the preparation warns."""
EXAMPLES = 5
"""Places of repeated items that a message names."""
_MISSING: Mapping[Pool, str] = {
    "teacher": "add it: items with labels for the weak teacher",
    "student": "add it: items for the student, with labels for the strong student",
    "test": "add it: items of the same distribution, with labels, for the scores",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Records of all pools, and where they come from."""

    name: str
    format: DataFormat
    records: Sequence[Record]
    hashes: Mapping[str, str]
    """SHA-256 of each file, by file name; of a data set of a hub its fingerprint, by split."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Checked data, ready to be written."""

    data: PreparedData
    sources: Mapping[str, str]
    ood: str | None
    """The split by field, as FIELD=VALUE."""
    dropped: Mapping[Pool, int]
    """Repeated items that were left out, by pool."""
    notes: Sequence[str]
    """What was left out and what to know about the data."""

    def write(self, folder: Path) -> None:
        """Write the prepared folder: complete, or not at all.

        Raises:
            ConfigError: It exists, or cannot be written.
        """
        if folder.exists() or folder.is_symlink():
            raise ConfigError([Fault(str(folder), None, "it exists", "a new folder", "another place: --out PREPARED")])
        details = {"ood": self.ood, "sources": dict(self.sources), "dropped": dict(self.dropped)}
        try:
            with atomic_output(folder) as temporary:
                self.data.write(temporary, {**details, "notes": list(self.notes)})
        except OSError as error:
            problem = f"it cannot be written: {(error.strerror or str(error)).lower()}"
            raise ConfigError([Fault(str(folder), None, problem, None, "another place: --out PREPARED")]) from None


def read_folder(folder: Path) -> Source:
    """Return the records of a folder with one JSON Lines file for each pool.

    Raises:
        ConfigError: A file is missing, or a line is malformed; it names every one.
    """
    if not folder.is_dir():
        raise ConfigError([Fault(str(folder), None, "no such folder", _layout_text())])
    contents = {pool: _content(path) for pool, path in _files(folder).items()}
    faults = Faults()
    lines = {pool: list(json_lines(content, str(path), faults)) for pool, (path, content) in contents.items()}
    hashes = {path.name: hashlib.sha256(content).hexdigest() for path, content in contents.values()}
    return source_of(folder.resolve().name, lines, hashes, faults)


def source_of(
    name: str, lines: Mapping[Pool, Sequence[tuple[str, object]]], hashes: Mapping[str, str], faults: Faults
) -> Source:
    """Return the records of lines, which are pairs of place and value.

    Raises:
        ConfigError: There are faults already, or a line is malformed.
    """
    format = next((found for pool in lines for _, value in lines[pool] if (found := format_of(value))), None)
    if format is None:
        faults.raise_if_any()
        layouts = " or ".join(LAYOUTS.values())
        raise ConfigError([Fault(name, None, "no line has the text fields of a format", layouts)])
    records = [record for pool in lines for record in checked_records(lines[pool], pool, format, faults)]
    faults.raise_if_any()
    return Source(name, format, records, hashes)


def prepare(source: Source, *, ood: tuple[str, str] | None = None, drop_duplicates: bool = False) -> Preparation:
    """Return the checked pools.

    Copies with the same label in one pool are reduced to one, which a note says. An item in two pools, or with both
    labels, is an error unless `drop_duplicates` is set: then it stays in the last of its pools in the order teacher,
    student, test, ood, and items with both labels are left out.

    Args:
        source: The records.
        ood: Field and value of the items that form the pool `ood`.
        drop_duplicates: Whether repeated items are left out instead of refused.

    Raises:
        ConfigError: Repeated items, too few items, or a pool with one class only.
    """
    records = list(source.records) if ood is None else with_split(source.records, *ood)
    kept, notes = _distinct(records, source.format, drop=drop_duplicates)
    _check_pools(kept)
    notes += _size_notes(kept) + _shared_question_notes(kept, source.format)
    kept.sort(key=lambda record: POOLS.index(record.pool))
    data = PreparedData.of(
        source.name,
        source.format,
        [record.item for record in kept],
        [record.pool for record in kept],
        np.array([record.label for record in kept], dtype=np.int64),
    )
    before = {pool: sum(record.pool == pool for record in records) for pool in POOLS}
    dropped = {pool: before[pool] - len(data.pools[pool]) for pool in POOLS}
    return Preparation(data, source.hashes, None if ood is None else "=".join(ood), dropped, notes)


def _layout_text() -> str:
    required = ", ".join(f"{FILES[pool]}.jsonl" for pool in POOLS if pool != "ood")
    return f"a folder with {required} and, for another distribution, {FILES['ood']}.jsonl"


def _files(folder: Path) -> dict[Pool, Path]:
    """Return the file of each pool. Raises ConfigError if one is missing or there are two."""
    faults, found = list[Fault](), dict[Pool, Path]()
    present = sorted(path.name for path in folder.iterdir() if path.is_file())
    for pool, name in FILES.items():
        paths = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
        if len(paths) > 1:
            faults.append(Fault(str(folder), None, f"{paths[0].name} and {paths[1].name} exist", "one of them"))
        elif paths:
            found[pool] = paths[0]
        elif pool != "ood":
            listed = ", ".join(present[:10]) + (", ..." if len(present) > 10 else "") or "nothing"
            problem = f"{name}.jsonl is missing; the folder has: {listed}"
            faults.append(Fault(str(folder), None, problem, _layout_text(), _MISSING[pool]))
    if faults:
        raise ConfigError(faults)
    return found


def _content(path: Path) -> tuple[Path, bytes]:
    try:
        return path, path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Fault(str(path), None, problem, None)]) from None


def _distinct(records: Sequence[Record], format: DataFormat, *, drop: bool) -> tuple[list[Record], list[str]]:
    """Return the records without repeated items, and notes about them. Raises ConfigError."""
    copies: dict[str, list[tuple[Record, int]]] = defaultdict(list)
    for record in records:
        key, label = duplicate_key(record, format)
        copies[key].append((record, label))
    kept, repeated, leaks, contradictions = list[Record](), 0, list[list[Record]](), list[list[Record]]()
    for group in copies.values():
        members = [record for record, _ in group]
        last = max(members, key=lambda record: POOLS.index(record.pool))
        if len({label for _, label in group}) > 1:
            contradictions.append(members)
            continue
        if any(record.pool != last.pool for record in members):
            leaks.append(members)
        else:
            repeated += len(members) - 1
        kept.append(last)
    notes = [f"Repeated items of one pool that were left out: {repeated:,}."] if repeated else []
    problems = [
        (leaks, "items in more than one pool", "each stays in the last of teacher, student, test, ood"),
        (contradictions, "items with both labels", "they are left out"),
    ]
    faults = []
    for groups, problem, effect in problems:
        if groups and drop:
            notes.append(f"{problem.capitalize()}: {len(groups):,}; {effect}.")
        elif groups:
            shown = "; ".join(" = ".join(record.where for record in group[:3]) for group in groups[:EXAMPLES])
            text = f"{problem}: {len(groups):,} ({shown}{'; ...' if len(groups) > EXAMPLES else ''})"
            faults.append(Fault("duplicates", None, text, "each item once", f"--drop-duplicates: {effect}"))
    if faults:
        raise ConfigError(faults)
    return kept, notes


def _check_pools(records: Sequence[Record]) -> None:
    """Raise ConfigError if a pool has too few items or one class only."""
    faults = []
    for pool, labels in _labels(records).items():
        if pool == "ood" and not labels:
            continue
        name = _pool_text(pool)
        if len(labels) < MIN_ITEMS[pool]:
            faults.append(Fault(name, None, f"the number of items is {len(labels)}", f"at least {MIN_ITEMS[pool]}"))
        elif len(set(labels)) < 2:
            faults.append(Fault(name, "label", "all items have the same label", "items of both classes"))
    if faults:
        raise ConfigError(faults)


def _size_notes(records: Sequence[Record]) -> list[str]:
    notes = []
    for pool, labels in _labels(records).items():
        if not labels:
            notes.append("There are no out-of-distribution items: give test_ood.jsonl, or --ood FIELD=VALUE.")
            continue
        if len(labels) < ADVISED_ITEMS[pool]:
            error = f"; an accuracy of .75 has a standard error of {(0.1875 / len(labels)) ** 0.5:.3f}"
            shown = error if pool in ("test", "ood") else ""
            notes.append(f"{_pool_text(pool)} has {len(labels)} items; {ADVISED_ITEMS[pool]} are advised{shown}.")
        share = sum(labels) / len(labels)
        if max(share, 1 - share) > MAX_MAJORITY:
            notes.append(
                f"{_pool_text(pool)}: {100 * share:.0f} % of the items have label 1; a constant guess is right on "
                f"{100 * max(share, 1 - share):.0f} %."
            )
    return notes


def _shared_question_notes(records: Sequence[Record], format: DataFormat) -> list[str]:
    """Return a note if test items share their prompt or question with items that are trained on."""
    field = "prompt" if format == "comparison" else "question"
    trained = {record.item[field] for record in records if record.pool in ("teacher", "student")}
    test = {record.item[field] for record in records if record.pool == "test"}
    if len(test) < 2 or not (shared := len(test & trained)):
        return []
    text = f"{shared:,} of {len(test):,} different {field}s in test are also in the training files"
    return [f"{text}, with other {'replies' if format == 'comparison' else 'choices'}."]


def _labels(records: Sequence[Record]) -> dict[Pool, list[int]]:
    return {pool: [record.label for record in records if record.pool == pool] for pool in POOLS}


def _pool_text(pool: Pool) -> str:
    return f"pool {pool} ({FILES[pool]})"
