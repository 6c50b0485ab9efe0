"""Resume: an interrupted run continues where its recording ends."""

from pathlib import Path
from typing import Any, Unpack

from aarlab.graph.run.execute import RunOptions, execute, require_secrets
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.segments import segments_of
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import RunAlreadyFinished
from aarlab.memory.run_reader import RunReader


def resume_run(path: Path, **options: Unpack[RunOptions]) -> dict[str, Any]:
    """Resume an interrupted run and return its summary.

    The graph re-executes from the start with the recorded replies and scores and continues live where the recording
    ends, so nothing is paid for or executed twice. A seeded run ends with the same result as without the interruption.

    Args:
        path: The run file.
        **options: Options of the execution. `sandbox` is strict by default, whatever mode the file has recorded.

    Raises:
        FileNotFoundError: The file does not exist.
        SchemaError: The file is not a run file, or was written by another version of aarlab.
        FileLocked: Another process is writing the file.
        RunAlreadyFinished: The run is finished.
        Divergence: The re-execution differs from the recording: code, prompts or versions have changed.
        LaboratorySecretError: The run needs the secret of the laboratory in which it was started.
        SandboxUnavailable, ModelError: As in `run_scenario`.
    """
    with RunReader.open(path) as file:
        info, segments = file.info(), segments_of(file)
    if info.summary is not None:
        raise RunAlreadyFinished.of(path, info.status)
    require_secrets(segments, options)
    replay_run(path, progress=options.get("progress"))  # finds divergences before anything is paid for
    return execute(segments, lambda mode: ReplayingLog.resume(path, mode), options)
