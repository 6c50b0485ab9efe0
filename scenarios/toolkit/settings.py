"""Types of operator settings, which check values and describe the allowed range."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Scale = Literal["linear", "log"]


class SettingType(Protocol):
    """A type of setting."""

    @abstractmethod
    def problem(self, value: object) -> str | None:
        """Return what is allowed if `value` is not; None if `value` is allowed."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return kind and range as JSON-able data."""


@dataclass(frozen=True, slots=True)
class Int(SettingType):
    """An integer from low to high, inclusive."""

    low: int
    high: int
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.scale)

    def problem(self, value: object) -> str | None:
        """Return what is allowed if `value` is not."""
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return None
        return f"a whole number from {self.low} to {self.high}"

    def describe(self) -> dict[str, Any]:
        """Return kind and range."""
        return {"kind": "int", "low": self.low, "high": self.high, "scale": self.scale}


@dataclass(frozen=True, slots=True)
class Float(SettingType):
    """A real number from low to high, inclusive."""

    low: float
    high: float
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.scale)

    def problem(self, value: object) -> str | None:
        """Return what is allowed if `value` is not."""
        is_real = isinstance(value, int | float) and not isinstance(value, bool)
        if is_real and self.low <= value <= self.high:  # type: ignore[operator]  # mypy does not follow is_real
            return None
        return f"a number from {self.low:g} to {self.high:g}"

    def describe(self) -> dict[str, Any]:
        """Return kind and range."""
        return {"kind": "float", "low": self.low, "high": self.high, "scale": self.scale}


@dataclass(frozen=True, slots=True, init=False)
class Choice(SettingType):
    """One of several named options."""

    options: tuple[str, ...]

    def __init__(self, *options: str) -> None:
        if len(set(options)) != len(options) or len(options) < 2:
            raise ValueError(f"a choice needs two or more different options, not {options}")
        object.__setattr__(self, "options", options)

    def problem(self, value: object) -> str | None:
        """Return what is allowed if `value` is not."""
        return None if value in self.options else "one of " + ", ".join(map(repr, self.options))

    def describe(self) -> dict[str, Any]:
        """Return kind and options."""
        return {"kind": "choice", "options": list(self.options)}


@dataclass(frozen=True, slots=True)
class Flag(SettingType):
    """True or False."""

    def problem(self, value: object) -> str | None:
        """Return what is allowed if `value` is not."""
        return None if isinstance(value, bool) else "True or False"

    def describe(self) -> dict[str, Any]:
        """Return the kind."""
        return {"kind": "flag", "options": [False, True]}


def _check_range(low: float, high: float, scale: str) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"a range needs two finite numbers with low < high, not {low} and {high}")
    if scale not in ("linear", "log"):
        raise ValueError(f"a scale is 'linear' or 'log', not {scale!r}")
    if scale == "log" and low <= 0:
        raise ValueError(f"a log scale starts above zero, not at {low}")
