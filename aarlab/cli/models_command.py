"""`aarlab models`: list base models with their requirements and prices, or test one."""

import asyncio
import sys
import time
from dataclasses import asdict, replace
from typing import Any

import rich_click as click
from rich.markup import escape
from rich.table import Column
from rich.text import Text

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.agents.models.outside.coroutine_runner import installed_agents
from aarlab.agents.models.pricing import default_prices
from aarlab.agents.models.registry import (
    MODELS,
    PROVIDERS,
    ModelInfo,
    Provider,
    UnknownModel,
    external_providers,
    find_model,
)
from aarlab.agents.models.retrying import RetryPolicy, single_reply
from aarlab.cli import model_probe
from aarlab.cli.formatting import printable
from aarlab.cli.log_output import log_level_option
from aarlab.cli.options import allow_base_url_option, env_file_option, json_option, set_option
from aarlab.cli.output import Status, exit_on_bad_input, print_json, refuse, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.run_execution import confirm_addresses
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.config import Fault
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.calls.live_settings import LiveSettings


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List base models and their prices, or test one.

    `aarlab models test NAME` sends one small request to a base model.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        providers = [*PROVIDERS.values(), *external_providers()]
    except UnknownModel as error:
        click.echo(str(error), err=True)
        sys.exit(Status.FAILED)
    listed_models = [*MODELS.values(), *(find_model(f"agent/{name}") for name in installed_agents())]
    if as_json:
        models = [{"name": model.name, "about": model.about, "needs": model.needs} for model in listed_models]
        listed = [_provider_json(provider) for provider in providers]
        print_json({"models": models, "providers": listed, "prices": _prices_json()})
        return
    _print_models(listed_models, providers)


def _provider_json(provider: Provider) -> dict[str, Any]:
    return {"name": provider.name, "about": provider.about, "needs": provider.needs, "models": provider.models}


def _prices_json() -> dict[str, Any]:
    """Return the shipped prices in US dollars per million tokens, by model."""
    table = default_prices()
    return {name: {**asdict(price), "as_of": str(day)} for name, (price, day) in table.prices.items()}


def _print_models(models: list[ModelInfo], providers: list[Provider]) -> None:
    table = data_table(name_column("model"), "description", "requires")
    for model in models:
        table.add_row(model.name, model.about, model.needs)
    for provider in providers:
        # Text, so that rich does not read brackets as markup.
        about = Text(f"{provider.about} MODEL is {provider.models}.")
        table.add_row(f"{provider.name}/MODEL", about, Text(provider.needs))
    headings = ("input", "output", "cache read", "cache write")
    prices = data_table(
        name_column("model"),
        *(number_column(heading) for heading in headings),
        Column("as of", no_wrap=True, min_width=10),
        title="Prices in US dollars per million tokens",
    )
    for name, (price, day) in default_prices().prices.items():
        rates = (price.input, price.output, price.cache_read, price.cache_write)
        prices.add_row(name, *(f"{rate:g}" for rate in rates), str(day))
    console = stdout_console()
    console.print(table)
    console.print(prices)
    console.print("The cost of models without a price is unknown. Set prices with [bold]--set live.prices=FILE[/].")
    console.print("Select a model with [bold]--set team.model=NAME[/], test it with [bold]aarlab models test NAME[/].")


