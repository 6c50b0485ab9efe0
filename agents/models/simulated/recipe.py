"""Recipes: methods as sequences of toolkit operators with settings, converted to Python code and back."""

import ast
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Value = float | int | str | bool

EMPTY_RECIPE = "the weak labels as they are"
"""The recipe without steps in words."""
_UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
"""Errors of Python's parser for texts that are no code, and for expressions that are no literals."""
_MENTION = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?")
_METHOD = '''"""{title}"""

from aarlab.scenarios import toolkit as tk


def method(world):
    s = tk.start(world)
{steps}    return tk.finish(s)
'''


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting of an operator, as the catalogue in the prompt describes it."""

    name: str
    default: Value
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    is_integer: bool = False
    options: tuple[Value, ...] = ()

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> "SettingSpec":
        """Return the setting of a catalogue entry."""
        if "options" in entry:
            return cls(name, entry["default"], options=tuple(entry["options"]))
        log, is_integer = entry["scale"] == "log", entry["kind"] == "int"
        return cls(name, entry["default"], entry["low"], entry["high"], log, is_integer)

    def allows(self, value: object) -> bool:
        """Return whether the operator accepts a value. Others may come from the code of a language model."""
        if self.options:
            return value in self.options
        if isinstance(value, bool) or not isinstance(value, int if self.is_integer else int | float):
            return False
        return self.low <= value <= self.high

    def unit(self, value: Value) -> float:
        """Return the position of a value in the setting's range, in [0, 1]; for options, in the list of options."""
        if self.options:
            return self.options.index(value) / (len(self.options) - 1) if value in self.options else 0.0
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, max(float(value), 1e-12)))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def value(self, unit: float) -> Value:
        """Return the value at position `unit`, rounded to two significant digits."""
        if self.options:
            return self.options[min(int(unit * len(self.options)), len(self.options) - 1)]
        low, high = (math.log(x) if self.log else x for x in (self.low, self.high))
        exact = low + unit * (high - low)
        exact = math.exp(exact) if self.log else exact
        if self.is_integer:
            return round(min(self.high, max(self.low, exact)))
        return min(self.high, max(self.low, float(f"{exact:.2g}")))


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the toolkit."""

    name: str
    family: str
    about: str
    settings: tuple[SettingSpec, ...]


class RecipeStep(NamedTuple):
    """An operator with values for its settings. Recipes are keys of many dictionaries, and tuples are hashed fast."""

    operator: str
    settings: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        return f"{self.operator}({', '.join(f'{name}={value!r}' for name, value in self.settings)})"


Recipe = tuple[RecipeStep, ...]
"""The steps of a method, from the weak labels to the student."""


class SearchSpace:
    """The operators of a prompt's catalogue, with the ranges of their settings."""

    def __init__(self, catalogue: Sequence[Mapping[str, Any]]) -> None:
        """Parse the catalogue of the prompt."""
        self.operators = {
            entry["name"]: Operator(
                entry["name"],
                entry["family"],
                entry["about"],
                tuple(SettingSpec.of(name, setting) for name, setting in entry["settings"].items()),
            )
            for entry in catalogue
        }
        self.names = tuple(self.operators)
        self.index = {name: i for i, name in enumerate(self.names)}

    def draw(self, name: str, rng: np.random.Generator) -> RecipeStep:
        """Return a step with settings drawn uniformly from their ranges."""
        return RecipeStep(name, tuple((s.name, s.value(float(rng.random()))) for s in self.operators[name].settings))

    def tune(self, step: RecipeStep, rng: np.random.Generator, width: float) -> RecipeStep:
        """Return the step with some settings changed by normal noise, of standard deviation `width` of their range."""
        chosen = dict(step.settings)
        settings = self.operators[step.operator].settings
        for setting in settings:
            if rng.random() < 1 / max(1, len(settings)) + 0.2:
                if setting.options:
                    chosen[setting.name] = setting.value(float(rng.random()))
                else:
                    moved = setting.unit(chosen.get(setting.name, setting.default)) + width * float(rng.normal())
                    chosen[setting.name] = setting.value(min(1.0, max(0.0, moved)))
        return RecipeStep(step.operator, tuple((s.name, chosen.get(s.name, s.default)) for s in settings))

    def units(self, step: RecipeStep) -> tuple[float, ...]:
        """Return the step's settings as coordinates in [0, 1]."""
        chosen = dict(step.settings)
        return tuple(s.unit(chosen.get(s.name, s.default)) for s in self.operators[step.operator].settings)

    def family(self, recipe: Recipe) -> str:
        """Return the family of a recipe: that of its last operator that changes labels, else of its last operator."""
        families = [self.operators[step.operator].family for step in recipe]
        labelling = [family for family in families if family not in ("model internal", "loss function", "other")]
        return (labelling or families or ["other"])[-1]


def recipe_text(recipe: Recipe) -> str:
    """Return the recipe in one line."""
    return " > ".join(str(step) for step in recipe) or EMPTY_RECIPE


def title(recipe: Recipe) -> str:
    """Return a short title: the operators without their settings."""
    return ", then ".join(step.operator.replace("_", " ") for step in recipe) or "weak labels as they are"


def write(recipe: Recipe) -> str:
    """Return the method's Python code."""
    steps = "".join(
        f"    s = tk.{step.operator}({', '.join(['s', *(f'{name}={value!r}' for name, value in step.settings)])})\n"
        for step in recipe
    )
    return _METHOD.format(title=textwrap.shorten(title(recipe).capitalize(), 100, placeholder=" ..."), steps=steps)


@lru_cache(maxsize=4096)
def parse_code(code: str, space: SearchSpace) -> Recipe | None:
    """Return the recipe of a method's code; None if the code is not a plain sequence of operators of the space."""
    try:
        tree = ast.parse(code)
    except _UNREADABLE:
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    calls.sort(key=lambda call: call.lineno)
    steps = [_step(call, space) for call in calls if _function_name(call) not in ("start", "finish")]
    return None if None in steps else tuple(step for step in steps if step is not None)


def parse_recipe(recipe_text: str, space: SearchSpace) -> Recipe | None:
    """Return the recipe of a line such as `harden() > bag(members=4)`; None if the line is not a recipe."""
    return parse_code("\n".join(f"tk.{step}" for step in recipe_text.split(" > ")), space) or None


def recipe_in_text(text: str, space: SearchSpace) -> Recipe:
    """Return the operators that a text names, in order of mention, with the settings in the text; empty if none."""
    steps = (
        step
        for name, settings in _MENTION.findall(text)
        if name in space.operators
        for step in parse_recipe(f"{name}({settings})", space) or parse_recipe(f"{name}()", space) or ()
    )
    return tuple(steps)


def _function_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _step(call: ast.Call, space: SearchSpace) -> RecipeStep | None:
    operator = space.operators.get(_function_name(call))
    if operator is None:
        return None
    try:
        values = {argument.arg: ast.literal_eval(argument.value) for argument in call.keywords}
    except _UNREADABLE:
        return None
    if not all(s.allows(values[s.name]) for s in operator.settings if s.name in values):
        return None
    return RecipeStep(operator.name, tuple((s.name, values.get(s.name, s.default)) for s in operator.settings))
