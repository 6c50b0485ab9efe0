"""`aarlab fork`: the same team up to a round, and then otherwise."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from aarlab.commands.shared import (
    SandboxMode,
    Status,
    bad_input_explained,
    env_file_option,
    json_option,
    no_cache_option,
    print_json,
    sandbox_as_before_option,
    set_option,
    stdout_console,
    stop_politely,
)
from aarlab.commands.work import carry_out, check_models, new_file, recorded_run, status_of, tell


@click.command()
@click.argument("run")
@click.option("--at", type=click.IntRange(min=1), required=True, metavar="ROUND", help="The first round that is new.")
@set_option
@click.option("--model", metavar="NAME", help="Base model of all researchers from there on, or of the one named.")
@click.option("--agent", metavar="A", help="The one researcher, such as r3, for whom `--model` is meant.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="How many times to go on from there: as the run did, and under the next seeds.",
)  # fmt: skip
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run files.")
@sandbox_as_before_option
@no_cache_option
@env_file_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@json_option
def fork(
    run: str,
    at: int,
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

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs. Up to the beginning of round `--at` the
    new run is the old one; what that took is neither paid nor done again. From there on it is under the settings
    given, which may be none: then it comes to the same, or under other seeds shows how far chance goes. The old file
    is not changed; the new one says where it comes from.
    """
    with bad_input_explained(as_json=as_json):
        from aarlab.config import ConfigError, Fault
        from aarlab.forking import forked_scenario

        path, info, before = recorded_run(run, asked=False)
        if agent is not None and model is None:
            raise ConfigError([Fault(f"--agent {agent}", None, "an agent without a model", "--agent A --model NAME")])
        chosen = [] if model is None else [f"team.model={model}" if agent is None else f"team.models.{agent}={model}"]
        scenarios = [forked_scenario(path, at, [*settings, *chosen], before.seed + place) for place in range(seeds)]
    check_models(scenarios[0], as_json=as_json)
    stop_politely()
    from aarlab.graph.again import fork_run

    summaries: list[dict[str, Any]] = []
    mode = sandbox or info.sandbox
    for scenario in scenarios:
        target = new_file(f"{scenario.name}-at{at}", scenario.seed, Path(out), as_json=as_json)
        with bad_input_explained(as_json=as_json):
            work = partial(fork_run, path, target, scenario, at=at)
            summaries.append(carry_out(work, scenario, target, sandbox=mode, cache=not no_cache, quiet=quiet))
        if status_of(summaries[-1]) is not Status.DONE:
            break
    if as_json:
        print_json({"parent": str(path.resolve()), "at": at, "forks": summaries})
    elif seeds == 1 and "digest" in summaries[0]:
        tell(summaries[0])
    elif seeds > 1:
        _tell(path, info.summary, summaries)
    sys.exit(max(status_of(summary) for summary in summaries))


def _tell(parent: Path, before: Any, summaries: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    from aarlab.wording import pgr_text

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
