"""The fields of a scenario as YAML, each with a comment that explains it."""

import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from aarlab.config.document import yaml_text
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import DIALS, Structure

_COLUMNS = 80


def explained_fields(scenario: Scenario) -> str:
    """Return all fields of a scenario as YAML with comments: what a field means, and the values of each dial."""
    return "\n".join(_lines(scenario, scenario.model_dump(mode="json"), indent=""))


def _lines(section: BaseModel, values: dict[str, Any], indent: str) -> Iterator[str]:
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        yield from _comment(info.description or type(value).__doc__ or "", indent)
        if isinstance(section, Structure):
            yield from _dial_comments(name, indent)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _lines(value, values[name], f"{indent}  ")
        else:
            yield textwrap.indent(yaml_text({name: values[name]}).rstrip(), indent)


def _dial_comments(name: str, indent: str) -> Iterator[str]:
    for dial in DIALS:
        if dial.name == name:
            for value, meaning in dial.values.items():
                yield from _comment(f"{value}: {meaning}", indent, first="  ", later="    ")


def _comment(text: str, indent: str, first: str = "", later: str = "") -> list[str]:
    text = " ".join(text.partition("\n\n")[0].split())
    return textwrap.wrap(
        text, _COLUMNS, initial_indent=f"{indent}# {first}", subsequent_indent=f"{indent}# {later}",
        break_on_hyphens=False,
    )  # fmt: skip
