"""What researchers made of each other's work: how far ideas travelled, what critiques led to, what was done twice."""

import math
from dataclasses import dataclass

import networkx as nx

from aarlab.memory.events import AgentSetup, Edge, Experiment, Finding, LogEntry, Published, RunClosed
from aarlab.memory.lineage import INHERITING_RELATIONS
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class BorrowDepth:
    """How often an idea changed hands on its way. None: there is no winner, or no result."""

    winner: int | None
    """Hand-overs behind the finding that won."""
    mean: float | None
    """Averaged over all results."""


@dataclass(frozen=True, slots=True)
class CritiqueUptake:
    """What became of criticised methods, and of others for comparison."""

    critiques: int
    """Critiques of findings that have a method; by researchers or the reviewer."""
    by_author: int
    """Those after which the author posted something changed that builds on what was criticised."""
    by_anyone: int
    """Those after which anybody did."""
    uncriticised: int
    """Findings with a method that nobody ever criticised."""
    uncriticised_changed: int
    """Those of them after which anybody posted something changed that builds on them."""

    @property
    def share(self) -> float | None:
        """Share of critiques, in [0, 1], after which anybody changed something; None without critiques."""
        return self.by_anyone / self.critiques if self.critiques else None

    @property
    def base_rate(self) -> float | None:
        """The same share for findings that nobody criticised; None if there are none."""
        return self.uncriticised_changed / self.uncriticised if self.uncriticised else None


@dataclass(frozen=True, slots=True)
class RepeatedExperiments:
    """Full experiments whose method had been run in full before, by the same or another researcher."""

    full: int
    """All full experiments."""
    own: int
    """Repeats of what the researcher had run itself."""
    visible: int
    """Repeats of another's, of which the researcher could have known: a finding with that very code, by somebody whom
    it hears, was published in an earlier round.
    """
    unseen: int
    """Repeats of another's of which it could not have known."""

    @property
    def share(self) -> float | None:
        """Share of full experiments, in [0, 1], that were repeats of any kind; None if nothing was run in full."""
        return (self.own + self.visible + self.unseen) / self.full if self.full else None


def borrow_depths(file: RunReader) -> dict[str, int]:
    """Return for each finding, by id, how often what it builds on changed hands.

    It is the largest number of edges between findings of different authors along any chain of inheriting edges
    (borrows, refines, replicates) that ends in the finding. Only declared parents make edges (`builds_on`): a method
    that is taken over and not acknowledged adds nothing.
    """
    findings = _findings(file)
    inherits: nx.DiGraph[str] = nx.DiGraph()
    inherits.add_nodes_from(findings)
    inherits.add_edges_from(
        (entry.event.source, entry.event.target)
        for entry in file.entries(Edge)
        if entry.event.relation in INHERITING_RELATIONS
    )
    depth: dict[str, int] = {}
    # Edges lead from later to earlier findings, so reversed the earlier come first.
    for later in reversed(list(nx.topological_sort(inherits))):
        author = findings[later][1].author
        steps = (depth[earlier] + (findings[earlier][1].author != author) for earlier in inherits[later])
        depth[later] = max(steps, default=0)
    return {name: depth[name] for name in findings}


def borrow_depth(file: RunReader) -> BorrowDepth:
    """Return how often ideas changed hands on the way to the winner and on average, see `borrow_depths`."""
    depths = borrow_depths(file)
    best = next((entry.event.best for entry in file.entries(RunClosed)), None)
    results = [depths[name] for name, (_, finding) in _findings(file).items() if finding.type == "result"]
    return BorrowDepth(None if best is None else depths[best], math.fsum(results) / len(results) if results else None)


def critique_uptake(file: RunReader) -> CritiqueUptake:
    """Return how many critiques were followed by a changed method that builds on the criticised one.

    A critique counts as taken up if a finding that borrows or refines the criticised one (directly, as declared by
    `builds_on`), and has another method, was posted in a later round, or by the critic itself at any time after. That
    the change answers the critique is not checked. Findings that nobody criticised show how much of it happens anyway;
    they were not chosen at random either, since good findings draw both critiques and successors. Findings without a
    method are left out: what follows a bare hypothesis is its test.
    """
    findings = _findings(file)
    methods = {name: finding for name, (_, finding) in findings.items() if finding.code is not None}
    changed: dict[str, list[LogEntry]] = {name: [] for name in methods}
    critiques: list[tuple[LogEntry, str]] = []
    for entry in file.entries(Edge):
        edge = entry.event
        if edge.target not in methods:
            continue
        if edge.relation == "critiques":
            critiques.append((entry, edge.target))
        elif methods.get(edge.source) is not None and methods[edge.source].code != methods[edge.target].code:
            changed[edge.target].append(findings[edge.source][0])
    after = [
        {successor.stream for successor in changed[target] if _could_know_critique(successor, critique)}
        for critique, target in critiques
    ]
    not_criticised = methods.keys() - {target for _, target in critiques}
    return CritiqueUptake(
        critiques=len(critiques),
        by_author=sum(methods[target].author in who for (_, target), who in zip(critiques, after, strict=True)),
        by_anyone=sum(bool(who) for who in after),
        uncriticised=len(not_criticised),
        uncriticised_changed=sum(bool(changed[name]) for name in not_criticised),
    )


def repeated_experiments(file: RunReader) -> RepeatedExperiments:
    """Return how much of the work in full had been done before.

    The same method means the same code to the letter, so this is a lower bound where code is written freely. Full
    experiments are taken in order of research hours, those of the same hour in the order of the team, failed ones too.
    A repeat is not all waste: where worlds are fresh it narrows the error of the score.
    """
    published = {entry.event.finding: entry.round for entry in file.entries(Published)}
    shown: dict[str, list[tuple[str, int]]] = {}
    for name, (_, finding) in _findings(file).items():
        if finding.code is not None and name in published:
            shown.setdefault(finding.code, []).append((finding.author, published[name]))
    setups = list(file.entries(AgentSetup))
    done: dict[str, set[str]] = {}
    full = own = visible = unseen = 0
    for entry in file.by_research_hours(Experiment):
        if entry.event.fidelity != "full":
            continue
        full += 1
        code = entry.event.code
        # A forked run may have several setups of a researcher; the last one before the experiment holds.
        neighbours = [
            setup.event.neighbours for setup in setups if setup.stream == entry.stream and setup.ordinal < entry.ordinal
        ][-1]
        before = done.setdefault(code, set())
        others = (who for who, when in shown.get(code, []) if when < entry.round and who != entry.stream)
        if entry.stream in before:
            own += 1
        elif before and any(neighbours is None or who in neighbours for who in others):
            visible += 1
        elif before:
            unseen += 1
        before.add(entry.stream)
    return RepeatedExperiments(full, own, visible, unseen)


def _findings(file: RunReader) -> dict[str, tuple[LogEntry, Finding]]:
    """Return the findings by id, in order of their posting."""
    return {entry.event.id: (entry, entry.event) for entry in file.by_research_hours(Finding)}


def _could_know_critique(successor: LogEntry, critique: LogEntry) -> bool:
    """Whether a finding was posted by somebody who could know the critique."""
    own = successor.stream == critique.stream
    return successor.ordinal > critique.ordinal if own else successor.round > critique.round
