"""Measure how much a hostile researcher gains from the evaluator's reported scores.

    python benchmarks/evaluator_leakage.py [--evaluations 200] [--task chat] [--strategies flip_bits ...] [--json]

Each strategy of `evaluator_attacks.py` may request a number of full experiments and submits one method. The method is
compared with the honest method from which the strategy starts, world by world on a held-out panel. The difference is
the gain. `reported` is the same difference in the scores that the evaluator reports.

Conditions:

- *guarded*: fresh worlds, mean rounded to two decimals, world seeds mixed with a secret.
- *no secret*: the same, with world seeds that follow from the run's seed and the public code.
- *open*: one fixed world and the exact score.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from evaluator_attacks import STRATEGIES, Strategy

from aarlab.scenarios import task_registry
from aarlab.scenarios.task import Task
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.evaluator.world_run import WorldPool, run_on_world
from aarlab.tools.evaluator.world_seeds import WorldSeeds
from aarlab.tools.sandbox import Sandbox

RUN_SEED = 1
FULL_WORLDS = 8
SECRET = "a5b0 6f1c: long and random, unknown to the researcher"


@dataclass(frozen=True, slots=True)
class Condition:
    """A configuration of the evaluator."""

    name: str
    secret: str
    fixed_world: bool = False


CONDITIONS = (Condition("guarded", SECRET), Condition("no secret", ""), Condition("open", SECRET, fixed_world=True))


@dataclass(frozen=True, slots=True)
class AttackResult:
    """Result of one strategy in one condition; scores and gains are in PGR."""

    strategy: str
    condition: str
    task: str
    evaluations: int
    honest: float
    """Held-out score of the honest method."""
    submitted: float
    """Held-out score of the submitted method."""
    gain: float
    """Mean difference of the two over the worlds."""
    gain_se: float
    """Standard error of the gain, paired by world."""
    reported: float
    """Difference of the two in the reported scores."""
    seconds: float


class QueryingResearcher:
    """An oracle that requests scores as a researcher's tool does, and counts the requests."""

    def __init__(self, evaluator: Evaluator, evaluations: int) -> None:
        """Allow requests for `evaluations` scores."""
        self.evaluations = evaluations
        self._evaluator = evaluator
        self._n_requested = 0

    def ask(self, codes: Sequence[str]) -> list[float]:
        """Return the reported PGRs. Raises RuntimeError if a method fails, or after the last allowed evaluation."""
        if self._n_requested + len(codes) > self.evaluations:
            raise RuntimeError(f"only {self.evaluations} evaluations were allowed")
        return self.reported(codes)

    def reported(self, codes: Sequence[str]) -> list[float]:
        """Return the reported PGRs without counting."""

        async def experiments() -> list[float]:
            first, self._n_requested = self._n_requested, self._n_requested + len(codes)
            names = [f"attack.e{first + i}" for i in range(len(codes))]
            runs = (self._evaluator.run_experiment(c, "full", name=n) for c, n in zip(codes, names, strict=True))
            results = await asyncio.gather(*runs)
            failed = next((result.error for result in results if result.error is not None), None)
            if failed is not None:
                raise RuntimeError(f"the attack's own code failed: {failed}")
            return [result.measurement.pgr for result in results if result.measurement is not None]

        return asyncio.run(experiments())


