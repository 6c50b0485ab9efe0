"""Errors in a configuration: where each one is, what the problem is, and how to fix it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Fault:
    """One error in the input."""

    where: str
    """`file:line`, or the override or option as it was given."""
    field: str | None
    """Path of the field, such as `budget.hours`; None if no single field is wrong."""
    problem: str
    """What is wrong."""
    expected: str | None
    """What is valid there; None if the problem says it."""
    fix: str | None = None
    """What to type instead; None if that is not known."""

    def __str__(self) -> str:
        """Return the fault as a block of lines, without a newline at the end."""
        lines = [self.where if self.field is None else f"{self.where}: {self.field}", f"  problem   {self.problem}"]
        if self.expected is not None:
            lines.append(f"  expected  {self.expected}")
        if self.fix is not None:
            lines.append(f"  fix       {self.fix}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """Return the fault for `--json`."""
        return asdict(self)


class ConfigError(ValueError):
    """A configuration that cannot be used. It carries one fault for each error."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Create the error from at least one fault."""
        super().__init__("\n\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean X?` with the known word closest to `word`; None if none is close."""
    close = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else None
