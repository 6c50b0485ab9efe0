"""An ablation of two small arms."""

from pathlib import Path

from aarlab.memory.run_reader import RunReader

SMALL = (
    "team.researchers=2", "budget.hours=4", "budget.round_hours=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.screening_worlds=2",
    "scoring.finalists=1", "scoring.heldout_worlds=2", "scoring.shifted_worlds=0", "scoring.transfer_worlds=0",
)  # fmt: skip

FILE = """
name: pair
question: Does a fixed workflow lower PGR?
scenario: quickstart
arms:
  free: {}
  staged: {structure: staged}
seeds: 1
controls: false
"""


def arguments(file: Path, out: Path, *more: str) -> list[str]:
    """Return the arguments that execute a small ablation."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return ["ablate", str(file), "--out", str(out), *settings, *more]


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each finished run by its file's name."""
    found = {}
    for path in (folder / "runs").glob("*.db"):
        with RunReader.open(path) as file:
            found[path.stem] = file.digest()
    return found
