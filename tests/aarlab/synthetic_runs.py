"""Synthetic ablations: records with known true values, and run files without a team."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.records import Results, RunRecord
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    AgentSetup,
    Decision,
    Evaluation,
    Experiment,
    Finding,
    ReferenceChosen,
    RoundStarted,
    RunClosed,
)
from aarlab.memory.run_info import with_summary_hash
from aarlab.memory.run_writer import RunWriter

ARMS: dict[str, dict[str, Any]] = {
    "free": {"structure": "autonomous"},
    "staged": {"structure": "staged"},
    "scripted": {"structure": "scripted"},
    "random search": {"structure": "autonomous", "team": {"model": "simulated/random-pilots"}},
}
EFFECTS = {"free": 0.0, "staged": -0.2, "scripted": 0.0, "random search": -0.01}
"""True difference of each arm to the first."""
AUTONOMY = {"free": 0.98, "staged": 0.6, "scripted": 0.2, "random search": 0.97}


def record(arm: str, seed: int, pgr: float | None, scenario: Mapping[str, Any], autonomy: float = 0.9) -> RunRecord:
    """Return a finished run with this held-out PGR of its winner; None: no winner."""
    resolved = Scenario.model_validate({**scenario, "seed": seed, "name": "synthetic"}).model_dump(mode="json")
    end = resolved["budget"]["hours"] * resolved["team"]["researchers"]
    best = 0.3 if pgr is None else round(pgr + 0.03, 4)
    summary = {
        "digest": f"{arm}{seed}", "hours": end, "cost_usd": 0.0, "experiments": 30, "evaluations": 60,
        "wall_clock_s": 9.0,
        "heldout": None if pgr is None else {"pgr": pgr, "se": 0.02, "worlds": 64},
        "best": None if pgr is None else {"finding": "r1.f1", "development_pgr": pgr + 0.08, "pgr": pgr + 0.03},
        "shifted": None if pgr is None else {"pgr": pgr - 0.02, "se": 0.03, "worlds": 32},
        "transfer": {"math": {"pgr": 0.1, "se": 0.05, "worlds": 8}},
        "references": {
            "published": {"name": "critic_like", "methods": 4, "hours": 8.0, "pgr": 0.2},
            "library": {"name": "two_cluster_vote", "methods": 37, "hours": 74.0, "pgr": 0.4},
        },
        "development_pgr": {"quarter": 0.1, "half": 0.3, "whole": best, "mean": 0.25},
        "heldout_pgr_by_budget": {"quarter": 0.05, "half": 0.25, "whole": pgr},
        "entropy_bits": 1.5, "realised_autonomy": autonomy, "structure_violations": [],
    }  # fmt: skip
    return RunRecord(
        arm, seed, f"{seed:012d}", Path(f"{arm}-{seed}.db"), "done", None, resolved, summary,
        frontier=((end / 4, 0.1), (end / 2, 0.3), (0.9 * end, best)),
        entropy=((end / 2, 1.2), (end, 1.8)),
        autonomy=((end / 2, autonomy), (end, autonomy)),
    )  # fmt: skip


def results(
    seeds: int = 12,
    arms: Mapping[str, Mapping[str, Any]] = ARMS,
    effects: Mapping[str, float] = EFFECTS,
    measures: Sequence[str] = ("heldout.pgr", "entropy_bits"),
    **changes: Any,
) -> Results:
    """Return an ablation with a mean held-out PGR of 0.55, an SD of 0.05 and known effects."""
    draw = np.random.default_rng(1)
    records = tuple(
        record(
            arm, seed, round(float(draw.normal(0.55, 0.05)) + effects.get(arm, 0.0), 4), scenario,
            AUTONOMY.get(arm, 0.9) + round(float(draw.normal(0, 0.01)), 4),
        )
        for arm, scenario in arms.items() for seed in range(1, seeds + 1)
    )  # fmt: skip
    fields = {
        "name": "synthetic", "question": "Does structure help?", "scenario": {}, "arms": {arm: {} for arm in arms},
        "seeds": list(range(1, seeds + 1)), "measures": list(measures), "controls": False, **changes,
    }  # fmt: skip
    return Results(Ablation.model_validate(fields), None, records)


def run_file(
    path: Path,
    *,
    seed: int,
    structure: str | dict[str, Any],
    pgr: float,
    agent_decisions: int,
    status: Literal["done", "stopped"] = "done",
    task: str = "chat",
) -> Path:
    """Write a run file with this held-out PGR of its winner; agents took `agent_decisions` of four decisions."""
    scenario = Scenario.model_validate({"seed": seed, "structure": structure, "team": {"researchers": 2}, "task": task})
    dumped = scenario.model_dump(mode="json")
    file = RunWriter.create(path, run_id=path.stem, version="0.1.0", seed=seed, scenario=dumped)
    code = file.store_text("def method(inputs):\n    return inputs.weak_labels\n")
    for name in scenario.team.names:
        direction = None if structure == "undirected" else "a direction"
        file.append(name, AgentSetup("researcher", "simulated/researcher", "", "", direction), round=0, hours=0)
    for turn in range(4):
        file.append(
            "r1", Decision("next_step", "", "agent" if turn < agent_decisions else "structure"), round=1, hours=0
        )
    file.append("team", RoundStarted(2.0), round=1, hours=0)
    file.append("r1", Experiment("e1", "m.py", code, "full", None, pgr / 2, 0.03, []), round=1, hours=6.0)
    file.append("r1", Experiment("e2", "m.py", code, "full", None, pgr + 0.1, 0.03, []), round=1, hours=12.0)
    for number, name in enumerate(scenario.team.names):
        family = ("ensemble", "curriculum")[number]
        finding = Finding(f"{name}.f1", name, "result", "an idea", "", family, "e2", code, "full", pgr + 0.1, 0.03)
        file.append(name, finding, round=1, hours=12.0)
    for subject, panel, score in (
        ("r1.f1", "final", pgr + 0.02), ("r1.f1", "heldout", pgr), ("baseline:bagging", "heldout", 0.3),
    ):  # fmt: skip
        by_world = [round(score + (i - 3.5) / 100, 4) for i in range(8)]
        entry = Evaluation(
            subject,
            panel,
            code,
            8,
            score,
            0.02,
            0.7,
            0.6,
            0.8,
            pgr_by_world=by_world,  # type: ignore[arg-type]
        )
        file.append("team", entry, round=2, hours=24.0)
    file.append("team", ReferenceChosen("published", "baseline:bagging", 4, 8.0), round=2, hours=24.0)
    file.append("team", ReferenceChosen("library", "baseline:bagging", 37, 74.0), round=2, hours=24.0)
    file.append("team", RunClosed("r1.f1", 2.0), round=2, hours=24.0)
    file.finish(status, with_summary_hash({**summarise(file), "status": status, "wall_clock_s": 1.0}))
    file.close()
    return path
