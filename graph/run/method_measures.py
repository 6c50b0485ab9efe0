"""Measures of methods and findings that need the method toolkit in addition to the run file."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.events import Edge, Experiment, Fidelity, Finding, LogEntry
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.known_methods import known_method, normal_form
from aarlab.scenarios.toolkit.method_analysis import complexity, family_of, operators_in

_WORD = r"[a-z][a-z_]+"
"""Words of at least two letters. The name of an operator is one word; numbers are not words."""


@dataclass(frozen=True, slots=True)
class MethodFamily:
    """The declared and the detected family of a finding's method."""

    finding: str
    declared: str
    """Declared by its author."""
    detected: str
    """Detected in its code."""


@dataclass(frozen=True, slots=True)
class ExperimentOrigin:
    """A scored experiment, and whether its method is new."""

    experiment: str
    fidelity: Fidelity
    method: str
    """Normal form of its code (`scenarios.known_methods`)."""
    known: str | None
    """Name of the known method that it runs; None for another method."""
    replicates: str | None
    """Id of the first earlier full experiment of the team with the same method; None if there is none."""


@dataclass(frozen=True, slots=True)
class RoundComplexity:
    """Complexity of the methods posted in one round, mean over findings."""

    round: int
    findings: int
    """Number of findings with a method that can be parsed."""
    operators: float
    ast_nodes: float
    lines: float


@dataclass(frozen=True, slots=True)
class IdeaNovelty:
    """A finding with a method, and its most similar earlier finding."""

    finding: str
    author: str
    round: int
    nearest: str | None
    """Finding that it replicates, or the most similar earlier one by any author; None for the first, or if none shares
    a word.
    """
    novelty: float | None
    """1 - similarity, in [0, 1], and 0 for a replication; None for the first finding."""


def method_families(file: RunReader) -> list[MethodFamily]:
    """Return the declared and the detected family of each finding with a method, in order of research hours.

    `method_analysis.family_of` detects the family from the operators in the code; "other" without operators.
    """
    return [MethodFamily(f.id, f.family, family_of(file.text(code))) for _, f, code in _methods(file)]


def family_agreement(file: RunReader) -> float | None:
    """Return the share of methods, in [0, 1], with equal declared and detected family; None without methods.

    If it is low, the entropy of declared families depends on wording. Detection chooses one of several operators by a
    fixed rule, so the share can be below 1 for correct declarations.
    """
    pairs = method_families(file)
    return sum(pair.declared == pair.detected for pair in pairs) / len(pairs) if pairs else None


def experiment_origins(file: RunReader) -> list[ExperimentOrigin]:
    """Return the origin of the method of each scored pilot and full experiment, in order of research hours."""
    first_full: dict[str, str] = {}
    origins: list[ExperimentOrigin] = []
    for experiment in (entry.event for entry in file.by_research_hours(Experiment)):
        if experiment.pgr is None:
            continue
        code = file.text(experiment.code)
        method = normal_form(code)
        origin = ExperimentOrigin(
            experiment.id, experiment.fidelity, method, known_method(code), first_full.get(method)
        )
        origins.append(origin)
        if experiment.fidelity == "full":
            first_full.setdefault(method, experiment.id)
    return origins


def known_method_share(origins: Sequence[ExperimentOrigin]) -> float | None:
    """Return the share of full experiments, in [0, 1], that run a known method; None without full experiments.

    Known methods are those that come with aarlab, whether or not the lab has posted them.
    """
    full = [origin for origin in origins if origin.fidelity == "full"]
    return sum(origin.known is not None for origin in full) / len(full) if full else None


def novel_share(origins: Sequence[ExperimentOrigin]) -> float | None:
    """Return the share of full experiments, in [0, 1], with a novel recipe; None without full experiments.

    A recipe is novel if it is no known method and no earlier full experiment of the team ran it. The remaining share,
    apart from `known_method_share`, repeats the team's own methods.
    """
    full = [origin for origin in origins if origin.fidelity == "full"]
    novel = sum(origin.known is None and origin.replicates is None for origin in full)
    return novel / len(full) if full else None


def distinct_recipes(origins: Sequence[ExperimentOrigin]) -> int:
    """Return the number of different methods in the team's scored pilots and full experiments."""
    return len({origin.method for origin in origins})


