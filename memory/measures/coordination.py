"""Coordination: messages between agents, failed work, time to convergence, and work that the winner builds on.

The definitions follow Kim et al. (2025, arXiv 2512.08296, section 4.1), who measure overhead, efficiency and error
amplification relative to a single agent: those need a second run, so `aarlab.report` computes them from these measures.
"""

from collections import Counter

from aarlab.memory.events import (
    LAB,
    Edge,
    Experiment,
    Finding,
    ModelCall,
    Published,
    ReviewDecision,
    RunClosed,
    TaskAssigned,
)
from aarlab.memory.lineage import parents
from aarlab.memory.measures.progress import frontier
from aarlab.memory.run_reader import RunReader

CONVERGED_SHARE = 0.95
"""Share of its final value at which the best development PGR is said to have converged."""


def message_density(file: RunReader) -> float | None:
    """Return the messages between agents per turn; None without model calls.

    A turn is a reply of a base model in any role. Messages are findings of researchers that another researcher or the
    lead could read, critiques of other agents' findings, tasks from the lead, decisions of the reviewer and answers of
    the librarian. A post is one message, whatever the number of its readers.
    """
    authors = {f.id: f.author for f in (entry.event for entry in file.entries(Finding)) if f.author != LAB}
    tasks = sum(1 for _ in file.entries(TaskAssigned))
    published = {entry.event.finding for entry in file.entries(Published)} if len(file.researchers()) > 1 else set()
    posts = len(authors) if tasks else len(published & authors.keys())
    edges = (entry.event for entry in file.entries(Edge))
    critiques = sum(e.relation == "critiques" and authors.get(e.target, e.source) != e.source for e in edges)
    reviews = sum(1 for _ in file.entries(ReviewDecision))
    roles = Counter(entry.event.role for entry in file.entries(ModelCall))
    messages = posts + critiques + tasks + reviews + roles["librarian"]
    return messages / roles.total() if roles else None


def failed_experiment_share(file: RunReader) -> float | None:
    """Return the share of full experiments, in [0, 1], that failed or scored at most 0; None without full experiments.

    A PGR of 0 is that of the weak teacher, so such an experiment has brought nothing.
    """
    full = [entry.event.pgr for entry in file.entries(Experiment) if entry.event.fidelity == "full"]
    return sum(pgr is None or pgr <= 0 for pgr in full) / len(full) if full else None


def convergence_hours(file: RunReader) -> float | None:
    """Return the research hour of each researcher by which the best development PGR was near its final value.

    Near is CONVERGED_SHARE of it. None if no full experiment was better than the weak teacher.
    """
    steps = frontier(file)
    if not steps or steps[-1][1] <= 0:
        return None
    reached = next(hours for hours, pgr in steps if pgr >= CONVERGED_SHARE * steps[-1][1])
    return reached / file.team_size()


def merged_share(file: RunReader) -> float | None:
    """Return the share of the team's findings with a method, in [0, 1], that are part of the winner.

    These are the winner and all findings that it borrows, refines or replicates, directly or through others; only
    declared parents count. None without a winner.
    """
    best = next((entry.event.best for entry in file.entries(RunClosed)), None)
    if best is None:
        return None
    earlier, used, unread = parents(file), {best}, [best]
    while unread:
        new = set(earlier.get(unread.pop(), ())) - used
        used |= new
        unread += new
    findings = (entry.event for entry in file.entries(Finding))
    methods = [finding.id in used for finding in findings if finding.code is not None and finding.author != LAB]
    return sum(methods) / len(methods) if methods else None