@models.command()
@click.argument("name")
@set_option
@env_file_option
@allow_base_url_option
@log_level_option
@json_option
def test(name: str, settings: tuple[str, ...], allowed_hosts: tuple[str, ...], as_json: bool) -> None:
    """Send one small request with one tool to a base model, and print the reply, its tokens and its cost.

    The reply has 300 tokens at most. A simulated model gets a first request in its role. The settings are those of a
    run: `--set live.base_urls={openai: "http://localhost:8000/v1"}`.
    """
    with exit_on_bad_input(as_json=as_json):
        live = load_scenario(None, settings).live
    # A thinking budget must be less than the limit, which includes it.
    thinking = live.thinking if isinstance(live.thinking, int) else 0
    live = live.model_copy(update={"max_tokens": min(live.max_tokens, thinking + model_probe.MAX_TOKENS)})
    try:
        missing = live.model(name).missing_requirement()
    except UnknownModel as error:
        missing = str(error)
    if missing is not None:
        refuse([Fault(name, None, missing, None)], as_json=as_json)
    confirm_addresses([(live, name)], settings, allowed_hosts, as_json=as_json)
    started, request = time.monotonic(), model_probe.probe_request(name)
    try:
        reply = asyncio.run(_reply(name, live, request))
    except ModelError as error:
        problem = redacted(str(error))
        click.echo(f"{name} does not reply: {problem}", err=True)
        if as_json:
            print_json({"status": "failed", "error": problem})
        sys.exit(Status.FAILED)
    seconds = time.monotonic() - started
    result = model_probe.examine(request, reply)
    if as_json:
        print_json({**_reply_json(reply, seconds), **_result_json(result)})
    else:
        _print_reply(reply, seconds)
        _print_result(result, reply, live.max_tokens)


async def _reply(name: str, live: LiveSettings, request: Request) -> Reply:
    """Return the reply to the test request, with its cost if the price is known. Raises ModelError."""
    with DelayedProgressBar(stderr_console(), delay_s=2.0) as progress_bar:
        policy = RetryPolicy(max_total_s=60.0)
        reply = await single_reply(live.model(name), request, policy, agent="r1", on_wait=progress_bar)
    price = live.price(name)
    cost = reply.cost_usd if reply.cost_usd is not None or price is None else price.cost_usd(reply.usage)
    return replace(reply, cost_usd=cost)


def _reply_json(reply: Reply, seconds: float) -> dict[str, Any]:
    return {
        "status": "done",
        "model": reply.model,
        "reply": [block.to_json() for block in reply.message.blocks],
        "stop_reason": reply.stop_reason,
        "usage": asdict(reply.usage),
        "cost_usd": reply.cost_usd,
        "attempts": 1 + len(reply.failed_attempts),
        "seconds": round(seconds, 3),
    }


def _print_reply(reply: Reply, seconds: float) -> None:
    console = stdout_console()
    if reply.message.thinking:
        console.print(f"[dim italic]{escape(printable(reply.message.thinking))}[/]")
    if reply.message.text:
        console.print(escape(printable(reply.message.text)))
    for call in reply.message.tool_calls:
        console.print(
            f"[yellow]▸[/] [bold yellow]{escape(printable(call.name))}[/] {escape(printable(str(call.arguments)))}"
        )
    usage = reply.usage
    tokens = (
        "tokens unknown" if usage.tokens is None else f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    )
    cost = "cost unknown" if reply.cost_usd is None else f"${reply.cost_usd:.6f}"
    console.print(
        f"{escape(reply.model)} replied in {seconds:.1f} s (stop reason {reply.stop_reason}): {tokens}, {cost}",
        soft_wrap=not console.is_terminal,
    )


def _result_json(result: model_probe.ProbeResult) -> dict[str, Any]:
    """Return whether tool calls and JSON arguments work; None: there was no tool call."""
    return {
        "tool_calls": result.tools is None,
        "json_arguments": None if result.tools is not None else result.json_arguments is None,
    }


def _print_result(result: model_probe.ProbeResult, reply: Reply, max_tokens: int) -> None:
    console = stdout_console()
    if result.tools is not None:
        console.print(
            f"Tool calls: {printable(result.tools)}. Researchers need them; see live.requests.NAME.tools.",
            style="yellow",
            markup=False,
        )  # fmt: skip
    elif result.json_arguments is not None:
        console.print(f"JSON arguments: {printable(result.json_arguments)}.", style="yellow", markup=False)
    else:
        console.print("Tool calls and JSON arguments work.", style="green")
    if reply.stop_reason == "max_tokens":
        console.print(f"The reply was cut off at {max_tokens} tokens, the limit of this test.", style="yellow")
