"""A run as a log of Inspect (https://inspect.aisi.org.uk), which `inspect view` and `read_eval_log` open."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aarlab.config.faults import ConfigError, Fault
from aarlab.memory.runfile import RunFile, RunInfo, Status

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalStatus
    from inspect_ai.scorer import Score

_STATUSES: "dict[Status, EvalStatus]" = {
    "done": "success", "stopped": "cancelled", "failed": "error", "running": "started",
}  # fmt: skip


def write_inspect(file: RunFile, path: Path) -> None:
    """Write a log with the run as its one sample: as JSON if the name ends so, else in Inspect's own format.

    Raises:
        ConfigError: The extra `inspect` is not installed.
    """
    if find_spec("inspect_ai") is None:
        found = "the package inspect_ai is not installed"
        raise ConfigError([Fault("--format inspect", None, found, None, "pip install 'aarlab[inspect]'")])
    from inspect_ai.log import write_eval_log

    write_eval_log(eval_log(file), path, format="json" if path.suffix == ".json" else "eval")


def eval_log(file: RunFile) -> "EvalLog":
    """Return a run as Inspect has an evaluation: one sample, whose transcript has a lane for each agent."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalError,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalSample,
        EvalScore,
        EvalSpec,
        EvalStats,
    )

    from aarlab.export.inspect_lanes import Transcript
    from aarlab.export.inspect_words import usage

    info, transcript = file.info(), Transcript(file)
    scores = _scores(info)
    task, model = info.scenario["task"]["name"], info.scenario["team"]["model"]
    by_model = {name: usage(calls) for name, calls in transcript.calls("model").items()}
    by_role = {name: usage(calls) for name, calls in transcript.calls("role").items()}
    messages, output = transcript.conversation(_winner(info) or "r1")
    began, ended = transcript.moments
    over = info.status in ("done", "stopped")
    error = None if info.status != "failed" else EvalError(message="the run failed", traceback="", traceback_ansi="")
    about = {"scenario": info.scenario, "summary": info.summary, "digest": file.digest(), "sandbox": info.sandbox}
    sample = EvalSample(
        id=info.run_id,
        epoch=1,
        input=f"Weak-to-strong supervision on the task `{task}`, seed {info.seed}: reach the highest PGR.",
        target="",
        messages=messages,
        output=output,
        scores=scores,
        metadata={"seed": info.seed, "past": list(info.past), **about},
        events=transcript.events,
        model_usage=by_model,
        role_usage=by_role,
        started_at=began or None,
        completed_at=ended or None,
        uuid=info.run_id,
        error=error,
    )
    return EvalLog(
        status=_STATUSES[info.status],
        eval=EvalSpec(
            eval_id=info.run_id,
            run_id=info.run_id,
            task_id=info.run_id,
            created=info.created_at,
            task=f"aarlab/{info.scenario['name']}",
            task_args={"seed": info.seed},
            dataset=EvalDataset(name=task, samples=1, sample_ids=[info.run_id]),
            model=model,
            config=EvalConfig(epochs=1),
            packages={"aarlab": info.aarlab_version},
        ),
        results=EvalResults(
            total_samples=1,
            completed_samples=int(over),
            scores=[
                EvalScore(
                    name=name, scorer=name, scored_samples=1, unscored_samples=0,
                    metrics={"value": EvalMetric(name="value", value=score.as_float())},
                )
                for name, score in scores.items()
            ],
        ),
        stats=EvalStats(started_at=began, completed_at=ended, model_usage=by_model, role_usage=by_role),
        error=error,
        samples=[sample],
    )  # fmt: skip


def _winner(info: RunInfo) -> str | None:
    """Return the researcher whose finding won; None if there is none."""
    best = (info.summary or {}).get("best")
    return None if best is None else str(best["finding"]).split(".")[0]


def _scores(info: RunInfo) -> "dict[str, Score]":
    """Return what the summary tells of how good the team was, and how it worked; what is not known is left out."""
    from inspect_ai.scorer import Score

    summary: dict[str, Any] = info.summary or {}
    scores = {}
    for name, part in (("heldout_pgr", "heldout"), ("redrawn_pgr", "redrawn"), ("baseline_pgr", "baseline")):
        told = summary.get(part)
        if told is not None and told.get("pgr") is not None:
            scores[name] = Score(value=told["pgr"], metadata=told)
    for name in ("realised_autonomy", "entropy_bits", "novelty", "borrow_depth", "repeated_share"):
        if summary.get(name) is not None:
            scores[name] = Score(value=summary[name])
    return scores
