"""A run that happened goes on: where it was broken off, or otherwise from one of its rounds."""

from pathlib import Path
from typing import Any, Unpack

from aarlab.graph.run.execute import RunOptions, create_run_file, execute, require_new_path
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.segments import Segment, check_fork, segments_before, segments_of
from aarlab.graph.scenario import Scenario
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_reader import RunReader
from aarlab.tools.sandbox import SandboxMode


class RunAlreadyFinished(ValueError):
    """The run has come to its end: there is nothing to go on with."""


def resume_run(path: Path, **options: Unpack[RunOptions]) -> dict[str, Any]:
    """Go on with a run that was broken off, and return its summary.

    It happens again from the start with the answers and scores that are on tape, and goes on where the tape ends. So
    nothing is paid for or done twice, and a seeded run comes to what it would have come to.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or was written by another version of aarlab.
        FileLocked: A process is at work on it.
        RunOver: It has come to its end.
        Divergence: What happens now is not what is on tape: code, prompts or versions have changed since.
        SandboxUnavailable, ModelError: As in `run_scenario`.
    """
    with RunReader.open(path) as file:
        info, segments = file.info(), segments_of(file)
    if info.summary is not None:
        raise RunAlreadyFinished(f"the run has come to its end ({info.status}) and was scored")
    replay_run(path, progress=options.get("progress"))  # before anything is paid for
    recorded: SandboxMode = info.sandbox or "strict"
    return execute(segments, lambda mode: ReplayingLog.resume(path, mode), {"sandbox": recorded, **options})


def fork_run(parent: Path, path: Path, scenario: Scenario, *, at: int, **options: Unpack[RunOptions]) -> dict[str, Any]:
    """Make a run that is another's up to the beginning of a round, and goes on otherwise; return its summary.

    Args:
        parent: The run file that it is taken from, which stays as it is.
        path: The run file to make; its stem is the run's id.
        scenario: How it is configured from round `at` on.
        at: The first round that is its own.
        means: What it works with.

    Raises:
        FileExistsError: There is such a file already.
        NoSuchRound: The parent has not begun that round.
        NotAFork: The scenario is not of the same team on the same task.
        FileNotFoundError, SchemaError, Divergence: As in `resume_run`, of the parent.
        SandboxUnavailable, ModelError: As in `run_scenario`.
    """
    require_new_path(path)
    replay_run(parent, progress=options.get("progress"))  # before anything is paid for
    with RunReader.open(parent) as file:
        fork_history = segments_before(file, at)
    check_fork(fork_history[-1].scenario, scenario)

    return execute(
        [*fork_history, Segment(scenario, None)],
        lambda mode: create_run_file(path, scenario, mode, fork_history, parent, at),
        options,
    )
