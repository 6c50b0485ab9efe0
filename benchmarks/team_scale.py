"""Measure how costs grow with the number of researchers and with the findings on the board.

    python benchmarks/team_scale.py [--researchers 9 100 1000] [--rounds 20] [--findings 500 50000] [--json]

- *Team*: researchers whose experiments return a made-up score at once run all rounds, the close and the summary. CPU
  milliseconds and bytes per model call, seconds, and the largest resident memory of the process so far, in MiB, after
  the close and after the summary. The default model posts and reads without thinking; `--model simulated/researcher`
  includes the cost of the simulated policy.
- *Board*: CPU milliseconds of each operation of the board when it has so many findings.
"""

import argparse
import asyncio
import json
import re
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from aarlab.agents.models import registry
from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.pricing import Price
from aarlab.graph.run.execute import create_run_file, execute_segments
from aarlab.graph.run.segments import Segment
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.board import Board
from aarlab.memory.events import Fidelity, Finding, ModelCall, Panel, Published
from aarlab.memory.lineage import original
from aarlab.memory.messages import Message, Text, ToolCall, Usage
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios import baselines
from aarlab.tools.evaluator.results import EvaluationResult, Measurement, TaskFactory

BOARD = "benchmark/board"
_CODE = baselines.load()["vanilla_soft"].code
_LISTED = re.compile(r'"finding": "([^"]+)"')
ROUND_HOURS = 2.0
WORLDS: Mapping[Fidelity, int] = {"smoke": 1, "pilot": 1, "full": 8}


class InstantEvaluator:
    """An evaluator that derives a score from a hash of the method, without running it."""

    async def run_experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Return a made-up result."""
        if fidelity == "smoke":
            return EvaluationResult(None, [], None)
        return EvaluationResult(None, [], _measurement(code, name, WORLDS[fidelity]))

    async def score_on_panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Return made-up results."""
        return {name: EvaluationResult(None, [], _measurement(code, panel, worlds)) for name, code in methods.items()}


class BoardModel:
    """A base model that runs a new method, posts it as a result that builds on a listed finding, and reads."""

    def __init__(self, agent: str) -> None:
        """Open the model for one agent."""
        self._agent, self._turn = agent, 0
        self._listed, self._posted = "", ""

    async def reply(self, request: Request) -> Reply:
        """Return the calls of the next of five turns."""
        self._turn += 1
        last = request.conversation.messages[-1]
        if found := _LISTED.search(last.text):
            self._listed = found[1]
        calls = tuple(ToolCall(f"t{self._turn}.{i}", *call) for i, call in enumerate(self._calls(last)))
        message = Message("assistant", (Text("Next step."), *calls))
        return Reply(message, "tool_use", Usage(100, 50), "posting", None)

    def _calls(self, last: Message) -> list[tuple[str, dict[str, Any]]]:
        results = [json.loads(result.content) for result in last.tool_results]
        match self._turn % 5:
            case 1:
                code = f"{_CODE}# {self._agent}, turn {self._turn // 10}\n"
                code = code.replace("0.1", f"0.{self._turn + int(self._agent[1:])}")
                write = ("write_file", {"path": "method.py", "text": code})
                fidelity = "full" if self._turn % 20 == 1 else "pilot"
                return [write, ("run_experiment", {"path": "method.py", "fidelity": fidelity})]
            case 2 if results and "experiment" in results[-1]:
                return [("post_finding", {
                    "type": "result", "family": "ensemble",
                    "title": f"Soft targets of {self._agent}, turn {self._turn}",
                    "body": "Filtered labels, then an ensemble.", "experiment": results[-1]["experiment"],
                    "builds_on": [self._listed] if self._listed else [],
                })]  # fmt: skip
            case 3:
                return [("read_board", {"order": "best" if self._turn % 10 == 3 else "newest"})]
            case 4 if self._listed:
                return [("read_findings", {"findings": [self._listed]})]
            case 0:
                return [("grep_board", {"pattern": f"turn {self._turn - 3}"})]
        return [("write_notebook", {"text": "Nothing new."})]


def register_board_model() -> None:
    """Make the model available as `benchmark/board`."""
    info = registry.ModelInfo(
        BOARD,
        "posts and reads",
        "nothing",
        lambda seed, agent, temperament: BoardModel(agent),
        Price(0, 0, 0, 0),
        live=False,
    )
    registry.MODELS = {**registry.MODELS, info.name: info}


