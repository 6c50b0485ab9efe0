"""Published and plain methods as files: what a researcher starts from and has to beat.

Each file beside this one is a method as a researcher would submit it. They are read here, never run.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from aarlab.scenarios.toolkit.operators import FAMILIES

__all__ = ["Baseline", "load"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A method file that ships with aarlab."""

    name: str
    """The file's name without its ending."""
    title: str
    """One sentence: the first line of its docstring."""
    family: str
    """One of the study's eleven families of ideas."""
    code: str
    """The whole text of the file."""


def load() -> Mapping[str, Baseline]:
    """Return all baselines by name, sorted."""
    texts = {
        entry.name.removesuffix(".py"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    }
    return MappingProxyType({name: _read(name, texts[name]) for name in sorted(texts)})


def _read(name: str, code: str) -> Baseline:
    """Return the baseline of a file; ValueError where its docstring lacks what the catalogue needs."""
    docstring = ast.get_docstring(ast.parse(code)) or ""
    family = re.search(r"^Family: (.+)\.$", docstring, re.MULTILINE)
    if family is None or family[1] not in FAMILIES:
        raise ValueError(f"baseline {name}: its docstring must have a line 'Family: ...', one of {', '.join(FAMILIES)}")
    return Baseline(name, docstring.partition("\n")[0], family[1], code)
