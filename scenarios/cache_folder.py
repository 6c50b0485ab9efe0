"""The folder of this user's cache."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of the cache: $AARLAB_CACHE, or ~/.cache/aarlab.

    For a user without a home folder it is a path at which nothing can be stored. A folder that others can write to,
    such as one in /tmp, could bring foreign scores.
    """
    if configured := os.environ.get("AARLAB_CACHE"):
        return Path(configured)
    try:
        return Path.home() / ".cache" / "aarlab"
    except RuntimeError:
        return Path(os.devnull) / "aarlab"