def main() -> None:
    """Run the attacks and print the gains."""
    names = [strategy.name for strategy in STRATEGIES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluations", type=int, default=200, help="full experiments for each strategy")
    parser.add_argument("--worlds", type=int, default=64, help="worlds of the held-out panel")
    parser.add_argument("--task", choices=sorted(task_registry.task_names()), default="chat", help="task of the worlds")
    parser.add_argument("--strategies", nargs="+", choices=names, default=names, help="attacks to run")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of a table")
    arguments = parser.parse_args()
    if not arguments.json:
        print(HEADER)
    with Sandbox() as sandbox:
        for strategy in (s for s in STRATEGIES if s.name in arguments.strategies):
            for condition in conditions_for(strategy, arguments.task):
                attack_result = run_attack(
                    strategy,
                    condition,
                    sandbox,
                    arguments.task,
                    evaluations=arguments.evaluations,
                    worlds=arguments.worlds,
                )
                print(json.dumps(asdict(attack_result)) if arguments.json else row(attack_result), flush=True)


def conditions_for(strategy: Strategy, task: str) -> list[Condition]:
    """Return the conditions that matter for a strategy: only attacks on seeds depend on the secret."""
    guessing = strategy.name == "regenerate"
    if guessing and task != "chat":
        return []
    return [
        condition
        for condition in CONDITIONS
        if condition.name == "guarded" or guessing == (condition.name == "no secret")
    ]


def run_attack(
    strategy: Strategy, condition: Condition, sandbox: Sandbox, task: str, *, evaluations: int, worlds: int
) -> AttackResult:
    """Run a strategy and score the method that it submits."""
    started = time.monotonic()
    research_task = task_registry.make_task(task)
    research_task.prepare()
    with _evaluator(research_task, sandbox, condition) as evaluator:
        researcher = QueryingResearcher(evaluator, evaluations)
        codes = {"honest": strategy.honest, "submitted": strategy.attack(researcher)}
        honest_reported, submitted_reported = researcher.reported(list(codes.values()))
    seeds = WorldSeeds.of(RUN_SEED, condition.secret)
    panel = [seeds.panel("heldout", i) for i in range(worlds)]
    scores = {name: _scores(research_task, sandbox, code, panel) for name, code in codes.items()}
    gains = [after - before for before, after in zip(scores["honest"], scores["submitted"], strict=True)]
    return AttackResult(
        strategy=strategy.name,
        condition=condition.name,
        task=task,
        evaluations=evaluations,
        honest=statistics.fmean(scores["honest"]),
        submitted=statistics.fmean(scores["submitted"]),
        gain=statistics.fmean(gains),
        gain_se=statistics.stdev(gains) / len(gains) ** 0.5,
        reported=submitted_reported - honest_reported,
        seconds=time.monotonic() - started,
    )


@contextmanager
def _evaluator(task: Task, sandbox: Sandbox, condition: Condition) -> Iterator[Evaluator]:
    with Evaluator(
        task,
        sandbox,
        run_seed=RUN_SEED,
        full_worlds=FULL_WORLDS,
        secret=condition.secret,
        fixed_world=condition.fixed_world,
    ) as evaluator:
        yield evaluator


def _scores(task: Task, sandbox: Sandbox, code: str, panel: Sequence[int]) -> list[float]:
    """Return a method's PGR on each world of a panel."""

    def score(seed: int) -> float:
        result = run_on_world(code, task.world(seed, split="heldout"), sandbox)
        if result.error is not None:
            raise RuntimeError(f"the attack's own code failed: {result.error}")
        return result.pgr

    with WorldPool() as pool:
        return pool.map(score, panel)


COLUMNS = "{:<18}{:<11}{:<8}{:>7}{:>10}{:>18}{:>9}{:>7}"
HEADER = COLUMNS.format("strategy", "condition", "task", "honest", "submitted", "held-out gain", "reported", "s")


def row(attack_result: AttackResult) -> str:
    """Return a line of the table."""
    gain = f"{attack_result.gain:+.3f} ± {attack_result.gain_se:.3f}"
    honest, submitted = f"{attack_result.honest:.3f}", f"{attack_result.submitted:.3f}"
    reported, seconds = f"{attack_result.reported:+.3f}", f"{attack_result.seconds:.0f}"
    names = (attack_result.strategy, attack_result.condition, attack_result.task)
    return COLUMNS.format(*names, honest, submitted, gain, reported, seconds)


if __name__ == "__main__":
    main()
