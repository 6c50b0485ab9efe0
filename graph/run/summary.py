"""What a run came to, read from its file."""

from dataclasses import asdict
from typing import Any

from aarlab.graph.run.method_measures import mean_novelty
from aarlab.graph.structure.checks import violations
from aarlab.memory.board import Board
from aarlab.memory.events import (
    Borrowed,
    Edge,
    Evaluation,
    Experiment,
    FailedModelCall,
    Finding,
    ModelCall,
    RoundStarted,
    RunClosed,
)
from aarlab.memory.measures import (
    autonomy_by_kind,
    borrow_depth,
    development_pgr,
    entropy,
    realised_autonomy,
    repeated_experiments,
)
from aarlab.memory.run_reader import RunReader


def summarise(file: RunReader) -> dict[str, Any]:
    """Return the summary of a closed run, JSON-able: `aarlab run --json` prints it.

    `heldout_pgr_by_budget` tells what had been reached at a quarter, half and all of the budget, on the held-out worlds.
    Hours are research hours of the whole team, the close included; cost_usd is None where the price of a call is not
    known. `usd_per_hour` is what an hour of a researcher's work cost, the close left out. Held-out, shifted and
    transfer scores are the winner's; shifted is None and transfer empty where the scenario leaves them out.
    `structure_violations` says in sentences where what happened is not what was configured. Every other measure is None
    where there was nothing to measure; `docs/measures.md` defines them.
    """
    info = file.info()
    counted = {
        kind: len(list(file.entries(kind))) for kind in (Finding, Borrowed, Experiment, Evaluation, RoundStarted)
    }
    edges = [entry.event for entry in file.entries(Edge)]
    closed = next((entry.event for entry in file.entries(RunClosed)), None)
    ledger = [entry.event for entry in file.entries(Evaluation)]
    scores = {(e.subject, e.panel): e for e in ledger}
    best = Board(file).post(closed.best) if closed and closed.best else None
    final = scores[best.finding.id, "final"] if best else None
    heldout = scores[best.finding.id, "heldout"] if best else None
    shifted = scores.get((best.finding.id, "shifted")) if best else None
    baseline = scores[closed.baseline, "heldout"] if closed and closed.baseline else None
    hours_used, cost = _hours_used(file), _cost(file)
    diversity, development = entropy(file), development_pgr(file)
    return {
        "run_id": info.run_id,
        "file": str(file.path.resolve()),
        "task": info.scenario["task"]["name"],
        "structure": info.scenario["structure"],
        "model": info.scenario["team"]["model"],
        "seed": info.seed,
        "sandbox": info.sandbox,
        "rounds": counted[RoundStarted],
        "hours": round(hours_used + (closed.cost_hours if closed else 0.0), 2),
        "cost_usd": cost,
        "usd_per_hour": round(cost / hours_used, 4) if cost is not None and hours_used else None,
        "findings": counted[Finding],
        "borrows": counted[Borrowed],
        "critiques": sum(edge.relation == "critiques" for edge in edges),
        "experiments": counted[Experiment],
        "evaluations": counted[Evaluation],
        "best": best and final and {
            "finding": best.finding.id, "title": best.finding.title, "family": best.finding.family,
            "pgr": final.pgr, "se": final.se,
        },
        "heldout": heldout and _score(heldout),
        "heldout_pgr_by_budget": {
            "quarter": scores[closed.leader_at_quarter, "heldout"].pgr if closed and closed.leader_at_quarter else None,
            "half": scores[closed.leader_at_half, "heldout"].pgr if closed and closed.leader_at_half else None,
            "whole": heldout and heldout.pgr,
        },
        "shifted": shifted and _score(shifted),
        "transfer": {e.task: _score(e) for e in ledger if e.panel == "transfer"},
        "baseline": baseline and {"name": baseline.subject.removeprefix("baseline:"), "pgr": baseline.pgr},
        "development_pgr": {point: _rounded(pgr) for point, pgr in asdict(development).items()},
        "entropy_bits": diversity and _rounded(diversity.bits),
        "entropy_interval": diversity and [_rounded(end) for end in diversity.interval],
        "novelty": _rounded(mean_novelty(file)),
        "borrow_depth": borrow_depth(file).winner,
        "repeated_experiment_share": _rounded(repeated_experiments(file).share),
        "realised_autonomy": _rounded(realised_autonomy(file)),
        "autonomy_by_kind": {kind: _rounded(share) for kind, share in autonomy_by_kind(file).items()},
        "structure_violations": violations(file),
        "digest": file.digest(),
    }  # fmt: skip


def _score(evaluation: Evaluation) -> dict[str, float | None]:
    return {"pgr": evaluation.pgr, "se": evaluation.se, "worlds": evaluation.worlds}


def _hours_used(file: RunReader) -> float:
    """Return the research hours that the researchers used, summed over the team."""
    last = dict.fromkeys(file.researchers(), 0.0)
    for entry in file.entries():
        if entry.stream in last:
            last[entry.stream] = max(last[entry.stream], entry.hours)
    return sum(last.values())


def _cost(file: RunReader) -> float | None:
    costs = [entry.event.cost_usd for entry in file.entries(ModelCall, FailedModelCall)]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if len(known) == len(costs) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
