"""Data for a weak-to-strong task on texts, as `aarlab data prepare` writes it.

A prepared folder has a research side without labels and an evaluator side:

    prepared.json            format, counts, class balance, hashes
    research/items.jsonl     one item per line with its pool, without labels
    evaluator/labels.json    the labels in the same order; only this user can read it
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, get_args

import numpy as np

from aarlab.scenarios.toolkit.inputs import IntArray

Pool = Literal["teacher", "student", "test", "ood"]
"""Part of the data: items for the weak teacher's training, items that the student is trained on with weak labels, test
items of the same distribution and of another one."""
POOLS: tuple[Pool, ...] = get_args(Pool)

DataFormat = Literal["comparison", "yes_no"]
"""`comparison`: which of two replies to a prompt is better. `yes_no`: whether an answer to a question is right."""
FIELDS: Mapping[DataFormat, tuple[str, ...]] = MappingProxyType(
    {"comparison": ("prompt", "first", "second"), "yes_no": ("question", "choice")}
)
"""Text fields of an item, by format."""
ANSWERS: Mapping[DataFormat, tuple[str, str]] = MappingProxyType({"comparison": ("B", "A"), "yes_no": ("no", "yes")})
"""What a language model answers for label 0 and for label 1, by format."""
ENDINGS: Mapping[DataFormat, str] = MappingProxyType(
    {"comparison": "\n\nWhich is better, A or B? Answer:", "yes_no": "\n\nIs this right, yes or no? Answer:"}
)
"""Last part of the prompt of a language model, by format."""

SUMMARY, ITEMS, LABELS = "prepared.json", "research/items.jsonl", "evaluator/labels.json"
VERSION = 1
"""Version of the layout."""


class UnusableData(ValueError):
    """A prepared folder is missing, incomplete or changed; the message names the file, the problem and the fix."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedData:
    """Items in pools, with labels on the evaluator's side only."""

    name: str
    """Name of the data, for screens and reports."""
    format: DataFormat
    items: tuple[Mapping[str, str], ...]
    """The n items: the text fields of the format, by name."""
    pools: Mapping[Pool, IntArray]
    """Positions of the items of each pool, ascending. All pools are disjoint; `ood` can be empty."""
    labels: IntArray | None
    """(n,) labels in {0, 1}; None on the research side. 1 means that the first reply is better, or that the answer is
    right."""
    content_sha256: str
    """Hash of format, items, pools and labels, in hexadecimal digits."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The n items as text, for a classifier."""
        return tuple(item_text(self.format, item) for item in self.items)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The n items as prompts of a language model, which answers with one of `answers`."""
        return tuple(text + ENDINGS[self.format] for text in self.texts)

    @property
    def answers(self) -> tuple[str, str]:
        """What a language model answers for label 0 and for label 1."""
        return ANSWERS[self.format]

    def positive_share(self, pool: Pool) -> float:
        """Return the share of label 1 in a pool that is not empty. Only on the evaluator's side."""
        assert self.labels is not None, "the research side has no labels"
        return float(self.labels[self.pools[pool]].mean())

    @classmethod
    def of(
        cls, name: str, format: DataFormat, items: Sequence[Mapping[str, str]], pools: Sequence[Pool], labels: IntArray
    ) -> Self:
        """Return the data of items with the pool and the label of each."""
        research, evaluator = _items_text(format, items, pools), _labels_text(labels)
        return cls(
            name,
            format,
            tuple(items),
            _positions(pools),
            _read_only(labels),
            _content_hash(format, _sha256(research.encode()), _sha256(evaluator.encode())),
        )

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Return the data of a prepared folder with labels, for the evaluator.

        Raises:
            UnusableData: A file is missing, or was changed after the preparation.
        """
        research = cls.load_research(folder)
        path = Path(folder) / LABELS
        content = _read(path)
        _check_hash(path, content, _summary(Path(folder))["labels_sha256"])
        return replace(research, labels=_read_only(np.array(json.loads(content), dtype=np.int64)))

    @classmethod
    def load_research(cls, folder: Path | str) -> Self:
        """Return the data of a prepared folder without labels. The evaluator's side is not read and can be missing.

        Raises:
            UnusableData: A file is missing, or was changed after the preparation.
        """
        summary, path = _summary(Path(folder)), Path(folder) / ITEMS
        content = _read(path)
        _check_hash(path, content, summary["items_sha256"])
        format, lines = summary["format"], [json.loads(line) for line in content.decode().splitlines()]
        items = tuple({field: line[field] for field in FIELDS[format]} for line in lines)
        return cls(
            summary["name"],
            format,
            items,
            _positions([line["pool"] for line in lines]),
            None,
            summary["content_sha256"],
        )

    def write(self, folder: Path, details: Mapping[str, Any]) -> None:
        """Write the prepared folder. Write to a temporary place and rename it, so that no part of it is ever seen.

        Args:
            folder: A folder that does not exist.
            details: More entries for `prepared.json`, such as the hashes of the source files.
        """
        assert self.labels is not None, "the research side cannot be written"
        pool_of = {int(position): pool for pool, positions in self.pools.items() for position in positions}
        research = _items_text(self.format, self.items, [pool_of[i] for i in range(len(self.items))])
        evaluator = _labels_text(self.labels)
        used = [pool for pool in POOLS if len(self.pools[pool])]
        summary = {
            "version": VERSION,
            "name": self.name,
            "format": self.format,
            "counts": {pool: len(self.pools[pool]) for pool in POOLS},
            "positive_share": {pool: round(self.positive_share(pool), 4) for pool in used},
            **details,
            "items_sha256": _sha256(research.encode()),
            "labels_sha256": _sha256(evaluator.encode()),
            "content_sha256": self.content_sha256,
        }
        (folder / ITEMS).parent.mkdir(parents=True)
        (folder / LABELS).parent.mkdir(mode=0o700)
        (folder / ITEMS).write_bytes(research.encode())
        with open(os.open(folder / LABELS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(evaluator.encode())
        (folder / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def item_text(format: DataFormat, item: Mapping[str, str]) -> str:
    """Return an item as text."""
    if format == "comparison":
        return f"{item['prompt']}\n\nA: {item['first']}\n\nB: {item['second']}"
    return f"{item['question']}\n\n{item['choice']}"


def _positions(pools: Sequence[Pool]) -> Mapping[Pool, IntArray]:
    array = np.array(pools, dtype=object)
    return MappingProxyType({pool: _read_only(np.flatnonzero(array == pool).astype(np.int64)) for pool in POOLS})


def _read_only(array: IntArray) -> IntArray:
    array.setflags(write=False)
    return array


def _items_text(format: DataFormat, items: Sequence[Mapping[str, str]], pools: Sequence[Pool]) -> str:
    lines = [
        {"pool": pool, **{field: item[field] for field in FIELDS[format]}}
        for item, pool in zip(items, pools, strict=True)
    ]
    # ASCII only: other line separators of Unicode would split a line.
    return "".join(json.dumps(line) + "\n" for line in lines)


def _labels_text(labels: IntArray) -> str:
    return json.dumps(labels.tolist()) + "\n"


def _content_hash(format: DataFormat, items_sha256: str, labels_sha256: str) -> str:
    return _sha256(json.dumps([VERSION, format, items_sha256, labels_sha256]).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableData(
            f"{path} cannot be read ({(error.strerror or str(error)).lower()}); prepare the data again: aarlab data "
            "prepare"
        ) from None


def _summary(folder: Path) -> dict[str, Any]:
    """Return the content of prepared.json."""
    path = folder / SUMMARY
    if not path.is_file():
        raise UnusableData(f"{folder} is not a folder that `aarlab data prepare` wrote: it has no {SUMMARY}")
    try:
        summary: dict[str, Any] = json.loads(_read(path))
        hashes = [summary[name] for name in ("items_sha256", "labels_sha256")]
        if summary["version"] == VERSION and summary["format"] in FIELDS and isinstance(summary["name"], str):
            expected = _content_hash(summary["format"], *hashes)
            if summary["content_sha256"] == expected:
                return summary
    except (ValueError, KeyError, TypeError):
        pass
    raise UnusableData(f"{path} was changed or is of another version; prepare the data again: aarlab data prepare")


def _check_hash(path: Path, content: bytes, recorded: str) -> None:
    if _sha256(content) != recorded:
        raise UnusableData(f"{path} was changed after the preparation; prepare the data again: aarlab data prepare")
