"""`aarlab structure`: the dials of a structure, and the graphs that are compiled from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import (
    exit_on_bad_input,
    json_option,
    print_json,
    refuse,
    set_option,
    stdout_console,
)

if TYPE_CHECKING:
    from rich.console import Console

    from aarlab.graph.structure.structure import Structure


@click.command()
@click.argument("name", required=False)
@set_option
@click.option("--mermaid", is_flag=True, help="Print the graphs as Mermaid source, in Markdown.")
@click.option("--png", metavar="FILE", help="Draw the graphs into a picture (needs Graphviz).")
@click.option("--compare", nargs=2, metavar="A B", help="Show only what differs between two presets.")
@json_option
def structure(
    name: str | None,
    settings: tuple[str, ...],
    mermaid: bool,
    png: str | None,
    compare: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Show where the dials of a structure stand, and the graphs that it is compiled to.

    NAME is a preset; without it the presets are listed. Turn a dial with `--set structure.review=gate`.
    """
    from aarlab.config import Fault
    from aarlab.config.errors import did_you_mean
    from aarlab.config.scenario_files import load_scenario
    from aarlab.graph.structure.structure import PRESETS

    if compare and (name is not None or settings or mermaid or png):
        refuse([Fault("--compare", None, "another structure beside the two", "two presets alone")], as_json=as_json)
    for preset in (*([name] if name is not None else []), *(compare or ())):
        if preset not in PRESETS:
            known = Fault("structure", None, f"{preset!r}", ", ".join(PRESETS), did_you_mean(preset, PRESETS))
            refuse([known], as_json=as_json)
    if compare:
        _compare(*compare, as_json=as_json)
        return
    if name is None and not settings and not png:
        _list_presets(as_json=as_json)
        return
    with exit_on_bad_input(as_json=as_json):
        chosen = load_scenario(None, [*settings, *([f"structure={name}"] if name else [])]).structure
    graphs = _compiled(chosen)
    if png:
        _draw(graphs, Path(png), as_json=as_json)
    if as_json:
        sources = {which: graph.draw_mermaid() for which, graph in graphs.items()}
        payload = {"name": name, "dials": chosen.model_dump(mode="json", exclude={"preset"}), "mermaid": sources}
        print_json(payload | ({"png": png} if png else {}))
    elif mermaid:
        for which, graph in graphs.items():
            click.echo(f"## {which} graph\n\n```mermaid\n{graph.draw_mermaid().rstrip()}\n```\n")
    elif png:
        click.echo(f"The graphs are drawn in {png}.")
    else:
        _show(chosen, graphs, stdout_console())


def _draw(graphs: dict[str, Any], path: Path, *, as_json: bool) -> None:
    from aarlab.cli.graph_drawing import GraphvizMissingError, draw_png
    from aarlab.config import Fault

    try:
        draw_png(graphs, path)
    except GraphvizMissingError as error:
        refuse([Fault("--png", None, str(error), "`--mermaid`, which needs nothing")], as_json=as_json)
    except OSError as error:
        found = f"a file that cannot be written ({error.strerror or error})"
        refuse([Fault(f"--png {path}", None, found, "a file in a folder that can be written to")], as_json=as_json)


def _compiled(chosen: "Structure") -> dict[str, Any]:
    """Return the drawable graphs by name."""
    from aarlab.graph.flow.researcher_graph import researcher_flow
    from aarlab.graph.flow.team_graph import team_flow

    flows = (team_flow(chosen), researcher_flow(chosen.resolved()))
    return {flow.name: flow.compiled.get_graph() for flow in flows}


def _compare(a: str, b: str, *, as_json: bool) -> None:
    """Print what differs between two presets: dials, and nodes and edges of the graphs."""
    from aarlab.graph.structure.structure import DIALS, PRESETS, Structure

    dials = {dial.name: (PRESETS[a][dial.name], PRESETS[b][dial.name]) for dial in DIALS}
    differing = {name: values for name, values in dials.items() if values[0] != values[1]}
    ways = [_edge_lines(_compiled(Structure.model_validate(preset))) for preset in (a, b)]
    only = {a: sorted(ways[0] - ways[1]), b: sorted(ways[1] - ways[0])}
    if as_json:
        payload = {name: dict(zip((a, b), values, strict=True)) for name, values in differing.items()}
        print_json({"dials": payload, "graphs": only})
        return
    console = stdout_console()
    if not differing:
        console.print(f"{a} and {b} are the same.")
    for name, (left, right) in differing.items():
        console.print(f"[bold cyan]{name}[/]: {left} in {a}, {right} in {b}")
    for preset, lines in only.items():
        if lines:
            console.print(f"[bold]only in {preset}[/]")
            for line in lines:
                console.print(f"  {line}", highlight=False)


def _edge_lines(graphs: dict[str, Any]) -> set[str]:
    """Return every edge as a line."""
    from aarlab.cli.graph_drawing import label

    return {
        f"{which} graph: {label(edge.source)} {'⇢' if edge.conditional else '→'} {label(edge.target)}"
        for which, graph in graphs.items()
        for edge in graph.edges
    }


def _list_presets(*, as_json: bool) -> None:
    from aarlab.graph.structure.structure import DIALS, PRESETS

    if as_json:
        print_json({"presets": {name: dict(dials) for name, dials in PRESETS.items()}})
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("preset", style="bold cyan")
    table.add_column("the dials that do not stand where they do in the first")
    first = next(iter(PRESETS.values()))
    for name, dials in PRESETS.items():
        turned = [f"{dial.name} {dials[dial.name]}" for dial in DIALS if dials[dial.name] != first[dial.name]]
        shown = turned or [f"{dial.name} {first[dial.name]}" for dial in DIALS]
        table.add_row(name, ", ".join(shown))
    console = stdout_console()
    console.print(table)
    console.print("See one with [bold]aarlab structure NAME[/], run it with [bold]aarlab run --set structure=NAME[/].")


def _show(chosen: "Structure", graphs: dict[str, Any], console: "Console") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from aarlab.cli.graph_drawing import lines
    from aarlab.graph.structure.structure import DIALS

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("dial", style="bold cyan")
    table.add_column("stands at", style="bold")
    table.add_column("which means")
    table.add_column("the claim it tests", style="dim")
    for dial in DIALS:
        value = chosen.value_of(dial)
        table.add_row(dial.name, value, dial.values[value], dial.claim)
    console.print(table)
    for which, graph in graphs.items():
        console.print(Text(f"{which} graph", style="bold"))
        for line in lines(graph):
            console.print(Text(f"  {line}"))
        console.print()
    console.print("As Mermaid source: [bold]--mermaid[/], as a picture: [bold]--png FILE[/].")
