"""`aarlab resume`: a run that was broken off goes on."""

import sys
from functools import partial

import rich_click as click

from aarlab.cli.options import (
    SandboxMode,
    env_file_option,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    no_cache_option,
    print_json,
    recorded_sandbox_option,
    refuse,
    task_file_option,
)
from aarlab.cli.run_common import check_models, execute_run, load_recorded_run, print_summary, status_of


@click.command()
@click.argument("run", required=False)
@task_file_option
@recorded_sandbox_option
@no_cache_option
@env_file_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@json_option
def resume(run: str | None, sandbox: SandboxMode | None, no_cache: bool, quiet: bool, as_json: bool) -> None:
    """Go on with a run that was broken off: by Ctrl-C, a kill, a crash, or a provider that stayed away.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs; without it, the newest run in ./runs.
    What was done is taken from the file: no call is paid for twice, no experiment repeated. A seeded run of simulated
    researchers comes to the same digest as one that was never interrupted.
    """
    with exit_on_bad_input(as_json=as_json):
        path, info, scenario = load_recorded_run(run)
    if info.summary is not None:
        from aarlab.config import Fault

        found = f"a run that has come to its end ({info.status}) and was scored"
        allowed = (
            f"a run that was broken off. To go on otherwise from one of its rounds: aarlab fork {path} --round ROUND"
        )
        refuse([Fault(str(path), None, found, allowed)], as_json=as_json)
    check_models(scenario, as_json=as_json)
    handle_sigterm()
    from aarlab.graph.run.resume import resume_run

    with exit_on_bad_input(as_json=as_json):
        summary = execute_run(
            partial(resume_run, path), scenario, path, sandbox=sandbox, cache=not no_cache, quiet=quiet
        )
    if as_json:
        print_json(summary)
    elif "digest" in summary:
        print_summary(summary)
    sys.exit(status_of(summary))
