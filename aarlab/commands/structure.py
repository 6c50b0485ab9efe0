"""`aarlab structure`: the dials of a structure, and the graphs that are compiled from it."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.commands.shared import (
    bad_input_explained,
    json_option,
    print_json,
    refuse,
    set_option,
    stdout_console,
)

if TYPE_CHECKING:
    from rich.console import Console

    from aarlab.graph.structure import Structure


@click.command()
@click.argument("name", required=False)
@set_option
@click.option("--mermaid", is_flag=True, help="Print the graphs as Mermaid source, in Markdown.")
@json_option
def structure(name: str | None, settings: tuple[str, ...], mermaid: bool, as_json: bool) -> None:
    """Show where the dials of a structure stand, and the graphs that it is compiled to.

    NAME is a preset; without it the presets are listed. Turn a dial with `--set structure.review=gate`.
    """
    from aarlab.config import Fault, load_scenario
    from aarlab.config.faults import did_you_mean
    from aarlab.graph.structure import PRESETS

    if name is not None and name not in PRESETS:
        refuse(
            [Fault("structure", None, f"{name!r}", ", ".join(PRESETS), did_you_mean(name, PRESETS))], as_json=as_json
        )
    if name is None and not settings:
        _list_presets(as_json=as_json)
        return
    with bad_input_explained(as_json=as_json):
        chosen = load_scenario(None, [*settings, *([f"structure={name}"] if name else [])]).structure
    graphs = _compiled(chosen)
    if as_json:
        sources = {which: graph.draw_mermaid() for which, graph in graphs.items()}
        print_json({"name": name, "dials": chosen.model_dump(mode="json", exclude={"preset"}), "mermaid": sources})
    elif mermaid:
        for which, graph in graphs.items():
            click.echo(f"## {which} graph\n\n```mermaid\n{graph.draw_mermaid().rstrip()}\n```\n")
    else:
        _show(chosen, graphs, stdout_console())


def _compiled(chosen: "Structure") -> dict[str, Any]:
    """Return the drawable graphs by name."""
    from aarlab.graph.researcher import compile_researcher
    from aarlab.graph.team import compile_team

    return {"team": compile_team(chosen).get_graph(), "researcher": compile_researcher(chosen).get_graph()}


def _list_presets(*, as_json: bool) -> None:
    from aarlab.graph.structure import DIALS, PRESETS

    if as_json:
        print_json({"presets": {name: dict(dials) for name, dials in PRESETS.items()}})
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("preset", style="bold cyan")
    for dial in DIALS:
        table.add_column(dial.name)
    for name, dials in PRESETS.items():
        table.add_row(name, *(dials[dial.name] for dial in DIALS))
    console = stdout_console()
    console.print(table)
    console.print("See one with [bold]aarlab structure NAME[/], run it with [bold]aarlab run --set structure=NAME[/].")


def _show(chosen: "Structure", graphs: dict[str, Any], console: "Console") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from aarlab.graph.structure import DIALS

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("dial", style="bold cyan")
    table.add_column("stands at", style="bold")
    table.add_column("which means")
    table.add_column("the claim it tests", style="dim")
    for dial in DIALS:
        value = chosen.setting(dial)
        table.add_row(dial.name, value, dial.values[value], dial.claim)
    console.print(table)
    for which, graph in graphs.items():
        console.print(Text(f"{which} graph", style="bold"))
        for line in drawn(graph):
            console.print(Text(f"  {line}"))
        console.print()
    console.print("As Mermaid source: [bold]--mermaid[/].")


def drawn(graph: Any) -> list[str]:
    """Return a graph as lines for the terminal, one for each node: where it leads, with ⇢ where that depends."""
    targets: dict[str, list[Any]] = {}
    for edge in graph.edges:
        targets.setdefault(edge.source, []).append(edge)
    # In the order of their definition; the end is drawn last, wherever it could be reached first.
    order = sorted(graph.nodes, key=lambda node: node == "__end__")
    width = max((len(_label(node)) for node in order if node in targets), default=0)
    lines = []
    for node in order:
        if node in targets:
            edges = sorted(targets[node], key=lambda edge: order.index(edge.target))
            ways = "   ".join(f"{'⇢' if edge.conditional else '→'} {_label(edge.target)}" for edge in edges)
            lines.append(f"{_label(node):<{width}} {ways}")
    return lines


def _label(node: str) -> str:
    return {"__start__": "START", "__end__": "END"}.get(node, node)
