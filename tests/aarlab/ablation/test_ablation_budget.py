"""One budget for all runs of an ablation: the spending of several processes together stays below it."""

import asyncio
import json
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from model_servers import ModelServer, SimulatedTeam

from aarlab.ablation.spending import Spending
from aarlab.ablation.sqlite_budget import (
    SharedBudgetSpec,
    SqliteSharedBudget,
    initialise_budget,
    release_reservations,
)
from aarlab.agents.models.pricing import read_prices
from aarlab.config.errors import ConfigError
from aarlab.graph.calls.budget import Amount, SharedBudgetExhausted
from aarlab.memory.messages import Usage

Aarlab = Callable[..., Result]
PRICES = "anthropic: {models: {m: {input: 0.4, output: 25, cache_read: 0.04, cache_write: 0.5}}}"
FILE = """\
name: expensive
scenario: quickstart
arms: {free: {}, staged: {structure: staged}}
seeds: 25
controls: false
"""


def make_calls(path: str, run: str, costs: list[tuple[float, float]]) -> list[float]:
    """Make calls of a run, given the maximum cost of each and the share of it that is spent; return the costs."""

    async def call_models() -> list[float]:
        shared_budget, paid = SqliteSharedBudget(SharedBudgetSpec(path, 1.0, None), run), []
        for max_usd, share in costs:
            reserved = Amount(max_usd, 10, 1)
            try:
                await shared_budget.reserve(reserved)
            except SharedBudgetExhausted:
                break
            spent = max_usd * share
            shared_budget.commit(reserved, Amount(spent, 5, 1))
            paid.append(spent)
        return paid

    return asyncio.run(call_models())


calls = st.lists(st.tuples(st.floats(0.01, 0.4), st.floats(0, 1)), max_size=12)


# A pytest-xdist worker has a thread for its messages; the forked children do not need it.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@settings(max_examples=15)
@given(st.lists(calls, min_size=2, max_size=4))
def test_processes_do_not_spend_the_same_dollar_twice(
    tmp_path_factory: pytest.TempPathFactory, team: list[list[tuple[float, float]]]
) -> None:
    path = str(tmp_path_factory.mktemp("budget") / "shared_budget.db")
    runs = {f"run{i}": costs for i, costs in enumerate(team)}
    initialise_budget(
        SharedBudgetSpec(path, 1.0, None), dict.fromkeys(runs, Spending()), {"another": Spending(0.25, 7)}
    )
    # The children do not inherit the handler for SIGTERM.
    pool_options = {"initializer": signal.signal, "initargs": (signal.SIGTERM, signal.SIG_DFL)}
    with multiprocessing.get_context("fork").Pool(len(runs), **pool_options) as pool:
        paid = pool.starmap(make_calls, [(path, run, costs) for run, costs in runs.items()])
    total = 0.25 + sum(sum(one) for one in paid)
    assert total <= 1.0 + 1e-6
    for costs, one in zip(team, paid, strict=True):
        assert len(one) == len(costs) or total + max(max_usd for max_usd, _ in costs) > 1.0, (
            "no call is refused without need"
        )


def test_reservations_of_a_dead_process_are_released(tmp_path: Path) -> None:
    budget_spec = SharedBudgetSpec(str(tmp_path / "shared_budget.db"), None, 100)
    initialise_budget(budget_spec, {"a": Spending(), "b": Spending()}, {})
    dead, other = SqliteSharedBudget(budget_spec, "a"), SqliteSharedBudget(budget_spec, "b")
    asyncio.run(dead.reserve(Amount(0.0, 80)))
    assert not other.would_refuse(Amount(0.0, 50)), "the reservation may be released"
    release_reservations(budget_spec, "a")
    asyncio.run(asyncio.wait_for(other.reserve(Amount(0.0, 50)), 60))
    with pytest.raises(
        SharedBudgetExhausted, match="budget_tokens is exhausted: 0 of 100 tokens, and the next call can take 120"
    ):
        asyncio.run(other.reserve(Amount(0.0, 120)))


@pytest.mark.long
def test_a_killed_process_of_another_shard_blocks_no_call(tmp_path: Path) -> None:
    budget_spec = SharedBudgetSpec(str(tmp_path / "shared_budget.db"), None, 100)
    initialise_budget(budget_spec, {"a": Spending(), "b": Spending(), "c": Spending()}, {})
    reserve = (
        "import asyncio, sys, time; from aarlab.graph.calls.budget import Amount\n"
        "from aarlab.ablation.sqlite_budget import SharedBudgetSpec, SqliteSharedBudget\n"
        "budget = SqliteSharedBudget(SharedBudgetSpec(sys.argv[1], None, 100), sys.argv[2])\n"
        "asyncio.run(budget.reserve(Amount(0.0, 40))); print('reserved', flush=True); time.sleep(600)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", reserve, budget_spec.path, run], stdout=subprocess.PIPE, text=True)
        for run in ("a", "b")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "reserved\n"
    waiting = SqliteSharedBudget(budget_spec, "c")
    with closing(waiting):
        with pytest.raises(TimeoutError):  # both reservations are of processes that live
            asyncio.run(asyncio.wait_for(waiting.reserve(Amount(0.0, 60)), 1.5))
        processes[0].kill()
        asyncio.run(asyncio.wait_for(waiting.reserve(Amount(0.0, 60)), 120))
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(waiting.reserve(Amount(0.0, 10)), 1.5))
    processes[1].kill()
    for process in processes:
        process.communicate()


@pytest.mark.long
def test_processes_stop_within_the_budget(
    aarlab: Aarlab, tmp_path: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    # Each of the fifty runs would cost about five cents. More processes spend from one budget in the first test.
    short = [setting.replace("hours=6", "hours=3").replace("round_hours=2", "round_hours=3") for setting in tiny]
    (tmp_path / "expensive.yaml").write_text(FILE)
    (tmp_path / "prices.yaml").write_text(PRICES)
    with ModelServer(SimulatedTeam(1)) as server:
        live = f"{{base_urls: {{anthropic: {server.url}}}, prices: {tmp_path / 'prices.yaml'}, max_tokens: 400}}"
        settings = ["--set", "team.model=anthropic/m", "--set", f"live={live}", "--set", "budget_usd=0.15"]
        done = aarlab("ablate", "expensive.yaml", *short, *settings, "--jobs", "2", "--json")
    output = json.loads(done.stdout)
    price = read_prices(tmp_path / "prices.yaml").price("anthropic/m")
    assert price is not None
    billed = Usage(*(server.billed[name] for name in ("input", "output", "read", "written")))
    assert 0.1 <= price.cost_usd(billed) <= 0.15, done.stderr
    assert (done.exit_code, output["status"]) == (3, "stopped"), done.stderr
    assert output["reason"].startswith("budget_usd is exhausted: $0.1")
    assert 0 < output["runs"]["done"] < output["runs"]["planned"]
    assert any(arm["mean"] is not None for arm in output["arms"])
    assert output["runs"]["failed"] == 0


def test_a_damaged_budget_file_is_refused_with_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "shared_budget.db"
    path.write_text("these are notes, and not a database of any kind\n" * 30)
    with pytest.raises(ConfigError, match="rm "):
        initialise_budget(SharedBudgetSpec(str(path), 1.0, None), {"a": Spending()}, {})
    assert path.read_text().startswith("these are notes")
