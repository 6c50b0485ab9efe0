"""Command-line options that several commands share."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

import rich_click as click

from aarlab.cli.completion import complete_setting
from aarlab.cli.envfile import read_env_file
from aarlab.cli.output import refuse
from aarlab.config import ConfigError, Fault

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")(
        command
    )


def set_option(command: Command) -> Command:
    """Add `--set`."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        shell_complete=complete_setting,
        help="Set a field of the scenario, such as `budget.hours=12` or `structure.review=gate`. Repeatable.",
    )(command)


def sandbox_option(command: Command) -> Command:
    """Add `--sandbox`."""
    # It loads the libraries of methods. Commands that only read a run do not need them.
    from aarlab.tools.sandbox import SandboxMode

    return click.option(
        "--sandbox",
        type=click.Choice(get_args(SandboxMode)),
        default="strict",
        show_default=True,
        help="Where methods run. `strict`: in Linux namespaces. `docker`: in a container of Docker or Podman. `none`: "
        "unconfined, for debugging only.",
    )(command)


def scheduler_option(command: Command) -> Command:
    """Add `--scheduler`."""
    return click.option(
        "--scheduler",
        type=click.Choice(["auto", "direct", "langgraph"]),
        default="auto",
        show_default=True,
        help="What executes the graphs; the result is the same. `langgraph`: LangGraph, with its tracing. `direct`: a "
        "loop over the same nodes, which is faster. `auto`: LangGraph if a base model is live.",
    )(command)


def no_cache_option(command: Command) -> Command:
    """Add `--no-cache`."""
    return click.option(
        "--no-cache", is_flag=True, help="Measure every score again, also those in the cache that all runs share."
    )(command)


def quiet_option(command: Command) -> Command:
    """Add `--quiet`."""
    return click.option("--quiet", is_flag=True, help="Show no progress.")(command)


def oversight_policy_option(command: Command) -> Command:
    """Add `--oversight-policy`, whose value is a list of pairs: a kind of question, a tool, or `all`, and a policy."""

    def parse(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
        from aarlab.graph.calls.oversight_policy import OversightPolicy
        from aarlab.memory.events import QuestionKind

        policies: dict[str, str] = {}
        for text in texts:
            kind, _, policy = text.partition(":")
            # `timeout=1:approve` has a colon of its own.
            kind, policy = (kind, policy) if policy and kind.isidentifier() else ("all", text)
            try:
                OversightPolicy.parse(policy)
            except ValueError as error:
                fault = Fault(
                    f"--oversight-policy {text}", None, str(error), f"[{'|'.join(get_args(QuestionKind))}|TOOL:]POLICY"
                )
                refuse([fault], as_json=bool(context.params.get("as_json")))
            policies[kind] = policy
        return policies

    return click.option(
        "--oversight-policy",
        "policies",
        multiple=True,
        metavar="[KIND:]POLICY",
        callback=parse,
        help="What the run does while nobody answers `human/inbox`: `ask` (it ends), `wait`, `auto-approve`, `reject`, "
        "`timeout=HOURS:approve` or `timeout=HOURS:reject`; for one KIND of question (`checkpoint`, `release`, "
        "`full_run`, `finding`, `flag`, `tool_call`), for calls of one tool of `structure.approve_tools`, or all. "
        "Repeatable.",
    )(command)


def policy_settings(policies: Mapping[Any, str]) -> list[str]:
    """Return the values of `--oversight-policy` as settings of a scenario."""
    return [f"live.oversight_policy.{kind}={policy}" for kind, policy in policies.items()]


def allow_base_url_option(command: Command) -> Command:
    """Add `--allow-base-url` and `--allow-agent`, whose values are in one list."""
    return click.option(
        "--allow-base-url",
        "--allow-agent",
        "allowed_hosts",
        multiple=True,
        metavar="NAME",
        help="Send keys to this server, or start the command of this outside agent, although a scenario or run file "
        "names it in `live.base_urls` or `live.agents`. Repeatable. Addresses of this machine, and what is given with "
        "`--set`, need no permission.",
    )(command)


def env_file_option(command: Command) -> Command:
    """Add `--env-file`. The file is read before the command starts."""

    def read(context: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None:
            try:
                read_env_file(path)
            except ConfigError as error:
                refuse(error.faults, as_json=bool(context.params.get("as_json")))

    return click.option(
        "--env-file",
        metavar="FILE",
        callback=read,
        expose_value=False,
        help="Read API keys from a file with lines KEY=VALUE. They override the environment.",
    )(command)
