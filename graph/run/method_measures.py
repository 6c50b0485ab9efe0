"""Measures of methods and findings that need the method toolkit in addition to the run file."""

import math
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from aarlab.memory.events import Edge, Experiment, Fidelity, Finding, LogEntry
from aarlab.memory.messages import content_hash
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.known_methods import known_method, normal_form
from aarlab.scenarios.toolkit.method_analysis import complexity, family_of, operators_in

_WORD = re.compile("[a-z][a-z_]+")
"""Words of at least two letters. The name of an operator is one word; numbers are not words."""
MAX_EIGENVALUES = 4000
"""Maximum size of a matrix of which all eigenvalues are computed."""
_BLOCK = 4_000_000
"""Number of similarities in memory at the same time."""


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
    """Hash of the normal form of its code (`scenarios.known_methods`)."""
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


class PostedMethod(NamedTuple):
    """A finding with a method."""

    finding: str
    author: str
    round: int
    family: str
    """Declared by its author."""
    code: str
    """Hash of its code."""
    text: str
    """Title and body."""


def posted_methods(file: RunReader) -> list[PostedMethod]:
    """Return the researchers' findings with a method, in order of research hours and then of the team."""

    def method(entry: LogEntry[Finding]) -> PostedMethod | None:
        f = entry.event
        if f.code is None:
            return None
        return PostedMethod(f.id, f.author, entry.round, f.family, f.code, f"{f.title} {f.body}")

    return [posted for posted in file.values_by_research_hours(Finding, method) if posted is not None]


def method_families(file: RunReader) -> list[MethodFamily]:
    """Return the declared and the detected family of each finding with a method, in order of research hours.

    `method_analysis.family_of` detects the family from the operators in the code; "other" without operators.
    """
    return [MethodFamily(m.finding, m.family, family_of(file.text(m.code))) for m in posted_methods(file)]


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
    experiments = file.values_by_research_hours(
        Experiment, lambda entry: (entry.event.id, entry.event.fidelity, entry.event.pgr, entry.event.code)
    )
    for experiment, fidelity, pgr, key in experiments:
        if pgr is None:
            continue
        code = file.text(key)
        method = content_hash(normal_form(code))
        origins.append(ExperimentOrigin(experiment, fidelity, method, known_method(code), first_full.get(method)))
        if fidelity == "full":
            first_full.setdefault(method, experiment)
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
    for method in posted_methods(file):
        complexity_ = complexity(file.text(method.code))
        if complexity_ is not None:
            counts = complexity_.operators, complexity_.ast_nodes, complexity_.lines
            rounds.setdefault(method.round, []).append(counts)
    return [
        RoundComplexity(round_, len(rows), *(math.fsum(column) / len(rows) for column in zip(*rows, strict=True)))
        for round_, rows in sorted(rounds.items())
    ]


@dataclass(frozen=True, slots=True)
class MethodTexts:
    """The findings with a method and their texts as vectors; see `ideas`."""

    methods: Sequence[PostedMethod]
    vectors: csr_array
    """(n, words), of length 1, or 0 for a text without words: inner products are cosines."""


def method_texts(file: RunReader) -> MethodTexts:
    """Return the findings with a method and their texts as vectors."""
    methods = posted_methods(file)
    return MethodTexts(methods, _tf_idf(f"{m.text} {' '.join(operators_in(file.text(m.code)))}" for m in methods))


def ideas(file: RunReader, texts: MethodTexts | None = None) -> list[IdeaNovelty]:
    """Return the novelty of each finding with a method, in order of research hours and then of the team.

    The text of a finding is its title, its body and the operators in its code, weighted by TF-IDF with smoothed inverse
    document frequencies over these findings of the run (Salton and Buckley, 1988; as in scikit-learn). Similarity is
    the cosine. Findings without a method are excluded: a workflow that requires a hypothesis before each result would
    otherwise halve novelty by repeating everything. Similar wording increases similarity; numbers have no effect.
    A finding that replicates another one is not novel, whatever its words are.

    Args:
        file: The run.
        texts: What `method_texts` returns, if it is known.
    """
    texts = texts or method_texts(file)
    edges = (entry.event for entry in file.entries(Edge))
    replicated = {edge.source: edge.target for edge in edges if edge.relation == "replicates"}
    nearest, similarities = _most_similar_before(texts.vectors)
    novelties: list[IdeaNovelty] = []
    for i, method in enumerate(texts.methods):
        name = texts.methods[nearest[i]].finding if similarities[i] > 0 else None
        novelty = None if i == 0 else 1.0 if name is None else max(0.0, 1.0 - float(similarities[i]))
        if method.finding in replicated:
            name, novelty = replicated[method.finding], 0.0
        novelties.append(IdeaNovelty(method.finding, method.author, method.round, name, novelty))
    return novelties


def mean_novelty(file: RunReader, texts: MethodTexts | None = None) -> float | None:
    """Return the mean novelty of findings with a method, in [0, 1], without the first; None for fewer than two.

    See `ideas`. It decreases with the number of findings, so compare teams with similar numbers of findings.
    """
    known = [idea.novelty for idea in ideas(file, texts) if idea.novelty is not None]
    return math.fsum(known) / len(known) if known else None


def similarity_by_round(file: RunReader) -> dict[int, float]:
    """Return the similarity of methods by different researchers in the same round, by round.

    It is the mean cosine, in [0, 1], over pairs of findings by different authors, see `ideas`; rounds without such a
    pair are absent. Findings are published after the round, so the authors had not read each other's.
    """
    texts = method_texts(file)
    rows_by_round: dict[int, list[int]] = {}
    for i, method in enumerate(texts.methods):
        rows_by_round.setdefault(method.round, []).append(i)
    means: dict[int, float] = {}
    for round_, rows in sorted(rows_by_round.items()):
        authors = np.array([texts.methods[i].author for i in rows])
        pairs = np.triu(authors[:, None] != authors, k=1)
        if pairs.any():
            values = (texts.vectors[rows] @ texts.vectors[rows].T).toarray()[pairs]
            means[round_] = math.fsum(values) / len(values)
    return means


