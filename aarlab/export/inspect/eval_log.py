"""A run as Inspect has an evaluation: one sample, whose transcript has a lane for each agent. Needs `inspect`."""

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

_STATUSES: dict[Status, EvalStatus] = {
    "done": "success", "stopped": "cancelled", "failed": "error", "running": "started",
}  # fmt: skip
_LIMITS: dict[str, Literal["cost", "token", "turn"]] = {"usd": "cost", "tokens": "token", "calls": "turn"}
"""By the unit of a budget."""


def eval_log(file: RunReader) -> EvalLog:
    """Return a run as a log."""
    info, transcript = file.info(), Transcript(file)
    sample = _sample(file, info, transcript)
    began, ended = transcript.moments
    return EvalLog(
        status=_STATUSES[info.status],
        eval=_spec(info, transcript),
        results=EvalResults(
            total_samples=1,
            completed_samples=int(info.status in ("done", "stopped")),
            scores=results(sample.scores or {}),
        ),
        stats=EvalStats(
            started_at=began, completed_at=ended, model_usage=sample.model_usage, role_usage=sample.role_usage
        ),
        error=sample.error,
        samples=[sample],
    )


def _spec(info: RunInfo, transcript: Transcript) -> EvalSpec:
    """Return what was to be done, and by whom."""
    team, structure = info.scenario["team"], info.scenario.get("structure", {})
    turned = {name: value for name, value in structure.items() if name != "preset" and value not in (None, {})}
    asides = {role: calls[0].model for role, calls in transcript.calls("role").items() if role != "researcher"}
    return EvalSpec(
        eval_id=info.run_id,
        run_id=info.run_id,
        task_id=info.run_id,
        created=info.created_at,
        task=f"aarlab/{info.scenario['name']}",
        task_args={"seed": info.seed, "researchers": team["researchers"], "preset": structure.get("preset"), **turned},
        dataset=EvalDataset(name=info.scenario["task"]["name"], samples=1, sample_ids=[info.run_id]),
        model=team["model"],
        model_roles={role: ModelConfig(model=model) for role, model in asides.items()} or None,
        config=EvalConfig(epochs=1),
        packages={"aarlab": info.aarlab_version},
    )


def _sample(file: RunReader, info: RunInfo, transcript: Transcript) -> EvalSample:
    """Return what happened. Its conversation is that of the researcher who won."""
    task, (began, ended) = info.scenario["task"]["name"], transcript.moments
    messages, output = transcript.conversation(_winner(info) or "r1")
    about = {"scenario": info.scenario, "summary": info.summary, "digest": file.digest(), "sandbox": info.sandbox}
    failed = info.status == "failed"
    return EvalSample(
        id=info.run_id,
        uuid=info.run_id,
        epoch=1,
        input=f"Weak-to-strong supervision on the task `{task}`, seed {info.seed}: reach the highest PGR.",
        target="",
        messages=messages,
        output=output,
        scores=scores(info.summary or {}),
        metadata={"seed": info.seed, "past": list(info.fork_history), **about},
        events=transcript.events,
        model_usage={name: usage(calls) for name, calls in transcript.calls("model").items()},
        role_usage={name: usage(calls) for name, calls in transcript.calls("role").items()},
        started_at=began or None,
        completed_at=ended or None,
        total_time=_seconds(began, ended) if began else None,
        error=EvalError(message="the run failed", traceback="", traceback_ansi="") if failed else None,
        limit=_limit(file, info.scenario["budget"]),
    )


def _seconds(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def _winner(info: RunInfo) -> str | None:
    """Return the researcher whose finding won; None if there is none."""
    best = (info.summary or {}).get("best")
    return None if best is None else str(best["finding"]).split(".")[0]


def _limit(file: RunReader, budget: dict[str, Any]) -> EvalSampleLimit | None:
    """Return the budget that ended the run; None if none did."""
    for entry in file.entries(LimitReached):
        match entry.event:
            case LimitReached(ends_run=True, field=field, message=message):
                name = field.removeprefix("budget.")
                unit = _LIMITS.get(name.removesuffix("_each"))
                if unit is not None and budget.get(name) is not None:
                    return EvalSampleLimit(type=unit, limit=budget[name], reason=message)
            case _:
                pass
    return None