def _measurement(code: str, salt: str, worlds: int) -> Measurement:
    quality, noise = (blake2b(text.encode(), digest_size=1).digest()[0] / 255 for text in (code, code + salt))
    pgr = round(0.2 + 0.4 * quality + 0.2 * (noise - 0.5) / worlds**0.5, 2)
    return Measurement(worlds, pgr, 0.05 if worlds > 1 else None, 0.7 + 0.2 * pgr, 0.7, 0.9, None)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure at several sizes."""

    name: str
    values: dict[int, float]
    """By size, smallest first."""
    growth: float
    """Value at the largest size over that at the smallest."""


@dataclass(frozen=True, slots=True)
class TeamCost:
    """What a run of a team costs."""

    researchers: int
    rounds: int
    calls: int
    findings: int
    cpu_ms_per_call: float
    """Rounds, close and summary."""
    rounds_ms_per_call: float
    """Without close and summary."""
    rounds_s: float
    """CPU seconds of the rounds and the close."""
    summary_s: float
    """CPU seconds of the summary."""
    wall_s: float
    """Seconds of all together by the clock."""
    bytes_per_call: float
    rounds_memory_mb: float
    """Largest resident memory before the summary."""
    memory_mb: float
    """Largest resident memory."""
    digest: str


def team_cost(researchers: int, rounds: int, model: str = BOARD) -> TeamCost:
    """Run a team in this process and return what it costs."""
    register_board_model()
    scenario = Scenario.model_validate(
        {
            "team": {"researchers": researchers, "model": model},
            "task": {"name": "nk" if model == "simulated/local-search" else "chat"},
            "budget": {"hours": rounds * ROUND_HOURS, "round_hours": ROUND_HOURS},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        with create_run_file(path, scenario, "strict") as file:
            started_at, clock = time.process_time(), time.monotonic()
            asyncio.run(execute_segments([Segment(scenario, None)], file, [InstantEvaluator()], {}))
            executed_at, rounds_memory_mb = time.process_time(), _memory_mb()
            digest = summarise(file)["digest"]
            ended_at, wall_s = time.process_time(), time.monotonic() - clock
            calls = sum(1 for _ in file.entries(ModelCall))
            findings = sum(1 for _ in file.entries(Finding))
            file.finish("done")
        return TeamCost(
            researchers,
            rounds,
            calls,
            findings,
            cpu_ms_per_call=1000 * (ended_at - started_at) / calls,
            rounds_ms_per_call=1000 * (executed_at - started_at) / calls,
            rounds_s=executed_at - started_at,
            summary_s=ended_at - executed_at,
            wall_s=wall_s,
            bytes_per_call=path.stat().st_size / calls,
            rounds_memory_mb=rounds_memory_mb,
            memory_mb=_memory_mb(),
            digest=digest,
        )


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def team_rows(sizes: Sequence[int], rounds: int, model: str = BOARD) -> list[Row]:
    """Return the costs of teams of these sizes, smallest first, with the growth from the smallest to the largest."""
    costs = [team_cost(size, rounds, model) for size in sizes]
    rows = []
    for name in (
        "calls", "findings", "rounds_ms_per_call", "cpu_ms_per_call", "bytes_per_call", "rounds_s", "summary_s",
        "wall_s", "rounds_memory_mb", "memory_mb",
    ):  # fmt: skip
        values = [float(getattr(cost, name)) for cost in costs]
        rows.append(Row(name, dict(zip(sizes, values, strict=True)), values[-1] / values[0]))
    return rows


def board_rows(sizes: Sequence[int]) -> list[Row]:
    """Return the CPU milliseconds of each operation of the board at these numbers of findings, smallest first."""
    by_size = {size: _board_ms(size) for size in sizes}
    first, last = by_size[sizes[0]], by_size[sizes[-1]]
    return [Row(name, {n: ms[name] for n, ms in by_size.items()}, last[name] / first[name]) for name in first]


def _board_ms(findings: int) -> dict[str, float]:
    """Return the milliseconds of each operation on a board with so many findings, least of five."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        with RunWriter.create(path, run_id="benchmark", version="0", seed=1, scenario={}) as file:
            board, last_round = Board(file), _fill(file, findings)
            for _ in range(2):  # the first calls make the indexes
                list(islice(board.senior_first(visible_to="r1", order="best"), 20))
                board.search("labels", visible_to="r1")
                list(islice(board.lines_with("labels", visible_to="r1"), 1000))
            middle = f"r2.f{findings // 100 + 1}"
            operations: dict[str, Callable[[], object]] = {
                "new post": lambda: _post_and_read(file, board, last_round),
                "read_board, newest": lambda: list(islice(board.senior_first(visible_to="r1", order="newest"), 20)),
                "read_board, best": lambda: list(islice(board.senior_first(visible_to="r1", order="best"), 20)),
                "count": lambda: board.count(visible_to="r1"),
                "read one finding": lambda: board.post(middle, visible_to="r1"),
                "edges of a finding": lambda: original(board, middle),
                "new findings of a round": lambda: board.of_round(last_round, visible_to="r1"),
                "leaderboard, first 20": lambda: board.leaderboard(visible_to="r1", limit=20),
                "best of families": lambda: board.best_of_families(visible_to="r1"),
                "same method": lambda: next(
                    board.posts_with("c7", index="code", key=lambda f: f.code, visible_to="r1"), None
                ),
                "search, a common word": lambda: board.search("labels", visible_to="r1"),
                "search, six common words": lambda: board.search("soft labels of a weak teacher", visible_to="r1"),
                "search, a rare word": lambda: board.search("word77", visible_to="r1"),
                "grep, a common text": lambda: list(islice(board.lines_with("labels", visible_to="r1"), 1000)),
                "grep, a frequent number": lambda: list(islice(board.lines_with("77", visible_to="r1"), 1000)),
                "grep, common words apart": lambda: list(
                    islice(board.lines_with("weak labels", visible_to="r1"), 1000)
                ),
                "grep, a rare text": lambda: list(islice(board.lines_with("word77 ", visible_to="r1"), 1000)),
            }
            return {name: min(_ms(operation) for _ in range(5)) for name, operation in operations.items()}


