"""Data frames, which need the optional package pandas."""

from collections.abc import Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def data_frame(rows: Sequence[dict[str, Any]]) -> "pandas.DataFrame":
    """Return rows as a data frame. Raises ImportError, with the command that installs pandas, if it is missing."""
    try:
        make = resolve_name("pandas:DataFrame")
    except ImportError:
        problem = "a data frame needs pandas, which is not installed"
        raise ImportError(f"{problem}. Install it with: pip install 'aarlab[pandas]'", name="pandas") from None
    return make(rows)
