"""The run file of imported findings: a partial run, with findings and experiments but without prompts and replies."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aarlab import __version__
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    Evaluation,
    Experiment,
    Finding,
    FindingsImported,
    Published,
    RoundStarted,
)
from aarlab.memory.run_writer import RunWriter
from aarlab.study.findings_files import FindingsInput, StudyFinding

_MIN_ROUND_HOURS = 6.0
_MAX_ROUNDS = 200


def partial_scenario(findings: Sequence[StudyFinding]) -> dict[str, Any]:
    """Return a scenario with the size of the team and the hours of the findings; its other fields say nothing."""
    round_hours = _round_hours(findings)
    budget = {"hours": max(_hours_of(findings)[-1], round_hours), "round_hours": round_hours}
    team = {"researchers": len(_authors(findings)), "model": "imported/unknown"}
    return Scenario.from_record({"name": "imported-findings", "budget": budget, "team": team}).model_dump(mode="json")


def write_partial_run(imported: FindingsInput, source: str, path: Path) -> None:
    """Write findings as a partial run with the status `partial`.

    Each author becomes a researcher. A finding with a PGR becomes an experiment, an evaluation and a finding. Research
    hours are hours since the first finding, because the study's files do not say what a step cost.

    Args:
        imported: At least one finding.
        source: Name of the imported folder.
        path: The run file to create; its stem is the id of the run.

    Raises:
        FileExistsError: The path exists.
        OSError: The file cannot be written.
    """
    findings = imported.findings
    scenario = partial_scenario(findings)
    file = RunWriter.create(path, run_id=path.stem, version=__version__, seed=0, scenario=scenario)
    with file, file.atomic():
        names = _append_team(file, findings, source)
        _append_findings(file, findings, names)
        file.finish("partial")


def _authors(findings: Sequence[StudyFinding]) -> dict[str, str]:
    """Return the researcher's name, r1, r2 and so on, by the study's id, in the order of their first findings."""
    return {author: f"r{i + 1}" for i, author in enumerate(dict.fromkeys(finding.author for finding in findings))}


def _append_team(file: RunWriter, findings: Sequence[StudyFinding], source: str) -> dict[str, str]:
    names = _authors(findings)
    system = file.store_text("The study's files do not contain the prompt of this agent.")
    tools = file.store_text("[]")
    origin = FindingsImported(source, {name: author for author, name in names.items()})
    file.append(TEAM, origin, round=0, hours=0.0)
    for name in names.values():
        setup = AgentSetup("researcher", "imported/unknown", system, tools, None)
        file.append(name, setup, round=0, hours=0.0)
    return names


def _append_findings(file: RunWriter, findings: Sequence[StudyFinding], names: dict[str, str]) -> None:
    round_, round_hours = 0, _round_hours(findings)
    numbers = dict.fromkeys(names.values(), 0)
    for finding, hours in zip(findings, _hours_of(findings), strict=True):
        while round_ * round_hours <= hours:
            file.append(TEAM, RoundStarted((round_ + 1) * round_hours), round=round_ + 1, hours=round_ * round_hours)
            round_ += 1
        author = names[finding.author]
        numbers[author] += 1
        _append_finding(file, finding, author, numbers[author], round_, hours)


def _append_finding(file: RunWriter, finding: StudyFinding, author: str, number: int, round: int, hours: float) -> None:
    key, experiment = f"{author}-{number}", None
    stored_code = None if finding.code is None else file.store_text(finding.code)
    if finding.pgr is not None:
        experiment = f"{author}-e{number}"
        # Without a snapshot the code is unknown. A text of its own keeps it from counting as a repeated method.
        code = stored_code or file.store_text(f"# The study's files have no code of finding {key}.")
        path = finding.snapshots[0] if finding.snapshots else ""
        run = Experiment(experiment, path, code, "full", None, finding.pgr, finding.se, [])
        score = Evaluation(
            experiment, "development", code, finding.seeds or 0, finding.pgr, finding.se, None, None, None
        )
        file.append(author, run, round=round, hours=hours)
        file.append(author, score, round=round, hours=hours)
    body = "\n\n".join(part for part in (finding.content, _snapshot_line(finding)) if part)
    post = Finding(
        key, author, finding.type, finding.title, body, finding.family, experiment, stored_code,
        "full" if experiment else None, finding.pgr, finding.se,
    )  # fmt: skip
    file.append(author, post, round=round, hours=hours)
    file.append(TEAM, Published(key), round=round, hours=hours)


def _snapshot_line(finding: StudyFinding) -> str:
    return f"Snapshots: {', '.join(finding.snapshots)}" if finding.snapshots else ""


def _round_hours(findings: Sequence[StudyFinding]) -> float:
    """Return the length of the rounds into which the findings are divided, in hours."""
    return max(_MIN_ROUND_HOURS, _hours_of(findings)[-1] / _MAX_ROUNDS)


def _hours_of(findings: Sequence[StudyFinding]) -> list[float]:
    """Return the hours of each finding since the first one that has a time; they never decrease."""
    start: datetime | None = None
    hours, result = 0.0, []
    for finding in findings:
        if finding.created_at is not None:
            start = start or finding.created_at
            hours = max(hours, (finding.created_at - start).total_seconds() / 3600)
        result.append(round(hours, 6))
    return result
