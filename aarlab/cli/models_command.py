"""`aarlab models`: what agents can think with, what it needs and costs, and whether it answers."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import (
    Status,
    env_file_option,
    exit_on_bad_input,
    json_option,
    print_json,
    refuse,
    set_option,
    stderr_console,
    stdout_console,
)

if TYPE_CHECKING:
    from aarlab.agents.models.base import Reply
    from aarlab.agents.models.registry import ModelInfo, Provider
    from aarlab.graph.calls.live_settings import LiveSettings

_QUESTION = "Use the tool to add two and two, and say nothing else."


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the base models that agents can think with, what they need, and the prices that are known.

    `aarlab models test NAME` asks one of them a small question.
    """
    if context.invoked_subcommand is not None:
        return
    from aarlab.agents.models.registry import MODELS, PROVIDERS, UnknownModel, external_providers

    try:
        providers = [*PROVIDERS.values(), *external_providers()]
    except UnknownModel as error:
        click.echo(str(error), err=True)
        sys.exit(Status.FAILED)
    if as_json:
        own = [{"name": model.name, "about": model.about, "needs": model.needs} for model in MODELS.values()]
        print_json(
            {"models": own, "providers": [_provider_json(provider) for provider in providers], "prices": _prices()}
        )
        return
    _show(list(MODELS.values()), providers)


def _provider_json(provider: "Provider") -> dict[str, Any]:
    return {"name": provider.name, "about": provider.about, "needs": provider.needs, "models": provider.models}


def _prices() -> dict[str, Any]:
    """Return the prices of aarlab's own table, in US dollars for a million tokens, by model."""
    from dataclasses import asdict

    from aarlab.agents.models.pricing import default_prices

    table = default_prices()
    return {name: {**asdict(price), "as_of": str(day)} for name, (price, day) in table.prices.items()}


def _show(own: "list[ModelInfo]", providers: "list[Provider]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from aarlab.agents.models.pricing import default_prices

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("model", style="bold cyan", no_wrap=True)
    table.add_column("what it is")
    table.add_column("needs")
    for model in own:
        table.add_row(model.name, model.about, model.needs)
    for provider in providers:
        # As text, for brackets in it mean what they say.
        about = Text(f"{provider.about} MODEL is {provider.models}.")
        table.add_row(f"{provider.name}/MODEL", about, Text(provider.needs))
    prices = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    prices.add_column("$ a million tokens", style="cyan", no_wrap=True)
    for heading in ("in", "out", "from cache", "into cache"):
        prices.add_column(heading, justify="right", no_wrap=True)
    prices.add_column("as of", no_wrap=True, min_width=10)
    for name, (price, day) in default_prices().prices.items():
        rates = (price.input, price.output, price.cache_read, price.cache_write)
        prices.add_row(name, *(f"{rate:g}" for rate in rates), str(day))
    console = stdout_console()
    console.print(table)
    console.print(prices)
    console.print("What has no price here costs an unknown amount; give prices with [bold]--set live.prices=FILE[/].")
    console.print("Choose a model with [bold]--set team.model=NAME[/], try it with [bold]aarlab models test NAME[/].")


@models.command()
@click.argument("name")
@set_option
@env_file_option
@json_option
def test(name: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Ask a base model one small question, with one small tool, and show the answer, its tokens and what it cost.

    Where and how it is asked is set as for a run: `--set live.base_urls={openai: "http://localhost:8000/v1"}`.
    """
    from aarlab.agents.models.base import ModelError
    from aarlab.config import Fault
    from aarlab.config.scenario_files import load_scenario

    with exit_on_bad_input(as_json=as_json):
        live = load_scenario(None, [*settings, f"team.model={name}"]).live
    if (missing := live.model(name).missing_requirement()) is not None:
        refuse([Fault(name, None, missing, None)], as_json=as_json)
    began = time.monotonic()
    try:
        reply = asyncio.run(_asked(name, live))
    except ModelError as error:
        click.echo(f"{name} does not answer: {error}", err=True)
        if as_json:
            print_json({"status": "failed", "error": str(error)})
        sys.exit(Status.FAILED)
    seconds = time.monotonic() - began
    if as_json:
        print_json(_answer(reply, seconds))
    else:
        _show_answer(reply, seconds)


async def _asked(name: str, live: "LiveSettings") -> "Reply":
    from dataclasses import replace

    from aarlab.agents.models.base import Request
    from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.memory.messages import Conversation, ToolSpec, user_message

    number = {"type": "integer"}
    schema = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]}
    tool = ToolSpec("add", "Add two numbers.", schema)
    question = Request(Conversation.begin("You are being tried out.").then(user_message(_QUESTION)), (tool,))
    model = live.model(name).open(1, "r1", "varied")
    try:
        with DelayedProgressBar(stderr_console(), delay_s=2.0) as progress_bar:
            patient = RetryingModel(
                model, name, RetryPolicy(max_total_s=60.0), seed=1, agent="r1", on_wait=progress_bar
            )
            reply = await patient.reply(question)
    finally:
        if (close := getattr(model, "aclose", None)) is not None:
            await close()
    price = live.price(name)
    cost = reply.cost_usd if reply.cost_usd is not None or price is None else price.cost_usd(reply.usage)
    return replace(reply, cost_usd=cost)


def _answer(reply: "Reply", seconds: float) -> dict[str, Any]:
    from dataclasses import asdict

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


def _show_answer(reply: "Reply", seconds: float) -> None:
    from rich.markup import escape

    from aarlab.cli.formatting import printable

    console = stdout_console()
    if reply.message.thinking:
        console.print(f"[dim italic]{escape(printable(reply.message.thinking))}[/]")
    if reply.message.text:
        console.print(escape(printable(reply.message.text)))
    for use in reply.message.tool_calls:
        console.print(
            f"[yellow]▸[/] [bold yellow]{escape(printable(use.name))}[/] {escape(printable(str(use.arguments)))}"
        )
    usage = reply.usage
    cost = "cost unknown" if reply.cost_usd is None else f"${reply.cost_usd:.6f}"
    console.print(
        f"{escape(reply.model)} ended with {reply.stop_reason} after {seconds:.1f} s: "
        f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out, {cost}"
    )
    if not reply.message.tool_calls:
        console.print("It did not use the tool. Researchers work by tools; see live.text_tools.", style="yellow")
