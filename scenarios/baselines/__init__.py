"""Baselines: the known methods, published and simple ones. Each file in this folder has the code of one method.

The files are read here and executed only in the sandbox.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from aarlab.scenarios.toolkit.operators import FAMILIES

__all__ = ["PUBLISHED", "Baseline", "load", "opening_methods"]

PUBLISHED = ("vanilla_hard", "confident_only", "unsupervised_elicitation", "critic_like")
"""The four published methods with which the study of Wen et al. 2026 compares its agents."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A method file that ships with aarlab."""

    name: str
    """Name of the file without suffix."""
    title: str
    """First line of the docstring, one sentence."""
    about: str
    """The docstring without its first and its last line: source and idea."""
    family: str
    """One of the study's eleven families of ideas."""
    code: str
    """Text of the file."""


@cache
def load() -> Mapping[str, Baseline]:
    """Return all baselines, sorted by name."""
    texts = {
        entry.name.removesuffix(".py"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    }
    return MappingProxyType({name: _read(name, texts[name]) for name in sorted(texts)})


def opening_methods(
    opening: Literal["none", "published", "library"], *, single_world: bool = False, fine_tunes: bool = False
) -> Mapping[str, Baseline]:
    """Return the methods that the lab posts before round 1: none, the four published ones, or all.

    For a task with a single world, which is a search problem, no method is known. For a task whose student is
    fine-tuned, only the published ones are.
    """
    if single_world:
        return {}
    if fine_tunes and opening == "library":
        opening = "published"
    names = {"none": (), "published": PUBLISHED, "library": tuple(load())}[opening]
    return {name: baseline for name, baseline in load().items() if name in names}


def _read(name: str, code: str) -> Baseline:
    """Return the baseline of a file. Raises ValueError if its docstring names no family."""
    docstring = ast.get_docstring(ast.parse(code)) or ""
    family = re.search(r"^Family: (.+)\.$", docstring, re.MULTILINE)
    if family is None or family[1] not in FAMILIES:
        raise ValueError(f"baseline {name}: its docstring must have a line 'Family: ...', one of {', '.join(FAMILIES)}")
    title, _, rest = docstring.partition("\n")
    return Baseline(name, title, rest.replace(family[0], "").strip(), family[1], code)
