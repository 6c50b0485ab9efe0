"""The catalogue of operators."""

import json
from typing import Any

import pytest

from aarlab.scenarios import toolkit as tk
from aarlab.scenarios.toolkit.settings import Choice, Flag, Float, Int

CATALOGUE = tk.catalogue()
entries = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry["name"])


def test_catalogue_is_deterministic_json() -> None:
    assert json.loads(json.dumps(CATALOGUE, allow_nan=False)) == tk.catalogue()
    names = [entry["name"] for entry in CATALOGUE]
    assert names == sorted(set(names))


def test_every_family_has_an_operator() -> None:
    assert len(tk.FAMILIES) == 11
    assert {entry["family"] for entry in CATALOGUE} == set(tk.FAMILIES)


@entries
def test_operators_are_public_and_documented(entry: dict[str, Any]) -> None:
    assert entry["name"] in tk.__all__
    assert entry["about"].endswith((".", "`."))
    assert entry["stage"] in ("representation", "labels", "selection", "student")


@entries
def test_defaults_are_in_range(entry: dict[str, Any]) -> None:
    for kind in entry["settings"].values():
        if "options" in kind:
            assert kind["default"] in kind["options"]
        else:
            assert kind["low"] <= kind["default"] <= kind["high"]
            assert kind["scale"] in ("linear", "log")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Int(3, 3),
        lambda: Float(0.0, 1.0, "log"),
        lambda: Float(0.0, float("inf")),
        lambda: Float(0.0, 1.0, "cubic"),  # type: ignore[arg-type]
        lambda: Choice("only"),
        lambda: Choice("same", "same"),
    ],
)
def test_invalid_setting_types_are_rejected(make: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
        make()


def test_settings_validate_values() -> None:
    assert Int(1, 3).problem(2) is None
    assert Int(1, 3).problem(2.0) == "a whole number from 1 to 3"
    assert Float(0.5, 1).problem(1) is None
    assert Float(0.5, 1).problem(float("nan")) == "a number from 0.5 to 1"
    assert Choice("a", "b").problem("c") == "one of 'a', 'b'"
    assert Flag().problem(1) == "True or False"