@dataclass(frozen=True, slots=True)
class IdeaDiversity:
    """How different the methods of a team are, over the whole run."""

    redundancy: float | None
    """Mean cosine, in [0, 1], over pairs of findings by different researchers; None without such a pair."""
    vendi_score: float | None
    """Effective number of different ideas, from 1 to the number of findings with a method; None without one, and for
    more than `MAX_EIGENVALUES` findings with more than that many different words.
    """


def idea_diversity(file: RunReader, texts: MethodTexts | None = None) -> IdeaDiversity:
    """Return the redundancy and the Vendi score of the team's findings with a method.

    Texts and similarities are those of `ideas`. Redundancy is the mean cosine of the outputs
    of different agents (Kim et al. 2025, with embeddings of a language model). The Vendi score is exp(-sum(l * log(l)))
    over the eigenvalues l of the (n, n) similarities divided by n (Friedman and Dieng 2023, equation 3).

    Args:
        file: The run.
        texts: What `method_texts` returns, if it is known.
    """
    texts = texts or method_texts(file)
    if not texts.methods:
        return IdeaDiversity(None, None)
    return IdeaDiversity(
        _redundancy(texts.vectors, [method.author for method in texts.methods]), _vendi_score(texts.vectors)
    )


def _redundancy(vectors: csr_array, authors: Sequence[str]) -> float | None:
    """Return the mean inner product over pairs of vectors by different authors; None without such a pair."""
    number_of = {author: number for number, author in enumerate(dict.fromkeys(authors))}
    numbers = [number_of[author] for author in authors]
    counts = np.bincount(numbers)
    n_pairs = (len(authors) ** 2 - int((counts**2).sum())) // 2
    if not n_pairs:
        return None
    # The pairs of all, without those of one author, from sums of vectors: a list of all pairs would be too long.
    sums = csr_array((np.ones(len(numbers)), (numbers, range(len(numbers))))) @ vectors
    squares = float((sums.sum(axis=0) ** 2).sum()) - float((sums.data**2).sum())
    return max(0.0, squares / 2 / n_pairs)


def _vendi_score(vectors: csr_array) -> float | None:
    """Return the Vendi score of vectors of length 1; vectors without entries are similar to nothing but themselves."""
    n, without_words = vectors.shape[0], int((np.diff(vectors.indptr) == 0).sum())
    if min(vectors.shape) > MAX_EIGENVALUES:
        return None
    # The inner products of the rows and of the columns have the same eigenvalues except zeros.
    products = vectors @ vectors.T if n <= vectors.shape[1] else vectors.T @ vectors
    eigenvalues = np.append(np.linalg.eigvalsh(products.toarray() / n), np.full(without_words, 1 / n))
    positive = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def _most_similar_before(vectors: csr_array) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each vector the index of the most similar one before it, and its inner product with that one.

    The first of several is returned; index and product are 0 for the first vector. Equal vectors are compared with the
    others once, and one block of products is in memory.
    """
    n = vectors.shape[0]
    group_of: dict[bytes, int] = {}
    groups = np.empty(n, np.int64)
    first: list[int] = []
    for i in range(n):
        row = slice(vectors.indptr[i], vectors.indptr[i + 1])
        groups[i] = group_of.setdefault(vectors.indices[row].tobytes() + vectors.data[row].tobytes(), len(group_of))
        if len(group_of) > len(first):
            first.append(i)
    distinct, n_groups = vectors[np.array(first, np.int64)], len(first)
    groups_before = np.searchsorted(first, np.arange(n))
    members = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[members], np.arange(n_groups), side="right")

    nearest, similarities = np.zeros(n, np.int64), np.zeros(n)
    start, member = 0, 0
    while start < n_groups:
        end = min(n_groups, start + max(1, _BLOCK // n_groups))
        of_block = members[member : ends[end - 1]]
        width = max(1, int(groups_before[of_block].max()))
        block = (distinct[start:end] @ distinct[:width].T).toarray()
        for i in of_block[groups_before[of_block] > 0]:
            before = block[groups[i] - start, : groups_before[i]]
            best = int(before.argmax())
            nearest[i], similarities[i] = first[best], before[best]
        start, member = end, ends[end - 1]
    return nearest, similarities


def _tf_idf(texts: Iterable[str]) -> csr_array:
    """Return (n, words) vectors of texts, of length 1 or 0; inner products are cosines."""
    # Not by scikit-learn, whose import takes longer than the rest of a summary.
    columns: dict[str, int] = {}
    token_columns, ends = array("q"), array("q", [0])
    for text in texts:
        token_columns.extend(columns.setdefault(word, len(columns)) for word in _WORD.findall(text.lower()))
        ends.append(len(token_columns))
    n = len(ends) - 1
    token_rows = np.repeat(np.arange(n), np.diff(ends))
    shape = n, max(1, len(columns))
    weights = csr_array((np.ones(len(token_columns)), (token_rows, np.array(token_columns))), shape=shape)
    rows = np.repeat(np.arange(n), np.diff(weights.indptr))
    texts_with = np.bincount(weights.indices, minlength=len(columns))
    weights.data *= (np.log((1 + n) / (1 + texts_with)) + 1)[weights.indices]
    weights.data /= np.sqrt(np.bincount(rows, weights.data**2, minlength=n))[rows]
    return weights
