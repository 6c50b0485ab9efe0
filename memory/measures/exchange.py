"""Exchange between researchers: lineage of ideas, uptake of critiques, repeated experiments."""

import math
from dataclasses import dataclass
from graphlib import TopologicalSorter

from aarlab.memory.events import AgentSetup, Edge, Experiment, Finding, LogEntry, Published, RunClosed
from aarlab.memory.lineage import parents
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class BorrowDepth:
    """Number of author changes in the lineage of findings. See `borrow_depths`."""

    winner: int | None
    """Author changes in the lineage of the winning finding; None without a winner."""
    mean: float | None
    """Mean over all results; None without results."""


@dataclass(frozen=True, slots=True)
class CritiqueUptake:
    """Number of critiques that a changed method followed, and the same number for findings without critique."""

    critiques: int
    """Number of critiques of findings with a method, by researchers or the reviewer."""
    by_author: int
    """Number of critiques after which the finding's author posted a changed method that builds on the finding."""
    by_anyone: int
    """Number of critiques after which any researcher did."""
    uncriticised: int
    """Number of findings with a method that were never criticised."""
    uncriticised_changed: int
    """Number of those on which a later finding with a changed method builds."""

    @property
    def share(self) -> float | None:
        """Share of critiques, in [0, 1], after which any researcher changed the method; None without critiques."""
        return self.by_anyone / self.critiques if self.critiques else None

    @property
    def base_rate(self) -> float | None:
        """The same share for findings without critique; None if there are none."""
        return self.uncriticised_changed / self.uncriticised if self.uncriticised else None


@dataclass(frozen=True, slots=True)
class RepeatedExperiments:
    """Number of full experiments with a method that had a full experiment before, by the same or another researcher."""

    full: int
    """Number of full experiments."""
    own: int
    """Number of repeats of the researcher's own experiment."""
    visible: int
    """Number of repeats of another's experiment that the researcher could have seen: a finding with the same code, by a
    neighbour, was published in an earlier round.
    """
    unseen: int
    """Number of repeats of another's experiment that it could not have seen."""

    @property
    def share(self) -> float | None:
        """Share of full experiments, in [0, 1], that were repeats of any kind; None without full experiments."""
        return (self.own + self.visible + self.unseen) / self.full if self.full else None


def borrow_depths(file: RunReader) -> dict[str, int]:
    """Return the number of author changes in the lineage of each finding, by id.

    It is the largest number of edges between findings of different authors on any chain of inheriting edges (borrows,
    refines, replicates) that ends in the finding. Only declared parents (`builds_on`) make edges: copying a method
    without declaring it adds nothing. The lab's posts are not findings of the team: building on one adds nothing.
    """
    authors = dict(file.values_by_research_hours(Finding, lambda entry: (entry.event.id, entry.event.author)))
    of_all = parents(file)
    earlier_findings = {name: [earlier for earlier in of_all.get(name, ()) if earlier in authors] for name in authors}
    depth: dict[str, int] = {}
    for later in TopologicalSorter(earlier_findings).static_order():
        steps = (depth[earlier] + (authors[earlier] != authors[later]) for earlier in earlier_findings[later])
        depth[later] = max(steps, default=0)
    return {name: depth[name] for name in authors}


def borrow_depth(file: RunReader) -> BorrowDepth:
    """Return the borrow depth of the winner, and the mean over results; see `borrow_depths`."""
    depths = borrow_depths(file)
    best = next((entry.event.best for entry in file.entries(RunClosed)), None)
    findings = (entry.event for entry in file.entries(Finding) if entry.event.id in depths)
    results = [depths[finding.id] for finding in findings if finding.type == "result"]
    return BorrowDepth(None if best is None else depths[best], math.fsum(results) / len(results) if results else None)


