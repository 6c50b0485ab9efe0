"""What is wrong with a configuration, told so that it can be put right."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    where: str
    """`file:line`, or the override as it was given."""
    field: str | None
    """Path of the field, such as `budget.hours`; None where no single field is at fault."""
    found: str
    """What is there."""
    allowed: str | None
    """What may be there; None where what was found says it already."""
    hint: str | None = None
    """What to type instead."""

    def __str__(self) -> str:
        """Return the fault as a block of lines, without a newline at the end."""
        head = self.where if self.field is None else f"{self.where}: {self.field}"
        lines = [head, f"  found    {self.found}"]
        if self.allowed is not None:
            lines.append(f"  allowed  {self.allowed}")
        if self.hint is not None:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """Return the fault for `--json`."""
        return asdict(self)


class ConfigError(ValueError):
    """A configuration that cannot be used, with all that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Take at least one fault."""
        super().__init__("\n\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return a question that names the known word closest to `word`, None if none is close."""
    close = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else None
