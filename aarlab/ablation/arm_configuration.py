"""The configuration of an arm: a resolved scenario without the fields that identify a single run."""

from collections.abc import Mapping
from typing import Any

RUN_FIELDS = ("name", "seed")
"""Scenario fields that differ between the runs of an arm."""


def arm_configuration(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a scenario without those of a single run."""
    return {field: value for field, value in scenario.items() if field not in RUN_FIELDS}


def flattened(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested sections by dotted path. An empty section is a value."""
    fields: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, Mapping) and value:
            fields |= flattened(value, f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = value
    return fields
