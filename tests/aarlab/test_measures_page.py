"""docs/measures.md: its queries return the values of the functions, its table is the registry of measures."""

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aarlab.graph.run.measure_registry import MEASURES, find_measure, measures_in
from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.graph.run.method_measures import IdeaDiversity, idea_diversity
from aarlab.graph.run.spending_measures import hours_by_kind
from aarlab.graph.run.summary import summarise
from aarlab.memory import measures
from aarlab.memory.events import (
    AgentSetup,
    Decision,
    Edge,
    Evaluation,
    Experiment,
    Finding,
    ModelCall,
    Published,
    ResearcherReplaced,
    ReviewDecision,
    RoundStarted,
    RunClosed,
    TaskAssigned,
    ToolExecution,
)
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.seeds import rng
from aarlab.scenarios.toolkit.method_analysis import operators_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "measures.md").read_text()
HEADINGS = re.findall(r"^## (.*)$", PAGE.lower(), re.MULTILINE)
QUERIES = dict(re.findall(r"^```sql\n-- (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

Rows = list[tuple[Any, ...]]


def one(value: Any) -> Rows:
    return [(value,)]


def entropy_of(rows: Rows, *, min_active: int) -> float | None:
    """Return the entropy, computed from the counts of the query as the page defines it."""
    rounds: dict[int, Counter[str]] = {}
    for round_, family, count in rows:
        rounds.setdefault(round_, Counter())[family] = count
    counted = [np.array(list(c.values())) / c.total() for c in rounds.values() if c.total() >= min_active]
    return float(np.mean([-(p * np.log2(p)).sum() for p in counted])) if counted else None


def ideas_of(rows: Rows) -> IdeaDiversity:
    """Return redundancy and Vendi score, computed from the texts of the query as the page defines them."""
    words = [re.findall(r"\b[a-z][a-z_]+\b", " ".join((t, b, *operators_in(code))).lower()) for _, t, b, code in rows]
    documents = Counter(word for text in words for word in set(text))
    weights = [
        {w: n * (math.log((1 + len(rows)) / (1 + documents[w])) + 1) for w, n in Counter(t).items()} for t in words
    ]
    norms = [math.hypot(*text.values()) for text in weights]

    def cosine(i: int, j: int) -> float:
        products = [value * weights[j].get(word, 0.0) for word, value in weights[i].items()]
        return 1.0 if i == j else math.fsum(products) / (norms[i] * norms[j]) if norms[i] and norms[j] else 0.0

    n = len(rows)
    pairs = [cosine(i, j) for i in range(n) for j in range(i) if rows[i][0] != rows[j][0]]
    spectrum = np.linalg.svd(np.array([[cosine(i, j) / n for j in range(n)] for i in range(n)]), compute_uv=False)
    entropy = -math.fsum(value * math.log(value) for value in spectrum if value > 1e-9)
    return IdeaDiversity(float(np.mean(pairs)) if pairs else None, math.exp(entropy))


def development(file: RunReader) -> Rows:
    pgr = measures.development_pgr(file)
    return [(pgr.quarter, pgr.half, pgr.whole)]


def of_researchers(file: RunReader) -> Rows:
    pgr = measures.mean_researcher_pgr(file)
    return [(pgr.quarter, pgr.half, pgr.whole)]


def repeats(file: RunReader) -> Rows:
    counts = measures.repeated_experiments(file)
    return [(counts.full, counts.own, counts.visible, counts.unseen)]


def critiques(file: RunReader) -> Rows:
    uptake = measures.critique_uptake(file)
    return [(uptake.critiques, uptake.by_author, uptake.by_anyone)]


def model_calls(file: RunReader) -> Rows:
    calls = [(entry.stream, entry.event) for entry in file.entries(ModelCall)]
    rows = []
    for stream, role in sorted({(stream, call.role) for stream, call in calls}):
        own_calls = [call for name, call in calls if (name, call.role) == (stream, role)]
        dollars = [call.cost_usd for call in own_calls if call.cost_usd is not None]
        tokens = (sum(call.input_tokens for call in own_calls), sum(call.output_tokens for call in own_calls))
        hours = sum(call.cost_hours for call in own_calls)
        rows.append((stream, role, len(own_calls), *tokens, sum(dollars) if dollars else None, hours))
    return rows


def world_scores(file: RunReader) -> Rows:
    entries = [entry.event for entry in file.entries(Evaluation)]
    heldout = {event.subject: event.pgr_by_world or [] for event in entries if event.panel == "heldout"}
    return [(name, i, pgr) for name, scores in sorted(heldout.items()) for i, pgr in enumerate(scores)]


EXPECTED: dict[str, Callable[[RunReader], Rows]] = {
    "realised_autonomy": lambda file: one(measures.realised_autonomy(file)),
    "autonomy_by_kind": lambda file: list(measures.autonomy_by_kind(file).items()),
    "autonomy_by_round": lambda file: list(measures.autonomy_by_round(file).items()),
    "decisions": lambda file: [(*key, count) for key, count in measures.decisions(file).items()],
    "frontier": lambda file: list(measures.frontier(file)),
    "development_pgr": development,
    "mean_researcher_pgr": of_researchers,
    "area": lambda file: one(measures.development_pgr(file).mean),
    "borrow_depth": lambda file: one(measures.borrow_depth(file).winner),
    "critique_uptake": critiques,
    "repeats": repeats,
    "heldout_pgr_by_budget": lambda file: [tuple(summarise(file)["heldout_pgr_by_budget"].values())],
    "generalisation_gap": lambda file: one(summarise(file)["generalisation_gap"]),
    "cost_usd": lambda file: one(summarise(file)["cost_usd"]),
    "hours": lambda file: one(summarise(file)["hours"]),
    "device_seconds": lambda file: one(MeasuredRun(file).device_seconds),
    "usd_per_hour": lambda file: one(summarise(file)["usd_per_hour"]),
    "thinking": model_calls,
    "hours_by_kind": lambda file: sorted(hours_by_kind(file).items()),
    "pgr_by_world": world_scores,
    "message_density": lambda file: one(measures.message_density(file)),
    "failed_experiment_share": lambda file: one(measures.failed_experiment_share(file)),
    "convergence_hours": lambda file: one(measures.convergence_hours(file)),
    "merged_share": lambda file: one(measures.merged_share(file)),
}
"""The result of each query, computed by the functions; the entropy and the similarity of ideas have their own test."""


def query_rows(file: RunReader, query: str) -> Rows:
    """Return the rows of a query of the page."""
    with sqlite3.connect(f"{file.path.as_uri()}?mode=ro", uri=True) as connection:
        return connection.execute(QUERIES[query]).fetchall()


def assert_equal(file: RunReader, query: str) -> None:
    rows, expected = query_rows(file, query), EXPECTED[query](file)
    assert len(rows) == len(expected)
    for row, expected_row in zip(rows, expected, strict=True):
        assert [cell if isinstance(cell, str) or cell is None else pytest.approx(cell) for cell in row] == list(
            expected_row
        )


def make_random_run(folder: Path, seed: int) -> RunReader:
    """Return a random run that contains every case that the queries distinguish."""
    draw, team, rounds = rng(seed), [f"r{i}" for i in range(1, 12)], 5
    pick: Callable[[Any], Any] = lambda options: options[int(draw.integers(len(options)))]  # noqa: E731
    scenario = {"budget": {"hours": 10.0}, "task": {"name": "chat"}, "structure": {}, "team": {"model": "m"}}
    file = RunWriter.create(folder / f"{seed}.db", run_id="random", version="0", seed=seed, scenario=scenario)
    for name in team:
        neighbours = pick([None, [other for other in team if draw.random() < 0.5]])
        file.append(name, AgentSetup("researcher", "m", "", "", None, neighbours), round=0, hours=0.0)
        file.append(name, Decision("direction", "", pick(["agent", "structure"])), round=0, hours=0.0)
    findings: list[Finding] = []
    public: list[Finding] = []
    experiments = 0
    codes = [file.store_text(f"code {i}") for i in range(6)]
    words = ("", "smooth labels", "smooth weak labels", "vote", "vote on labels by confidence")
    for round_ in range(1, rounds + 1):
        file.append("team", RoundStarted(2.0 * round_), round=round_, hours=2.0 * round_ - 2)
        for name in team if round_ == 3 else ():
            # As in a run that was forked there with another topology.
            neighbours = pick([None, [other for other in team if draw.random() < 0.5]])
            file.append(
                name, AgentSetup("researcher", "m", "", "", None, neighbours), round=round_, hours=2.0 * round_ - 2
            )
        if round_ == 4 and seed % 2:
            team[-1] = "r12"
            for event in (ResearcherReplaced("r11", "r11"), AgentSetup("researcher", "m", "", "", None)):
                file.append("r12", event, round=4, hours=6.0)
        if seed % 2:
            file.append("r1", TaskAssigned(round_, "", [], 0.25), round=round_, hours=2.0 * round_ - 2)
            file.append("r1", ReviewDecision(codes[0], True, "", 0.0), round=round_, hours=2.0 * round_ - 2)
        steps = [(2.0 * round_ - 2 + float(draw.integers(1, 9)) / 4, pick(team)) for _ in range(30)]
        for hours, name in sorted(steps):
            match pick(["decide", "think", "try", "try", "post", "post", "critique"]):
                case "decide":
                    decision = Decision(pick(["idea", "next_step"]), "", pick(["agent", "structure", "reviewer"]))
                    file.append(name, decision, round=round_, hours=hours)
                case "think":
                    price = pick([0.25, 0.5]) if seed % 2 else pick([0.25, None])
                    call = ModelCall(pick(["researcher", "reviewer", "librarian"]), "m", "", "", "", 10, 3, price, 0.1)
                    file.append(name, call, round=round_, hours=hours)
                case "try":
                    experiments += 1
                    pgr = pick([None, *np.round(draw.normal(0.3, 0.3, 5), 2).tolist()])
                    fidelity = pick(["pilot", "full", "full"])
                    event = Experiment(f"e{experiments}", "m.py", pick(codes), fidelity, None, pgr, None, [])
                    event = replace(event, seconds=experiments / 4) if seed % 2 else event
                    file.append(name, event, round=round_, hours=hours)
                    used = ToolExecution("", pick(["run_experiment", "read_board", "own_tool"]), True, "", 0.25)
                    file.append(name, used, round=round_, hours=hours)
                case "post":
                    code, family = pick([None, *codes]), pick(["ensemble", "other", "curriculum"])
                    post = Finding(
                        f"{name}.f{len(findings)}",
                        name,
                        "result",
                        "",
                        pick(words),
                        family,
                        None,
                        code,
                        None,
                        None,
                        None,
                    )
                    file.append(name, post, round=round_, hours=hours)
                    if public and draw.random() < 0.7:
                        edge = Edge(pick(["borrows", "refines", "replicates"]), post.id, pick(public).id, "")
                        file.append(name, edge, round=round_, hours=hours)
                    findings.append(post)
                case _:
                    if public:
                        file.append(name, Edge("critiques", name, pick(public).id, ""), round=round_, hours=hours)
        for post in findings:
            if post not in public and draw.random() < 0.8:
                file.append("team", Published(post.id), round=round_, hours=2.0 * round_)
                public.append(post)
    with_children = [f.id for f in findings if measures.borrow_depths(file)[f.id] > 0]
    # It has no evaluations, so the queries on scores are not tested with it.
    file.append("team", RunClosed(pick(with_children), 1.5), round=rounds + 1, hours=10.0)
    return file


@pytest.fixture(scope="module", params=range(6))
def random_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunReader:
    """A random run."""
    return make_random_run(tmp_path_factory.mktemp("random"), request.param)


@pytest.fixture
def real(summary: dict[str, Any]) -> RunReader:
    """A real run of a small team."""
    return RunReader.open(Path(summary["file"]))


def test_every_query_is_tested() -> None:
    assert set(QUERIES) == {*EXPECTED, "entropy_counts", "idea_texts"}
    assert PAGE.count("```sql") == len(QUERIES)


@pytest.mark.parametrize("query", EXPECTED)
def test_queries_equal_functions_on_a_real_run(real: RunReader, query: str) -> None:
    assert_equal(real, query)


@pytest.mark.parametrize(
    "query",
    sorted(set(EXPECTED) - {"cost_usd", "usd_per_hour", "hours", "heldout_pgr_by_budget", "generalisation_gap"}),
)
def test_queries_equal_functions_on_random_runs(random_run: RunReader, query: str) -> None:
    assert_equal(random_run, query)


def test_entropy_is_computed_from_its_query(real: RunReader, random_run: RunReader) -> None:
    for file in (real, random_run):
        min_active = 5 if len(file.researchers()) >= 5 else 2
        assert measures.entropy_bits(file) == pytest.approx(
            entropy_of(query_rows(file, "entropy_counts"), min_active=min_active)
        )


def test_diversity_of_ideas_is_computed_from_its_query(real: RunReader, random_run: RunReader) -> None:
    for file in (real, random_run):
        ideas, expected = idea_diversity(file), ideas_of(query_rows(file, "idea_texts"))
        assert ideas.redundancy == pytest.approx(expected.redundancy)
        assert ideas.vendi_score == pytest.approx(expected.vendi_score)


def test_the_table_of_measures_equals_the_registry() -> None:
    table = PAGE.partition("| measure | path | unit | source |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table == [
        f"| [{m.description}](#{m.anchor}) | `{m.path}` | {m.unit} | {m.source} |" for m in MEASURES.values()
    ]


def test_every_measure_has_its_heading() -> None:
    headings = {re.sub(r"[^\w -]", "", line).replace(" ", "-") for line in HEADINGS}
    assert {measure.anchor for measure in MEASURES.values()} <= headings


def test_every_measure_is_in_the_summary(summary: dict[str, Any]) -> None:
    for measure in measures_in([summary]):
        section: Any = summary
        for name in measure.path.split("."):
            assert section is None or name in section, measure.path
            section = section and section[name]


def test_named_measures_are_found_by_their_names() -> None:
    math = find_measure("transfer.math.pgr")
    assert math is not None
    assert (math.label, math.inspect_name) == ("PGR of the winner on the task math", "transfer_pgr_math")
    assert [find_measure(path) for path in ("transfer.TASK.pgr.x", "transfer.math", "entropy")] == [None] * 3


def test_the_functions_of_the_page_exist() -> None:
    names = re.findall(r"^\| `([\w.]+)\.(\w+)` \|", PAGE, re.MULTILINE)
    assert len(names) == 6
    for module, name in names:
        assert hasattr(import_module(f"aarlab.{module}"), name)
