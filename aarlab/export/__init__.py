"""Runs for other tools: JSON Lines and back, an Inspect log, the lineage as a graph, and tables."""

from aarlab.export.formats import FORMATS, Format, default_name, export_run
from aarlab.export.jsonl_import import read_jsonl
from aarlab.export.jsonl_records import InvalidRunData
from aarlab.export.redaction import Redaction

__all__ = ["FORMATS", "Format", "InvalidRunData", "Redaction", "default_name", "export_run", "read_jsonl"]
