"""Text and JSON of the measured room of a task."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from aarlab.cli.formatting import percent_text, printable
from aarlab.cli.tables import labelled_rows
from aarlab.measured_room import MeasuredRoom


def print_measured_room(console: Console, room: MeasuredRoom | None) -> None:
    """Print the figures and warnings; nothing for None."""
    if room is None:
        return
    console.print(f"\nMeasured on {room.worlds} full worlds in this process, as mean PGR:")
    console.print(labelled_rows(_rows(room)))
    for warning in room.warnings():
        console.print(Text.assemble(("Warning: ", "yellow"), printable(warning)))
    if not room.warnings():
        console.print("No warnings: the gap is large enough, the teacher matters, and there is something to find.")


def room_json(room: MeasuredRoom | None) -> dict[str, Any]:
    """Return the fields of `--json`."""
    if room is None:
        return {"measured_room": None, "warnings": []}
    figures = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(room).items()}
    figures |= {"published": {name: round(pgr, 4) for name, pgr in room.published.items()}}
    figures |= {name: getattr(room, name).model_dump() for name in ("library", "single", "best")}
    derived = {"gap": room.gap, "noise": room.noise, "teacher_use": room.teacher_use}
    return {
        "measured_room": {**figures, **{name: round(value, 4) for name, value in derived.items()}},
        "warnings": room.warnings(),
    }


def _rows(room: MeasuredRoom) -> dict[str, Text]:
    """Return the figures as text, by heading."""
    rows = {
        "items of a world": f"{room.unlabelled:,} unlabelled, {room.test:,} test",
        "gap": f"{room.gap:.3f}, SD between worlds {room.gap_sd:.3f}",
        "published methods": ", ".join(f"{name} {pgr:.2f}" for name, pgr in room.published.items()),
        "best of the library": f"{room.library.pgr:.2f} ({room.library.name})",
        "best single operator": f"{room.single.pgr:.2f} ({room.single.name})",
        f"best of {room.random_recipes} random recipes": f"{room.random_best:.2f}, median {room.random_median:.2f}",
        "best of all, on held-out worlds": f"{room.best_heldout:.2f} ({room.best.name})",
        "with shuffled weak labels": (
            f"{room.best_shuffled:.2f}; guessing: {room.chance:.2f}; share of the PGR above guessing that is lost: "
            f"{percent_text(room.teacher_use)}"
        ),
    }
    return {heading: Text(printable(text)) for heading, text in rows.items()}