def complexity_by_round(file: RunReader) -> list[RoundComplexity]:
    """Return the mean complexity of the methods posted in each round, without rounds that have none.

    See `method_analysis.Complexity`. Wen et al. (2026) use scores by a model, and count lines of code and pseudocode.
    """
    rounds: dict[int, list[tuple[int, int, int]]] = {}
    for entry, _, code in _methods(file):
        complexity_ = complexity(file.text(code))
        if complexity_ is not None:
            rounds.setdefault(entry.round, []).append((complexity_.operators, complexity_.ast_nodes, complexity_.lines))
    return [
        RoundComplexity(round_, len(rows), *(math.fsum(column) / len(rows) for column in zip(*rows, strict=True)))
        for round_, rows in sorted(rounds.items())
    ]


def ideas(file: RunReader) -> list[IdeaNovelty]:
    """Return the novelty of each finding with a method, in order of research hours and then of the team.

    The text of a finding is its title, its body and the operators in its code, weighted by TF-IDF with smoothed inverse
    document frequencies over these findings of the run (Salton and Buckley, 1988; as in scikit-learn). Similarity is
    the cosine. Findings without a method are excluded: a workflow that requires a hypothesis before each result would
    otherwise halve novelty by repeating everything. Similar wording increases similarity; numbers have no effect.
    A finding that replicates another one is not novel, whatever its words are.
    """
    methods = _methods(file)
    edges = (entry.event for entry in file.entries(Edge))
    replicated = {edge.source: edge.target for edge in edges if edge.relation == "replicates"}
    similarity = _similarities(file, methods)
    novelties: list[IdeaNovelty] = []
    for i, (entry, finding, _) in enumerate(methods):
        before = similarity[i, :i]
        nearest = int(before.argmax()) if i and before.max() > 0 else None
        novelty = None if i == 0 else 1.0 if nearest is None else max(0.0, 1.0 - float(before[nearest]))
        name = None if nearest is None else methods[nearest][1].id
        if finding.id in replicated:
            name, novelty = replicated[finding.id], 0.0
        novelties.append(IdeaNovelty(finding.id, finding.author, entry.round, name, novelty))
    return novelties


def mean_novelty(file: RunReader) -> float | None:
    """Return the mean novelty of findings with a method, in [0, 1], without the first; None for fewer than two.

    See `ideas`. It decreases with the number of findings, so compare teams with similar numbers of findings.
    """
    known = [idea.novelty for idea in ideas(file) if idea.novelty is not None]
    return math.fsum(known) / len(known) if known else None


def similarity_by_round(file: RunReader) -> dict[int, float]:
    """Return the similarity of methods by different researchers in the same round, by round.

    It is the mean cosine, in [0, 1], over pairs of findings by different authors, see `ideas`; rounds without such a
    pair are absent. Findings are published after the round, so the authors had not read each other's.
    """
    methods = _methods(file)
    similarity = _similarities(file, methods)
    rounds: dict[int, list[float]] = {}
    for (i, (one, first, _)), (j, (other, second, _)) in combinations(enumerate(methods), 2):
        if one.round == other.round and first.author != second.author:
            rounds.setdefault(one.round, []).append(float(similarity[i, j]))
    return {round_: math.fsum(values) / len(values) for round_, values in sorted(rounds.items())}


def _methods(file: RunReader) -> list[tuple[LogEntry, Finding, str]]:
    """Return the findings with a method and the hash of its code, in order of research hours."""
    findings = ((entry, entry.event) for entry in file.by_research_hours(Finding))
    return [(entry, finding, finding.code) for entry, finding in findings if finding.code is not None]


def _similarities(file: RunReader, methods: Iterable[tuple[LogEntry, Finding, str]]) -> NDArray[np.float64]:
    """Return the (n, n) cosine similarities between findings."""
    # Imported here because the import takes longer than the rest of a summary.
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [" ".join((f.title, f.body, *operators_in(file.text(code)))) for _, f, code in methods]
    try:
        weights = TfidfVectorizer(token_pattern=_WORD).fit_transform(texts)
    except ValueError:
        # No finding contains a word.
        return np.zeros((len(texts), len(texts)))
    cosines: NDArray[np.float64] = (weights @ weights.T).toarray()
    return cosines
