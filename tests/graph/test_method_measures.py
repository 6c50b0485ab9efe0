"""Measures of methods and ideas, computed from code and text."""

import random
from pathlib import Path

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from aarlab.graph.run import method_measures
from aarlab.graph.run.method_measures import (
    complexity_by_round,
    distinct_recipes,
    experiment_origins,
    family_agreement,
    ideas,
    known_method_share,
    mean_novelty,
    method_families,
    novel_share,
    similarity_by_round,
)
from aarlab.memory.events import AgentSetup, Edge, Experiment, Fidelity, Finding
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios import baselines

METHOD = (
    "from aarlab.scenarios import toolkit as tk\n"
    "def method(world):\n    s = tk.start(world)\n{}    return tk.finish(s)\n"
)


@pytest.fixture
def file(tmp_path: Path) -> RunWriter:
    file = RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={})
    for name in ("r1", "r2", "r3"):
        file.append(name, AgentSetup("researcher", "m", "", "", None), round=0, hours=0.0)
    return file


def post(
    file: RunWriter,
    name: str,
    *operators: str,
    round: int = 1,
    hours: float = 1.0,
    family: str = "other",
    title: str = "",
) -> None:
    """Post a finding with a method of these operators; without operators it has no method."""
    code = METHOD.format("".join(f"    s = tk.{name}\n" for name in operators)) if operators else None
    author = name.partition(".")[0]
    key = None if code is None else file.store_text(code)
    finding = Finding(name, author, "result", title, "", family, None, key, None, None, None)
    file.append(author, finding, round=round, hours=hours)


def test_declared_and_detected_families_are_returned(file: RunWriter) -> None:
    assert family_agreement(file) is None
    post(file, "r1.f1", "bag(s)", family="ensemble")
    post(file, "r2.f1", "bag(s)", "regularise(s)", family="distillation")
    post(file, "r3.f1", family="curriculum")
    assert [(f.declared, f.detected) for f in method_families(file)] == [
        ("ensemble", "ensemble"), ("distillation", "ensemble"),
    ]  # fmt: skip
    assert family_agreement(file) == 0.5


def test_complexity_is_reported_by_round(file: RunWriter) -> None:
    post(file, "r1.f1", "bag(s)")
    post(file, "r2.f1", "bag(s)", "harden(s)", "sharpen(s)")
    post(file, "r3.f1", "bag(s", round=2)
    post(file, "r1.f2", "bag(s)", round=3)
    first, last = complexity_by_round(file)
    assert (first.round, first.findings, first.operators, first.lines) == (1, 2, 2.0, 6.0)
    assert (last.round, last.operators) == (3, 1.0)


def test_novelty_is_distance_from_nearest_earlier_idea(file: RunWriter) -> None:
    assert mean_novelty(file) is None
    post(file, "r1.f1", "bag(s)", title="many students vote", hours=1.0)
    post(file, "r2.f1", "bag(s)", title="many students vote", hours=2.0)
    post(file, "r3.f1", "evolve_probe(s)", title="search a direction", hours=3.0)
    first, copy, new = ideas(file)
    assert (first.novelty, first.nearest) == (None, None)
    assert copy.novelty == pytest.approx(0)
    assert copy.nearest == "r1.f1"
    assert (new.novelty, new.nearest) == (1.0, None)
    assert mean_novelty(file) == pytest.approx(0.5)


def test_novelty_depends_on_operators_not_settings(file: RunWriter) -> None:
    post(file, "r1.f1", "bag(s, members=5)", "harden(s)", title="bag", hours=1.0)
    post(file, "r1.f2", "bag(s, members=9)", "harden(s)", title="bag", hours=2.0)
    post(file, "r1.f3", "bag(s, members=9)", "coherence(s)", title="bag", hours=3.0)
    _, tuned, changed = ideas(file)
    assert tuned.novelty == pytest.approx(0)
    assert changed.novelty is not None
    assert 0.1 < changed.novelty < 1


def test_a_replication_is_not_novel_whatever_its_words(file: RunWriter) -> None:
    post(file, "r1.f1", "bag(s)", title="Bagging of students")
    post(file, "r2.f1", "bag(s)", hours=2.0, title="Quantum resonance of unknown minds")
    file.append("r2", Edge("replicates", "r2.f1", "r1.f1", ""), round=2, hours=2.0)
    assert [(idea.nearest, idea.novelty) for idea in ideas(file)] == [(None, None), ("r1.f1", 0.0)]