def critique_uptake(file: RunReader) -> CritiqueUptake:
    """Return how many critiques were followed by a changed method that builds on the criticised one.

    A critique counts as taken up if a finding that builds directly on the criticised one (`builds_on`) and has another
    method was posted in a later round, or by the critic itself at any later time. Whether the change answers the
    critique is not checked. Findings without critique give the base rate. They are not a random control group: good
    findings attract both critiques and successors. Findings without a method are excluded, because a hypothesis is
    followed by its test, and so are critiques of one's own finding.
    """
    findings = _findings(file)
    methods = {name: entry.event for name, entry in findings.items() if entry.event.code is not None}
    changed: dict[str, list[LogEntry[Finding]]] = {name: [] for name in methods}
    critiques: list[LogEntry[Edge]] = []
    for entry in file.entries(Edge):
        edge = entry.event
        if edge.target not in methods:
            continue
        if edge.relation == "critiques":
            if edge.source != methods[edge.target].author:
                critiques.append(entry)
        elif edge.source in methods and methods[edge.source].code != methods[edge.target].code:
            changed[edge.target].append(findings[edge.source])
    changed_by = [
        {finding.stream for finding in changed[critique.event.target] if _could_know_critique(finding, critique)}
        for critique in critiques
    ]
    authors = [methods[critique.event.target].author for critique in critiques]
    uncriticised = methods.keys() - {critique.event.target for critique in critiques}
    return CritiqueUptake(
        critiques=len(critiques),
        by_author=sum(author in agents for author, agents in zip(authors, changed_by, strict=True)),
        by_anyone=sum(bool(agents) for agents in changed_by),
        uncriticised=len(uncriticised),
        uncriticised_changed=sum(bool(changed[name]) for name in uncriticised),
    )


def repeated_experiments(file: RunReader) -> RepeatedExperiments:
    """Return how many full experiments repeated an earlier one.

    Methods are the same if their code is identical, so this is a lower bound when agents write code freely. Experiments
    are ordered by research hours, then by team order, and include failed ones. A repeat on fresh worlds has a benefit:
    it reduces the standard error.
    """
    round_published = {entry.event.finding: entry.round for entry in file.entries(Published)}
    publications: dict[str, list[tuple[str, int]]] = {}
    researchers = set(file.researchers())
    for finding in (entry.event for entry in file.entries(Finding) if entry.stream in researchers):
        if finding.code is not None and finding.id in round_published:
            publications.setdefault(finding.code, []).append((finding.author, round_published[finding.id]))
    setups: dict[str, list[LogEntry[AgentSetup]]] = {}
    for setup in file.entries(AgentSetup):
        setups.setdefault(setup.stream, []).append(setup)
    agents_by_code: dict[str, set[str]] = {}
    full = own = visible = unseen = 0
    experiments = file.values_by_research_hours(
        Experiment, lambda entry: (entry.event.fidelity, entry.stream, entry.event.code, entry.round, entry.ordinal)
    )
    for fidelity, agent, code, round, ordinal in experiments:
        if fidelity != "full":
            continue
        full += 1
        # A forked run may have several setups of a researcher; the last one before the experiment applies.
        neighbours = [s.event.neighbours for s in setups[agent] if s.ordinal < ordinal][-1]
        earlier_agents = agents_by_code.setdefault(code, set())
        authors = {author for author, round_ in publications.get(code, []) if round_ < round} - {agent}
        if agent in earlier_agents:
            own += 1
        elif earlier_agents and any(neighbours is None or author in neighbours for author in authors):
            visible += 1
        elif earlier_agents:
            unseen += 1
        earlier_agents.add(agent)
    return RepeatedExperiments(full, own, visible, unseen)


def _findings(file: RunReader) -> dict[str, LogEntry[Finding]]:
    """Return the findings by id, in the order of research hours."""
    return {entry.event.id: entry for entry in file.by_research_hours(Finding)}


def _could_know_critique(finding: LogEntry[Finding], critique: LogEntry[Edge]) -> bool:
    """Return whether the author of a finding could have known the critique when posting it."""
    own = finding.stream == critique.stream
    return finding.ordinal > critique.ordinal if own else finding.round > critique.round
