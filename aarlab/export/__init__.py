"""Export runs to formats of other tools, and import runs from JSON Lines."""

from aarlab.export.formats import FORMATS, ExportFormat, find_format, format_names
from aarlab.export.jsonl_import import import_jsonl
from aarlab.export.jsonl_records import InvalidRunData
from aarlab.export.redaction import Redaction
from aarlab.export.run_export import default_path, export_run, log_run

__all__ = [
    "FORMATS",
    "ExportFormat",
    "InvalidRunData",
    "Redaction",
    "default_path",
    "export_run",
    "find_format",
    "format_names",
    "import_jsonl",
    "log_run",
]