def test_announcing_an_idea_does_not_reduce_its_novelty(file: RunWriter) -> None:
    post(file, "r1.f1", "bag(s)", title="vote", hours=1.0)
    post(file, "r2.f1", title="evolve a probe", hours=1.5)
    post(file, "r2.f2", "evolve_probe(s)", title="evolve a probe", hours=2.0)
    assert mean_novelty(file) == 1.0


def test_similarity_compares_authors_within_a_round(file: RunWriter) -> None:
    post(file, "r1.f1", "bag(s)", title="vote")
    post(file, "r1.f2", "bag(s)", title="vote")
    assert similarity_by_round(file) == {}
    post(file, "r2.f1", "bag(s)", title="vote")
    post(file, "r3.f1", "bag(s)", title="vote", round=2)
    post(file, "r1.f3", "evolve_probe(s)", title="search", round=2)
    assert similarity_by_round(file) == {1: pytest.approx(1), 2: 0.0}


def test_similarities_are_those_of_scikit_learn(file: RunWriter) -> None:
    draw = random.Random(3)
    texts = [" ".join(draw.choices(["Bag", "vote", "a_b", "é", "x9", "of", "a"], k=k)) for k in range(20)]
    for number, text in enumerate(texts):
        post(file, f"r{number % 3 + 1}.f{number}", "nothing(s)", title=text, hours=float(number))
    weights = TfidfVectorizer(token_pattern="[a-z][a-z_]+").fit_transform(texts)
    nearest = [float((weights[i] @ weights[:i].T).max()) for i in range(1, len(texts))]
    assert [idea.novelty for idea in ideas(file)][1:] == pytest.approx([1 - value for value in nearest])


@pytest.mark.parametrize("block", [1, 20, 10**6])
def test_nearest_ideas_are_the_first_of_the_most_similar(
    file: RunWriter, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method_measures, "_BLOCK", block)
    draw = random.Random(5)
    texts = [" ".join(sorted(draw.choices(["bag", "vote", "probe"], k=draw.randrange(4)))) for _ in range(40)]
    for number, text in enumerate(texts):
        post(file, f"r{number % 3 + 1}.f{number}", "nothing(s)", title=text, hours=float(number))
    weights = TfidfVectorizer().fit_transform(texts).toarray()
    similarities = (weights @ weights.T).round(9)
    for number, idea in enumerate(ideas(file)[1:], 1):
        before = similarities[number, :number]
        nearest = None if idea.nearest is None else int(idea.nearest.partition(".f")[2])
        assert (0.0 if nearest is None else before[nearest]) == before.max()
        assert nearest is None or texts.index(texts[nearest]) == nearest


def test_ideas_without_words_are_not_similar(file: RunWriter) -> None:
    for name in ("r1.f1", "r2.f1"):
        post(file, name, "nothing(s)", title="7 8 9")
    assert similarity_by_round(file) == {1: 0.0}
    assert mean_novelty(file) == 1.0


# -- known methods and novel recipes ----------------------------------------------------------------------------------


def experiment(file: RunWriter, name: str, code: str, fidelity: Fidelity = "full", *, hours: float) -> None:
    """Record a scored experiment of a researcher."""
    event = Experiment(name, "method.py", file.store_text(code), fidelity, None, 0.1, 0.1, [])
    file.append(name.partition(".")[0], event, round=1, hours=hours)


def test_experiments_are_known_methods_repeats_or_novel(file: RunWriter) -> None:
    assert (
        known_method_share(experiment_origins(file)),
        novel_share(experiment_origins(file)),
        distinct_recipes(experiment_origins(file)),
    ) == (None, None, 0)
    vanilla = baselines.load()["vanilla_hard"].code
    own, other = (METHOD.format(f"    s = tk.bag(s, members={n})\n") for n in (3, 4))
    experiment(file, "r1.e1", f"# mine\n{vanilla}", hours=1.0)
    experiment(file, "r1.e2", own, "pilot", hours=1.5)
    experiment(file, "r1.e3", own, hours=2.0)
    experiment(file, "r2.e1", f"{own}\n", hours=3.0)
    experiment(file, "r3.e1", other, "pilot", hours=1.0)
    failed = Experiment("r3.e2", "method.py", file.store_text("x"), "full", "it failed", None, None, [])
    file.append("r3", failed, round=1, hours=4.0)
    origins = {origin.experiment: (origin.known, origin.replicates) for origin in experiment_origins(file)}
    assert origins == {
        "r1.e1": ("vanilla_hard", None), "r3.e1": (None, None), "r1.e2": (None, None), "r1.e3": (None, None),
        "r2.e1": (None, "r1.e3"),
    }  # fmt: skip
    assert (known_method_share(experiment_origins(file)), novel_share(experiment_origins(file))) == (
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    assert distinct_recipes(experiment_origins(file)) == 3
