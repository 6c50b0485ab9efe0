"""Reports on ablations and run files: `analyse` computes the numbers; `page`, `markdown` and `tables` format them."""

from aarlab.report.analysis import Analysis, analyse
from aarlab.report.markdown import markdown
from aarlab.report.parts import Table, write_csv
from aarlab.report.planned_comparisons import MeasureResult
from aarlab.report.report_tables import tables
from aarlab.report.sources import results_from

__all__ = ["Analysis", "MeasureResult", "Table", "analyse", "markdown", "results_from", "tables", "write_csv"]
