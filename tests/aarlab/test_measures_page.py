"""docs/measures.md says what is so: each of its queries gives the figure of the function it stands beside."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aarlab.graph.run.summary import summarise
from aarlab.memory import measures
from aarlab.memory.events import (
    AgentSetup,
    Decision,
    Edge,
    Experiment,
    Finding,
    ModelCall,
    Published,
    RoundStarted,
    RunClosed,
)
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.seeds import rng

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "measures.md").read_text()
QUERIES = dict(re.findall(r"^```sql\n-- (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

Rows = list[tuple[Any, ...]]


def one(value: Any) -> Rows:
    return [(value,)]


def entropy_of(rows: Rows, *, least: int) -> float | None:
    """Work out the entropy from its ingredients, as the page says."""
    rounds: dict[int, Counter[str]] = {}
    for round_, family, count in rows:
        rounds.setdefault(round_, Counter())[family] = count
    counted = [np.array(list(c.values())) / c.total() for c in rounds.values() if c.total() >= least]
    return float(np.mean([-(p * np.log2(p)).sum() for p in counted])) if counted else None


def climbed(file: RunWriter) -> Rows:
    climb = measures.development_pgr(file)
    return [(climb.quarter, climb.half, climb.whole)]


def repeated(file: RunWriter) -> Rows:
    told = measures.repeated_experiments(file)
    return [(told.full, told.own, told.visible, told.unseen)]


def uptake(file: RunWriter) -> Rows:
    told = measures.critique_uptake(file)
    return [(told.critiques, told.by_author, told.by_anyone)]


def thought(file: RunWriter) -> Rows:
    calls = [(entry.stream, entry.event) for entry in file.entries(ModelCall)]
    rows = []
    for stream, role in sorted({(stream, call.role) for stream, call in calls}):
        mine = [call for name, call in calls if (name, call.role) == (stream, role)]
        dollars = [call.cost_usd for call in mine if call.cost_usd is not None]
        tokens = (sum(call.input_tokens for call in mine), sum(call.output_tokens for call in mine))
        hours = sum(call.cost_hours for call in mine)
        rows.append((stream, role, len(mine), *tokens, sum(dollars) if dollars else None, hours))
    return rows


EXPECTED: dict[str, Callable[[RunWriter], Rows]] = {
    "realised_autonomy": lambda file: one(measures.realised_autonomy(file)),
    "autonomy_by_kind": lambda file: list(measures.autonomy_by_kind(file).items()),
    "autonomy_by_round": lambda file: list(measures.autonomy_by_round(file).items()),
    "decisions": lambda file: [(*key, count) for key, count in measures.decisions(file).items()],
    "frontier": lambda file: list(measures.frontier(file)),
    "development_pgr": climbed,
    "area": lambda file: one(measures.development_pgr(file).mean),
    "borrow_depth": lambda file: one(measures.borrow_depth(file).winner),
    "critique_uptake": uptake,
    "repeats": repeated,
    "heldout_pgr_by_budget": lambda file: [tuple(summarise(file)["heldout_pgr_by_budget"].values())],
    "cost_usd": lambda file: one(summarise(file)["cost_usd"]),
    "hours": lambda file: one(summarise(file)["hours"]),
    "usd_per_hour": lambda file: one(summarise(file)["usd_per_hour"]),
    "thinking": thought,
}
"""What each query gives, worked out by the functions; that of the entropy has a test of its own."""


def asked(file: RunWriter, query: str) -> Rows:
    """Return what a browser would show."""
    with sqlite3.connect(f"{file.path.as_uri()}?mode=ro", uri=True) as connection:
        return connection.execute(QUERIES[query]).fetchall()


def agrees(file: RunWriter, query: str) -> None:
    rows, expected = asked(file, query), EXPECTED[query](file)
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert [cell if isinstance(cell, str) or cell is None else pytest.approx(cell) for cell in row] == list(wanted)


def invented(folder: Path, seed: int) -> RunWriter:
    """Return a run in which everything that the queries distinguish happens by chance."""
    draw, team, rounds = rng(seed), [f"r{i}" for i in range(1, 12)], 5
    pick: Callable[[Any], Any] = lambda options: options[int(draw.integers(len(options)))]  # noqa: E731
    scenario = {"budget": {"hours": 10.0}, "task": {"name": "chat"}, "structure": {}, "team": {"model": "m"}}
    file = RunWriter.create(folder / f"{seed}.db", run_id="invented", version="0", seed=seed, scenario=scenario)
    for name in team:
        neighbours = pick([None, [other for other in team if draw.random() < 0.5]])
        file.append(name, AgentSetup("researcher", "m", "", "", None, neighbours), round=0, hours=0.0)
        file.append(name, Decision("direction", "", pick(["agent", "structure"])), round=0, hours=0.0)
    findings: list[Finding] = []
    public: list[Finding] = []
    experiments = 0
    codes = [file.store_text(f"code {i}") for i in range(6)]
    for round_ in range(1, rounds + 1):
        file.append("team", RoundStarted(2.0 * round_), round=round_, hours=2.0 * round_ - 2)
        for name in team if round_ == 3 else ():
            # As in a run that was forked there, under another topology.
            neighbours = pick([None, [other for other in team if draw.random() < 0.5]])
            file.append(
                name, AgentSetup("researcher", "m", "", "", None, neighbours), round=round_, hours=2.0 * round_ - 2
            )
        steps = [(2.0 * round_ - 2 + float(draw.integers(1, 9)) / 4, pick(team)) for _ in range(30)]
        for hours, name in sorted(steps):
            match pick(["decide", "think", "try", "try", "post", "post", "criticise"]):
                case "decide":
                    decision = Decision(pick(["idea", "next_step"]), "", pick(["agent", "structure", "reviewer"]))
                    file.append(name, decision, round=round_, hours=hours)
                case "think":
                    price = pick([0.25, 0.5]) if seed % 2 else pick([0.25, None])
                    call = ModelCall("researcher", "m", "", "", "", 10, 3, price, 0.1)
                    file.append(name, call, round=round_, hours=hours)
                case "try":
                    experiments += 1
                    pgr = pick([None, *np.round(draw.normal(0.3, 0.3, 5), 2).tolist()])
                    fidelity = pick(["pilot", "full", "full"])
                    event = Experiment(f"e{experiments}", "m.py", pick(codes), fidelity, None, pgr, None, [])
                    file.append(name, event, round=round_, hours=hours)
                case "post":
                    code, family = pick([None, *codes]), pick(["ensemble", "other", "curriculum"])
                    post = Finding(
                        f"{name}.f{len(findings)}", name, "result", "", "", family, None, code, None, None, None
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
    # Not summarised as a winner: nothing of it was scored again.
    file.append("team", RunClosed(pick(with_children), None, 1.5), round=rounds + 1, hours=10.0)
    return file


@pytest.fixture(scope="module", params=range(6))
def chance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunWriter:
    """A run invented by chance."""
    return invented(tmp_path_factory.mktemp("invented"), request.param)


@pytest.fixture
def real(summary: dict[str, Any]) -> RunWriter:
    """A real run of a small team."""
    return RunReader.open(Path(summary["file"]))


def test_every_query_of_the_page_is_tested() -> None:
    assert set(QUERIES) == {*EXPECTED, "entropy_ingredients"}
    assert PAGE.count("```sql") == len(QUERIES)


@pytest.mark.parametrize("query", EXPECTED)
def test_a_query_gives_what_the_function_gives_for_a_real_run(real: RunWriter, query: str) -> None:
    agrees(real, query)


@pytest.mark.parametrize(
    "query", sorted(set(EXPECTED) - {"cost_usd", "usd_per_hour", "hours", "heldout_pgr_by_budget"})
)
def test_a_query_gives_what_the_function_gives_whatever_happened(chance: RunWriter, query: str) -> None:
    agrees(chance, query)


def test_the_entropy_follows_from_its_ingredients(real: RunWriter, chance: RunWriter) -> None:
    for file in (real, chance):
        least = 5 if len(file.researchers()) >= 5 else 2
        assert measures.entropy_bits(file) == pytest.approx(entropy_of(asked(file, "entropy_ingredients"), least=least))


def test_the_functions_and_figures_that_the_page_names_exist(summary: dict[str, Any]) -> None:
    import aarlab.graph.run.method_measures
    import aarlab.graph.run.summary

    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("|")][2:]
    for row in rows:
        for name in re.findall(r"`([\w.]+)`", row[2]):
            homes = (measures, aarlab.graph.run.method_measures, aarlab.graph.run.summary)
            assert any(hasattr(home, name.rpartition(".")[2]) for home in homes), name
        for key in re.findall(r"`(\w+)`", row[3] if len(row) > 3 else ""):
            assert key in summary, key
