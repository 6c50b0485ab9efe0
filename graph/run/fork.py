"""Fork: a new run shares the rounds of its parent before one round and continues under another configuration."""

from pathlib import Path
from typing import Any, Unpack

from aarlab.graph.run.execute import (
    RunOptions,
    create_run_file,
    execute,
    require_new_path,
    require_secrets,
    with_recorded_secret,
)
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.segments import Segment, check_fork, segments_before
from aarlab.graph.scenario import Scenario
from aarlab.memory.message_edit import MessageEdit
from aarlab.memory.run_reader import RunReader


def fork_run(
    parent: Path,
    path: Path,
    scenario: Scenario,
    *,
    at: int,
    edit: MessageEdit | None = None,
    **options: Unpack[RunOptions],
) -> dict[str, Any]:
    """Fork a run at the beginning of a round or at an edited message, execute the new run and return its summary.

    Args:
        parent: The run file of the parent, which is not changed.
        path: The run file to create; its stem is the id of the new run.
        scenario: The configuration from round `at`.
        at: The first round of the new run that is not the parent's, or the round of the edited message.
        edit: An edited message. The new run has all that the parent recorded before it, also in round `at`; so the
            structure and the base models must be those of the parent.
        **options: Options of the execution.

    Raises:
        FileExistsError: The file `path` exists.
        NoSuchRound: The parent has not begun round `at`.
        InvalidFork: The scenario has another task, opening, team size or round length than the parent.
        FileNotFoundError, SchemaError, Divergence: As in `resume_run`, for the parent.
        LaboratorySecretError: The parent needs the secret of the laboratory in which it was started.
        SandboxUnavailable, ModelError: As in `run_scenario`.
    """
    require_new_path(path)
    with RunReader.open(parent) as file:
        fork_history = segments_before(file, at)
    scenario = with_recorded_secret(scenario, options)
    require_secrets(fork_history, options)
    replay_run(parent, progress=options.get("progress"))  # finds divergences before anything is paid for
    check_fork(fork_history[-1].scenario, scenario)
    return execute(
        [*fork_history, Segment(scenario, None)],
        lambda mode: create_run_file(path, scenario, mode, fork_history, parent, at, edit),
        options,
    )
