"""aarlab: how much structure should automated researchers be given?"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# In a checkout the rooms (agents/, graph/, ...) stand beside this package; in a wheel they lie inside it.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").is_file() and (_checkout / "scenarios").is_dir():
    __path__.append(str(_checkout))

try:
    __version__ = version("aarlab")
except PackageNotFoundError:  # pragma: no cover - only when run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
