"""An export format for aarlab: `digest`, a Markdown page with the findings of a run, the best first."""

from pathlib import Path

from aarlab.export import ExportFormat
from aarlab.memory.events import Finding
from aarlab.memory.run_reader import RunReader


def write_digest(file: RunReader, path: Path) -> None:
    """Write one table row per finding. `file` is open; `path` is a new file."""
    info = file.info()
    findings = [entry.event for entry in file.entries(Finding)]
    findings.sort(key=lambda finding: float("-inf") if finding.pgr is None else finding.pgr, reverse=True)
    lines = [
        f"# Run {info.run_id}",
        "",
        f"Scenario `{info.scenario['name']}`, seed {info.seed}, status {info.status}, {len(findings)} findings.",
        "",
        "| finding | type | PGR | title |",
        "|---|---|---|---|",
    ]
    for finding in findings:
        pgr = "" if finding.pgr is None else f"{finding.pgr:.2f}"
        title = finding.title.replace("|", r"\|")
        lines.append(f"| {finding.id} | {finding.type} | {pgr} | {title} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


FORMAT = ExportFormat("digest", "the findings as a Markdown page", ".md", "aarlab_digest:write_digest")
