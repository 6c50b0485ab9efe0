"""Reports: what came of an ablation or of some runs, as a page, as Markdown and as tables.

`analyse` makes the numbers, once; `page`, `markdown` and `tables` tell them.
"""

from aarlab.report.analysis import Analysis, Outcome, analyse
from aarlab.report.markdown import markdown
from aarlab.report.sources import results_from
from aarlab.report.tables import Table, tables, write_csv

__all__ = ["Analysis", "Outcome", "Table", "analyse", "markdown", "results_from", "tables", "write_csv"]
