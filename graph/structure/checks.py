"""Check from the events of a run, not from its prompts, whether the run had the configured structure."""

from aarlab.graph.structure.approval import approval_violations
from aarlab.graph.structure.response import response_violations
from aarlab.graph.structure.run_events import RunEvents
from aarlab.graph.structure.structure import DIALS, Structure
from aarlab.graph.structure.turnover import turnover_violations
from aarlab.memory.run_reader import RunReader


def violations(file: RunReader) -> list[str]:
    """Return one sentence for each place where a run differs from its structure; empty if there is none."""
    structure = Structure.model_validate(file.info().scenario["structure"])
    events = RunEvents(file, structure.model_dump())
    found = [f"{dial.name}: {violation}" for dial in DIALS for violation in dial.check(events)]
    found += [f"response: {violation}" for violation in response_violations(events)]
    found += [f"approve_tools: {violation}" for violation in approval_violations(events)]
    return found + [f"turnover: {violation}" for violation in turnover_violations(events)]