def _ms(operation: Callable[[], object]) -> float:
    started_at = time.process_time()
    operation()
    return 1000 * (time.process_time() - started_at)


def _fill(file: RunWriter, findings: int) -> int:
    """Append findings of 100 researchers and publish them; return the last round, which has 100 of them."""
    with file.atomic():
        for i in range(findings):
            _append(file, f"r{i % 100 + 1}", i // 100 + 1, i)
    return (findings - 1) // 100 + 1


def _append(file: RunWriter, author: str, round: int, i: int) -> None:
    title = f"Soft labels of a weak teacher, word{i % 1000} variant {i}"
    finding = Finding(
        f"{author}.f{i // 100 + 1}", author, "result", title, f"It has {i} and word{i % 77}.", f"family{i % 9}",
        None, None, "full", (i * 37 % 101) / 100, 0.05,
    )  # fmt: skip
    file.append(author, finding, round=round, hours=1.0)
    file.append("team", Published(finding.id), round=round, hours=1.0)


def _post_and_read(file: RunWriter, board: Board, round: int) -> None:
    _append(file, "r101", round, 10**9 + 100 * len(board.published_by("r101", round)))
    board.count(visible_to="r1")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    header = f"{'':<28}{''.join(f'{size:>12,}' for size in rows[0].values)}{'growth':>9}"
    lines = [f"{row.name:<28}{''.join(f'{v:>12.3f}' for v in row.values.values())}{row.growth:>9.2f}" for row in rows]
    return "\n".join([header, *lines])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--researchers", type=int, nargs="*", default=[9, 100], help="sizes of teams, smallest first")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--model", default=BOARD, help="simulated/researcher, or a model that only costs aarlab time")
    parser.add_argument("--findings", type=int, nargs="*", default=[500, 50_000], help="sizes of boards")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row instead of tables")
    arguments = parser.parse_args()
    for rows in (
        team_rows(arguments.researchers, arguments.rounds, arguments.model) if arguments.researchers else [],
        board_rows(arguments.findings) if arguments.findings else [],
    ):
        if arguments.json:
            print(*(json.dumps(asdict(row)) for row in rows), sep="\n", flush=True)
        elif rows:
            print(table(rows), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
