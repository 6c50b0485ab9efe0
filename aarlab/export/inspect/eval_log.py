"""Convert a run to an Inspect log with one sample. Its transcript has a span for each agent."""

from datetime import datetime
from typing import Any, Literal

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalResults,
    EvalSample,
    EvalSampleLimit,
    EvalSpec,
    EvalStats,
    EvalStatus,
)
from inspect_ai.model import ModelConfig

from aarlab.export.inspect.chat_messages import usage
from aarlab.export.inspect.scores import results, scores
from aarlab.export.inspect.transcript import Transcript
from aarlab.memory.events import LimitReached
from aarlab.memory.run_info import RunInfo, Status
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.task_registry import is_single_world, score_name_of

_STATUSES: dict[Status, EvalStatus] = {
    "done": "success", "stopped": "cancelled", "failed": "error", "running": "started",
    "partial": "success",
}  # fmt: skip
_LIMITS: dict[str, Literal["cost", "token", "turn"]] = {"usd": "cost", "tokens": "token", "calls": "turn"}
"""Inspect's type of limit, by the unit of a budget."""


def eval_log(file: RunReader) -> EvalLog:
    """Return the log of a run."""
    info, transcript = file.info(), Transcript(file)
    sample = _sample(file, info, transcript)
    started, ended = transcript.first_and_last_time
    return EvalLog(
        status=_STATUSES[info.status],
        eval=_spec(info, transcript),
        results=EvalResults(
            total_samples=1,
            completed_samples=int(info.status in ("done", "stopped")),
            scores=results(sample.scores or {}),
        ),
        stats=EvalStats(
            started_at=started, completed_at=ended, model_usage=sample.model_usage, role_usage=sample.role_usage
        ),
        error=sample.error,
        samples=[sample],
    )


def _spec(info: RunInfo, transcript: Transcript) -> EvalSpec:
    """Return the task, its arguments and the models of the run."""
    team, structure = info.scenario["team"], info.scenario.get("structure", {})
    dials = {name: value for name, value in structure.items() if name != "preset" and value not in (None, {})}
    role_models = {role: calls[0].model for role, calls in transcript.calls("role").items() if role != "researcher"}
    return EvalSpec(
        eval_id=info.run_id,
        run_id=info.run_id,
        task_id=info.run_id,
        created=info.created_at,
        task=f"aarlab/{info.scenario['name']}",
        task_args={"seed": info.seed, "researchers": team["researchers"], "preset": structure.get("preset"), **dials},
        dataset=EvalDataset(name=info.scenario["task"]["name"], samples=1, sample_ids=[info.run_id]),
        model=team["model"],
        model_roles={role: ModelConfig(model=model) for role, model in role_models.items()} or None,
        config=EvalConfig(epochs=1),
        packages={"aarlab": info.aarlab_version},
    )


def _sample(file: RunReader, info: RunInfo, transcript: Transcript) -> EvalSample:
    """Return the sample. Its messages are the conversation of the author of the winner, or of `r1`."""
    task, (started, ended) = info.scenario["task"]["name"], transcript.first_and_last_time
    messages, output = transcript.conversation(_winner(info) or "r1")
    metadata = {"scenario": info.scenario, "summary": info.summary, "digest": file.digest(), "sandbox": info.sandbox}
    failed = info.status == "failed"
    problem = "Search" if is_single_world(info.scenario["task"]) else "Weak-to-strong supervision"
    score_name = score_name_of(info.scenario["task"])
    return EvalSample(
        id=info.run_id,
        uuid=info.run_id,
        epoch=1,
        input=f"{problem} on the task `{task}`, seed {info.seed}: reach the highest {score_name}.",
        target="",
        messages=messages,
        output=output,
        scores=scores(info.summary or {}),
        metadata={"seed": info.seed, "fork_history": list(info.fork_history), **metadata},
        events=transcript.events,
        model_usage={name: usage(calls) for name, calls in transcript.calls("model").items()},
        role_usage={name: usage(calls) for name, calls in transcript.calls("role").items()},
        started_at=started or None,
        completed_at=ended or None,
        total_time=_seconds(started, ended) if started else None,
        error=EvalError(message="the run failed", traceback="", traceback_ansi="") if failed else None,
        limit=_limit(file, info.scenario["budget"]),
    )


def _seconds(started: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()


def _winner(info: RunInfo) -> str | None:
    """Return the author of the winning finding; None if no finding won."""
    best = (info.summary or {}).get("best")
    return None if best is None else str(best["finding"]).split(".")[0]


def _limit(file: RunReader, budget: dict[str, Any]) -> EvalSampleLimit | None:
    """Return the budget that ended the run; None if no budget did."""
    for entry in file.entries(LimitReached):
        match entry.event:
            case LimitReached(ends_run=True, field=field, message=message):
                name = field.removeprefix("budget.")
                unit = _LIMITS.get(name.removesuffix("_per_agent"))
                if unit is not None and budget.get(name) is not None:
                    return EvalSampleLimit(type=unit, limit=budget[name], reason=message)
            case _:
                pass
    return None
