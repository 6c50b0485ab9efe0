"""The scenarios that come with aarlab."""

from pathlib import Path

import aarlab.scenarios


def shipped_scenarios() -> dict[str, Path]:
    """Return the YAML files beside the tasks, in a checkout or installed, by name."""
    folders = [Path(folder) for folder in aarlab.scenarios.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}
