"""`aarlab resume`: continue an interrupted run."""

import sys
from functools import partial

import rich_click as click

from aarlab.cli.completion import complete_run
from aarlab.cli.log_output import log_level_option
from aarlab.cli.options import (
    allow_base_url_option,
    env_file_option,
    json_option,
    no_cache_option,
    oversight_policy_option,
    quiet_option,
    sandbox_option,
    scheduler_option,
)
from aarlab.cli.output import exit_on_bad_input, refuse
from aarlab.cli.run_execution import (
    check_models,
    execute_run,
    finished_run_fault,
    load_recorded_run,
    note_other_sandbox,
    print_result,
    status_of,
    task_file_option,
)
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_interrupted_run
from aarlab.graph.calls.oversight_policy import policy_problem
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.run.resume import resume_run
from aarlab.tools.sandbox import SandboxMode


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@sandbox_option
@task_file_option
@scheduler_option
@no_cache_option
@env_file_option
@allow_base_url_option
@oversight_policy_option
@log_level_option
@quiet_option
@json_option
def resume(
    run: str | None,
    sandbox: SandboxMode,
    scheduler: Scheduler,
    no_cache: bool,
    allowed_hosts: tuple[str, ...],
    policies: dict[str, str],
    quiet: bool,
    as_json: bool,
) -> None:
    """Continue an interrupted run.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs. Without it, the newest interrupted run in
    ./runs is continued. The run may have been interrupted by Ctrl-C, a kill, a crash or a provider outage. Recorded
    replies and scores are reused: no call is paid for twice and no experiment repeated. A seeded run of simulated
    researchers ends with the same digest as an uninterrupted run.
    """
    with exit_on_bad_input(as_json=as_json):
        path, info, scenario = load_recorded_run(run or str(find_interrupted_run()))
        if problem := policy_problem(policies, scenario.structure.approve_tools):
            raise ConfigError([Fault("--oversight-policy", None, problem, "a kind of question, or a tool of the run")])
    if info.summary is not None:
        fault = finished_run_fault(path, f"the run is finished ({info.status}) and scored")
        refuse([fault], as_json=as_json)
    check_models(scenario, allowed_hosts=allowed_hosts, as_json=as_json)
    note_other_sandbox(info, sandbox)
    with exit_on_bad_input(as_json=as_json):
        execute = partial(resume_run, path, oversight_policy=policies) if policies else partial(resume_run, path)
        summary = execute_run(
            execute, scenario, path, sandbox=sandbox, scheduler=scheduler, cache=not no_cache, quiet=quiet
        )
    print_result(summary, as_json=as_json)
    sys.exit(status_of(summary))
