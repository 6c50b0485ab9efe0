"""The report of a single run as text and tables. Its page is the one that the viewer exports."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.records import RunRecord
from aarlab.agents.models.registry import is_simulated
from aarlab.cli.run_summary import plain_result
from aarlab.graph.run.generalisation import COLUMNS, failures, side_by_side
from aarlab.recording import Recording
from aarlab.report.parts import BulletList, CodeBlock, Note, Part, Section, Table


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
        kind = "simulated researchers, not a language model" if is_simulated(model) else "base model"
        kind += ", some with side tasks" if record.summary.get("hostile") else ""
        text = plain_result(summary, file)
        return RunReport(
            title=f"{file.info().run_id}: {kind} ({model})",
            heading=f"One run of {scenario['task']['name']}, seed {record.seed}",
            result=text.partition("\n\n")[0].replace("\n", " "),
            sections=tuple(_sections(file, summary, text)),
        )


def _sections(file: Recording, summary: dict[str, Any], text: str) -> Iterator[Section]:
    agents, experiments, findings = file.researchers(), file.experiments, file.findings
    yield Section(
        "Winner and measures",
        (CodeBlock(text.partition("\n\n")[2]), "One run gives no interval over runs and no comparison."),
    )
    if rows := summary.get("generalisation"):
        yield Section("Generalisation of the finalists", tuple(_generalisation(rows, findings)))
    yield Section("Researchers", (_researchers(agents, experiments, findings),))
    yield Section("Findings", (_findings(findings),))
    path = shlex.quote(str(file.path))
    yield Section("Read more", (CodeBlock(f"aarlab show {path}\naarlab replay {path}"),))


def _generalisation(rows: list[dict[str, Any]], findings: list[dict[str, Any]]) -> Iterator[Part]:
    yield generalisation_table(rows, {row["id"]: row["pgr"] for row in findings})
    yield Note(
        "Fixed: the method as it was posted. Retuned: the best of other settings, chosen on other worlds of that task. "
        "Replicated: written again by a fresh agent from the finding's text alone."
    )
    yield BulletList(tuple(failures(rows)) or ("No score is below that of the best published method.",))


def generalisation_table(rows: list[dict[str, Any]], development: Mapping[str, float | None]) -> Table:
    """Return the scores of all finalists on other worlds and tasks, given their development PGR by finding."""
    cells = [
        (finding, *row)
        for finding in dict.fromkeys(row["finding"] for row in rows)
        for row in side_by_side(rows, finding, development.get(finding))
    ]
    return Table("generalisation", "Generalisation of the finalists", ("finding", *COLUMNS), tuple(cells))


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
