"""The parts of sqlite-utils that this package uses, imported without pandas.

If pandas is installed, sqlite-utils imports it, which takes longer than the creation of a run file.
"""

import sys

_pandas_is_loaded = "pandas" in sys.modules
if not _pandas_is_loaded:
    sys.modules["pandas"] = None  # type: ignore[assignment]
try:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations
finally:
    if not _pandas_is_loaded:
        del sys.modules["pandas"]

__all__ = ["Database", "Migrations"]
