"""The report of a single run: result, curve, timeline of each researcher, lineage and findings."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from rich.console import Console

from aarlab.ablation.records import RunRecord
from aarlab.cli.run_summary import result_text
from aarlab.memory.run_reader import RunReader
from aarlab.recording import Recording
from aarlab.report.parts import CodeBlock, Figure, Note, Section, Table

_SIMULATED = "simulated/"


@dataclass(frozen=True, slots=True)
class RunReport:
    """The report of one run."""

    title: str
    """Name of the run and its base model; simulated researchers are identified as such."""
    heading: str
    result: str
    """The scores as plain sentences."""
    sections: tuple[Section, ...]

    @property
    def tables(self) -> list[Table]:
        """The tables of all sections."""
        return [part for section in self.sections for part in section.parts if isinstance(part, Table)]


def run_report(record: RunRecord) -> RunReport:
    """Return the report of a closed run. Raises the errors of `RunReader.open`."""
    with Recording.open(record.path) as file:
        scenario, summary = file.info().scenario, {**record.summary, "file": str(record.path.resolve())}
        model = str(scenario["team"]["model"])
        kind = "simulated researchers, not a language model" if model.startswith(_SIMULATED) else "base model"
        text = _plain_text(summary, file)
        return RunReport(
            title=f"{file.info().run_id}: {kind} ({model})",
            heading=f"One run of {scenario['task']['name']}, seed {record.seed}",
            result=text.strip().partition("\n\n")[0].replace("\n", " "),
            sections=tuple(_sections(file, record, summary, text)),
        )


def _plain_text(summary: dict[str, Any], file: RunReader) -> str:
    console = Console(file=io.StringIO(), width=100, record=True, highlight=False, force_jupyter=False)
    console.print(result_text(summary, file))
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def _sections(file: Recording, record: RunRecord, summary: dict[str, Any], text: str) -> Iterator[Section]:
    agents, experiments, findings = file.researchers(), file.experiments, file.findings
    best, graph = summary.get("best") or {}, file.lineage
    score = str(summary.get("score_name", "PGR"))
    end = max([float(summary["hours"]), *(hours for hours, _ in record.frontier)])
    yield Section(
        "Winner and measures",
        (CodeBlock(text.strip().partition("\n\n")[2]), "One run gives no interval over runs and no comparison."),
    )
    yield Section(
        f"{score} over research hours",
        (_figure("best_so_far", "best_so_far_curve", record.frontier, end, score), Note("Development scores.")),
    )
    yield Section(
        "Timeline of the researchers",
        (
            _figure("timeline", "timeline", agents, experiments, findings),
            Note("Experiments and findings of each researcher over its research hours."),
            _researchers(agents, experiments, findings),
        ),
    )
    yield Section(
        "Lineage",
        (
            _figure("lineage", "lineage", graph, best.get("finding")),
            Note("Findings by round and author. Lines lead to the findings that they inherit from."),
            _findings(findings),
        ),
    )
    yield Section("Read more", (CodeBlock(f"aarlab show {file.path}\naarlab replay {file.path}"),))


def _figure(name: str, function: str, *arguments: Any) -> Figure:
    # Formats without figures do not import plotly.
    return Figure(name, lambda figures: resolve_name(f"aarlab.report.run_figures:{function}")(*arguments))


def _researchers(agents: list[str], experiments: list[dict[str, Any]], findings: list[dict[str, Any]]) -> Table:
    rows = []
    for agent in agents:
        own = [row for row in experiments if row["agent"] == agent]
        scores = [row["pgr"] for row in own if row["fidelity"] == "full" and row["pgr"] is not None]
        counts = [sum(row["fidelity"] == fidelity for row in own) for fidelity in ("smoke", "pilot", "full")]
        posted = sum(row["author"] == agent for row in findings)
        rows.append((agent, *counts, posted, max(scores, default=None)))
    columns = ("researcher", "smoke", "pilot", "full", "findings", "best_development_score")
    return Table("researchers", "Researchers", columns, tuple(rows))


def _findings(findings: list[dict[str, Any]]) -> Table:
    columns = ("id", "round", "author", "type", "title", "family", "fidelity", "pgr", "se")
    rows = tuple(tuple(row[column] for column in columns) for row in findings)
    return Table("findings", "Findings", columns, rows)
