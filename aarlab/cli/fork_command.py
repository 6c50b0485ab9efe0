"""`aarlab fork`: the same team up to a round, and then otherwise."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from aarlab.cli.options import (
    SandboxMode,
    Status,
    env_file_option,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    no_cache_option,
    print_json,
    recorded_sandbox_option,
    set_option,
    stdout_console,
    task_file_option,
)
from aarlab.cli.run_common import check_models, execute_run, load_recorded_run, new_file, print_summary, status_of


@click.command()
@click.argument("run")
@click.option(
    "--round", type=click.IntRange(min=1), required=True, metavar="ROUND", help="The first round that is new."
)
@set_option
@click.option("--model", metavar="NAME", help="Base model of all researchers from there on, or of the one named.")
@click.option("--agent", metavar="A", help="The one researcher, such as r3, for whom `--model` is meant.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="How many times to go on from there: as the run did, and under the next seeds.",
)  # fmt: skip
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run files.")
@task_file_option
@recorded_sandbox_option
@no_cache_option
@env_file_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@json_option
def fork(
    run: str,
    round: int,
    settings: tuple[str, ...],
    model: str | None,
    agent: str | None,
    seeds: int,
    out: str,
    sandbox: SandboxMode | None,
    no_cache: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Let a run go on otherwise from one of its rounds: the same past, another structure or another base model.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs. Up to the beginning of round `--round` the
    new run is the old one; what that took is neither paid nor done again. From there on it is under the settings
    given, which may be none: then it comes to the same, or under other seeds shows how far chance goes. The old file
    is not changed; the new one says where it comes from.
    """
    with exit_on_bad_input(as_json=as_json):
        from aarlab.config import ConfigError, Fault
        from aarlab.config.forked_scenario import forked_scenario

        path, info, before = load_recorded_run(run, models_needed=False)
        if agent is not None and model is None:
            raise ConfigError([Fault(f"--agent {agent}", None, "an agent without a model", "--agent A --model NAME")])
        chosen = [] if model is None else [f"team.model={model}" if agent is None else f"team.models.{agent}={model}"]
        scenarios = [forked_scenario(path, round, [*settings, *chosen], before.seed + place) for place in range(seeds)]
    check_models(scenarios[0], as_json=as_json)
    handle_sigterm()
    from aarlab.graph.run.fork import fork_run

    summaries: list[dict[str, Any]] = []
    mode = sandbox or info.sandbox
    for scenario in scenarios:
        target = new_file(f"{scenario.name}-at{round}", scenario.seed, Path(out), as_json=as_json)
        with exit_on_bad_input(as_json=as_json):
            execute = partial(fork_run, path, target, scenario, at=round)
            summaries.append(execute_run(execute, scenario, target, sandbox=mode, cache=not no_cache, quiet=quiet))
        if status_of(summaries[-1]) is not Status.DONE:
            break
    if as_json:
        print_json({"parent": str(path.resolve()), "round": round, "forks": summaries})
    elif seeds == 1 and "digest" in summaries[0]:
        print_summary(summaries[0])
    elif seeds > 1:
        _print_forks(path, info.summary, summaries)
    sys.exit(max(status_of(summary) for summary in summaries))


def _print_forks(parent: Path, before: Any, summaries: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    from aarlab.cli.formatting import pgr_text

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("run", no_wrap=True)
    for heading in ("held-out PGR", "autonomy", "entropy"):
        table.add_column(heading, justify="right")
    rows = [(parent.stem, before), *((summary["run_id"], summary) for summary in summaries)]
    for name, summary in rows:
        if isinstance(summary, dict) and "digest" in summary:
            heldout = summary["heldout"] or {}
            figures = (summary["realised_autonomy"], summary["entropy_bits"])
            told = ["–" if figure is None else f"{figure:.2f}" for figure in figures]
            table.add_row(name, pgr_text(heldout.get("pgr"), heldout.get("se")), *told)
        else:
            table.add_row(name, "not finished", "", "")
    stdout_console().print(table)
