"""Runs for other tools: JSON Lines and back, an Inspect log, the lineage as a graph, and tables."""

from aarlab.export.exporting import FORMATS, Format, default_name, export_run
from aarlab.export.importing import read_jsonl
from aarlab.export.lines import NotWhole
from aarlab.export.redaction import Redaction

__all__ = ["FORMATS", "Format", "NotWhole", "Redaction", "default_name", "export_run", "read_jsonl"]
