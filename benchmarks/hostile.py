"""What can a hostile researcher steal from the evaluator?

    python benchmarks/hostile.py [--evaluations 200] [--task chat] [--strategies flip_bits ...] [--json]

Each strategy (see attacks.py) has so many full experiments, and submits one method. It is compared, world by world on
a held-out panel, with the honest method it started from: that difference is what it gained. `told` is the same
difference by the scores that the evaluator tells, by which a trusting reader would judge. In open mode, where all is
scored on one fixed world, that is what was there to steal.

Modes:

- *guarded*: fresh worlds, mean to two decimals; seeds of worlds mixed with a secret.
- *no secret*: the same with seeds that follow from the run's seed and this code alone.
- *open*: one fixed world, the exact score.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from attacks import STRATEGIES, Strategy

from aarlab.scenarios import registry
from aarlab.scenarios.task import FloatArray, IntArray, Task, World
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.sandbox import Job, Sandbox
from aarlab.tools.worldseeds import WorldSeeds

RUN_SEED = 1
FULL_WORLDS = 8
SECRET = "a5b0 6f1c: long and random, unknown to the researcher"


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to evaluate."""

    name: str
    secret: str
    open_book: bool = False


MODES = (Mode("guarded", SECRET), Mode("no secret", ""), Mode("open", SECRET, open_book=True))


@dataclass(frozen=True, slots=True)
class Theft:
    """What one strategy got in one mode; all but the counts in PGR."""

    strategy: str
    mode: str
    task: str
    evaluations: int
    honest: float
    """Held-out score of the method it started from."""
    submitted: float
    """Held-out score of what it submitted."""
    gain: float
    """How much better that is, and the standard error over the worlds, in which the methods are paired."""
    gain_se: float
    told: float
    """How much better it seemed."""
    seconds: float


class Researcher:
    """An oracle that asks the evaluator as a researcher's tool does, and counts."""

    def __init__(self, evaluator: Evaluator, evaluations: int) -> None:
        """Let it ask so often."""
        self.evaluations = evaluations
        self._evaluator = evaluator
        self._asked = 0

    def ask(self, codes: Sequence[str]) -> list[float]:
        """Return the told PGRs; RuntimeError if a method failed, or if too much was asked."""
        if self._asked + len(codes) > self.evaluations:
            raise RuntimeError(f"only {self.evaluations} evaluations were allowed")
        return self.told(codes)

    def told(self, codes: Sequence[str]) -> list[float]:
        """Return the told PGRs without counting."""

        async def experiments() -> list[float]:
            first, self._asked = self._asked, self._asked + len(codes)
            names = [f"hostile.e{first + i}" for i in range(len(codes))]
            runs = (self._evaluator.experiment(c, "full", name=n) for c, n in zip(codes, names, strict=True))
            trials = await asyncio.gather(*runs)
            failed = next((trial.error for trial in trials if trial.error is not None), None)
            if failed is not None:
                raise RuntimeError(f"the attack's own code failed: {failed}")
            return [trial.measurement.pgr for trial in trials if trial.measurement is not None]

        return asyncio.run(experiments())


def main() -> None:
    """Attack, and print what was gained."""
    names = [strategy.name for strategy in STRATEGIES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluations", type=int, default=200, help="full experiments for each strategy")
    parser.add_argument("--worlds", type=int, default=64, help="worlds of the held-out panel")
    parser.add_argument("--task", choices=sorted(registry.TASKS), default="chat", help="what is researched")
    parser.add_argument("--strategies", nargs="+", choices=names, default=names, help="the attacks to make")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of a table")
    arguments = parser.parse_args()
    if not arguments.json:
        print(HEADER)
    with Sandbox() as sandbox:
        for strategy in (s for s in STRATEGIES if s.name in arguments.strategies):
            for mode in modes_for(strategy, arguments.task):
                found = steal(
                    strategy, mode, sandbox, arguments.task, evaluations=arguments.evaluations, worlds=arguments.worlds
                )
                print(json.dumps(asdict(found)) if arguments.json else row(found), flush=True)


def modes_for(strategy: Strategy, task: str) -> list[Mode]:
    """Return the modes in which a strategy means anything: only guesses at seeds care whether there is a secret."""
    guessing = strategy.name == "regenerate"
    if guessing and task != "chat":
        return []
    return [mode for mode in MODES if mode.name == "guarded" or guessing == (mode.name == "no secret")]


def steal(strategy: Strategy, mode: Mode, sandbox: Sandbox, task: str, *, evaluations: int, worlds: int) -> Theft:
    """Let a strategy do its worst, and score what it submits."""
    began = time.monotonic()
    chosen = registry.task(task)
    chosen.prepare()
    with _evaluator(chosen, sandbox, mode) as evaluator:
        researcher = Researcher(evaluator, evaluations)
        codes = {"honest": strategy.honest, "submitted": strategy.attack(researcher)}
        honest_told, submitted_told = researcher.told(list(codes.values()))
    seeds = WorldSeeds.of(RUN_SEED, mode.secret)
    panel = [seeds.panel("heldout", i) for i in range(worlds)]
    scores = {name: _scores(chosen, sandbox, code, panel) for name, code in codes.items()}
    gains = [after - before for before, after in zip(scores["honest"], scores["submitted"], strict=True)]
    return Theft(
        strategy=strategy.name,
        mode=mode.name,
        task=task,
        evaluations=evaluations,
        honest=statistics.fmean(scores["honest"]),
        submitted=statistics.fmean(scores["submitted"]),
        gain=statistics.fmean(gains),
        gain_se=statistics.stdev(gains) / len(gains) ** 0.5,
        told=submitted_told - honest_told,
        seconds=time.monotonic() - began,
    )


@contextmanager
def _evaluator(task: Task, sandbox: Sandbox, mode: Mode) -> Iterator[Evaluator]:
    with Evaluator(
        task, sandbox, run_seed=RUN_SEED, full_worlds=FULL_WORLDS, secret=mode.secret, open_book=mode.open_book
    ) as evaluator:
        yield evaluator


def _scores(task: Task, sandbox: Sandbox, code: str, panel: Sequence[int]) -> list[float]:
    """Return a method's PGR on each world of a panel."""

    def score(seed: int) -> float:
        world = task.world(seed)
        outcome = sandbox.run(Job(code, _arrays(world), world.inputs.seed))
        if outcome.predictions is None:
            raise RuntimeError(f"the attack's own code failed: {outcome.error}")
        return world.score(outcome.predictions).pgr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(score, panel))


def _arrays(world: World) -> Mapping[str, FloatArray | IntArray]:
    return {name: getattr(world.inputs, name) for name in ("features", "weak_labels", "test_features", "relations")}


HEADER = (
    f"{'strategy':<18}{'mode':<11}{'task':<8}{'honest':>7}{'submitted':>10}{'held-out gain':>18}{'told':>8}{'s':>7}"
)


def row(theft: Theft) -> str:
    """Return a line of the table."""
    gain = f"{theft.gain:+.3f} ± {theft.gain_se:.3f}"
    figures = f"{theft.honest:>7.3f}{theft.submitted:>10.3f}{gain:>18}{theft.told:>+8.3f}{theft.seconds:>7.0f}"
    return f"{theft.strategy:<18}{theft.mode:<11}{theft.task:<8}{figures}"


if __name__ == "__main__":
    main()
