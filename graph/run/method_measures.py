"""What a team's methods and ideas were like: measures that need the toolkit beside the run file."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.events import Finding, LogEntry
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.toolkit.method_analysis import complexity, family_of, operators_in

_WORD = r"[a-z][a-z_]+"
"""Words of two letters or more; the name of an operator is one word, and numbers are none."""


@dataclass(frozen=True, slots=True)
class MethodFamily:
    """The family of one finding's method, twice."""

    finding: str
    declared: str
    """By its author."""
    found: str
    """In its code."""


@dataclass(frozen=True, slots=True)
class RoundComplexity:
    """How much there was to the methods posted in one round, on average over findings."""

    round: int
    findings: int
    """Findings with a method that parses."""
    operators: float
    ast_nodes: float
    lines: float


@dataclass(frozen=True, slots=True)
class IdeaNovelty:
    """A finding with a method, and how near the nearest earlier one came to it."""

    finding: str
    author: str
    round: int
    nearest: str | None
    """The most similar earlier finding of anybody; None for the first of all, and where none has a word in common."""
    novelty: float | None
    """1 - that similarity, in [0, 1]; None for the first of all."""


def method_families(file: RunReader) -> list[MethodFamily]:
    """Return the declared and the real method family of each finding that has a method, in order of research hours.

    The real one is that of the toolkit's operators in its code, by the rule of `anatomy.family_of`; "other" where the
    code uses none.
    """
    return [MethodFamily(f.id, f.family, family_of(file.text(code))) for _, f, code in _methods(file)]


def family_agreement(file: RunReader) -> float | None:
    """Return the share of findings with a method, in [0, 1], whose declared family is that of their code.

    None if there are none. Where it is low, the entropy of declared families is about words. It depends on one rule for
    which of several operators gives a method its family, so it falls short of 1 for honest authors too.
    """
    pairs = method_families(file)
    return sum(pair.declared == pair.found for pair in pairs) / len(pairs) if pairs else None


def complexity_by_round(file: RunReader) -> list[RoundComplexity]:
    """Return the mean complexity of the methods posted in each round, rounds without any left out.

    Counted three ways, see `anatomy.Complexity`; Wen et al. (2026) let a model score it and count lines of code and of
    pseudocode.
    """
    rounds: dict[int, list[tuple[int, int, int]]] = {}
    for entry, _, code in _methods(file):
        counted = complexity(file.text(code))
        if counted is not None:
            rounds.setdefault(entry.round, []).append((counted.operators, counted.ast_nodes, counted.lines))
    return [
        RoundComplexity(round_, len(rows), *(math.fsum(column) / len(rows) for column in zip(*rows, strict=True)))
        for round_, rows in sorted(rounds.items())
    ]


def ideas(file: RunReader) -> list[IdeaNovelty]:
    """Return how new each finding with a method was, in order of research hours (of one hour: of the team).

    A finding is the words of its title and body and the operators of its code. Words weigh by TF-IDF with smoothed
    inverse document frequencies over these findings of the whole run (Salton and Buckley, 1988; as in scikit-learn);
    similarity is the cosine. Only findings with a method are compared, with each other: a workflow that asks for a
    hypothesis before each result would otherwise halve novelty by saying everything twice. Words are the author's:
    similar wording makes ideas look alike, and settings, being numbers, make no difference.
    """
    methods = _methods(file)
    similarity = _similarities(file, methods)
    novelties: list[IdeaNovelty] = []
    for i, (entry, finding, _) in enumerate(methods):
        before = similarity[i, :i]
        nearest = int(before.argmax()) if i and before.max() > 0 else None
        novelty = None if i == 0 else 1.0 if nearest is None else max(0.0, 1.0 - float(before[nearest]))
        name = None if nearest is None else methods[nearest][1].id
        novelties.append(IdeaNovelty(finding.id, finding.author, entry.round, name, novelty))
    return novelties


def mean_novelty(file: RunReader) -> float | None:
    """Return the novelty of findings with a method, averaged over all but the first, in [0, 1]; see `ideas`.

    None for fewer than two. It falls with the number of findings, as there is ever more to be near to: compare teams
    that posted about as many.
    """
    known = [idea.novelty for idea in ideas(file) if idea.novelty is not None]
    return math.fsum(known) / len(known) if known else None


def similarity_by_round(file: RunReader) -> dict[int, float]:
    """Return how alike the methods of different researchers were that were posted in the same round.

    The mean cosine, in [0, 1], over pairs of findings by different authors, see `ideas`; rounds without such a pair are
    left out. Findings are shared between rounds, so their authors had not read each other.
    """
    methods = _methods(file)
    similarity = _similarities(file, methods)
    rounds: dict[int, list[float]] = {}
    for (i, (one, first, _)), (j, (other, second, _)) in combinations(enumerate(methods), 2):
        if one.round == other.round and first.author != second.author:
            rounds.setdefault(one.round, []).append(float(similarity[i, j]))
    return {round_: math.fsum(values) / len(values) for round_, values in sorted(rounds.items())}


def _methods(file: RunReader) -> list[tuple[LogEntry, Finding, str]]:
    """Return the findings that have a method, with its hash, in order of research hours."""
    findings = ((entry, entry.event) for entry in file.by_research_hours(Finding))
    return [(entry, finding, finding.code) for entry, finding in findings if finding.code is not None]


def _similarities(file: RunReader, methods: Iterable[tuple[LogEntry, Finding, str]]) -> NDArray[np.float64]:
    """Return the (n, n) cosines between the findings' words."""
    # Imported when it is needed: it takes longer than all the rest of a summary.
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [" ".join((f.title, f.body, *operators_in(file.text(code)))) for _, f, code in methods]
    try:
        weights = TfidfVectorizer(token_pattern=_WORD).fit_transform(texts)
    except ValueError:
        # Nobody wrote a word.
        return np.zeros((len(texts), len(texts)))
    cosines: NDArray[np.float64] = (weights @ weights.T).toarray()
    return cosines
