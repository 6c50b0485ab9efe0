"""`aarlab structure`: the dials of a structure and the graphs compiled from it."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Column
from rich.text import Text

from aarlab.cli.completion import complete_preset
from aarlab.cli.options import json_option, set_option
from aarlab.cli.output import exit_on_bad_input, print_json, refuse, stdout_console
from aarlab.cli.tables import data_table, labelled_rows, name_column
from aarlab.config import Fault
from aarlab.config.errors import did_you_mean
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.flow.researcher_graph import researcher_flow
from aarlab.graph.flow.team_graph import team_flow
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import DIALS, PRESETS, SINGLE, Structure

Graphs = Mapping[str, Any]
"""LangGraph's drawable graphs by name: `team`, `researcher`."""


class GraphvizMissingError(RuntimeError):
    """Graphviz is not installed; the message says how to install it."""


@click.command()
@click.argument("name", required=False, shell_complete=complete_preset)
@set_option
@click.option("--dials", is_flag=True, help="Explain every dial: its values, and the hypothesis that it tests.")
@click.option("--mermaid", is_flag=True, help="Print the graphs as Mermaid source in Markdown.")
@click.option("--png", metavar="FILE", help="Write a picture of the graphs (needs Graphviz).")
@click.option("--compare", nargs=2, metavar="A B", help="Show only the differences between two presets.")
@json_option
def structure(
    name: str | None,
    settings: tuple[str, ...],
    dials: bool,
    mermaid: bool,
    png: str | None,
    compare: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Show the dials of a structure and its compiled graphs.

    NAME is a preset; without it the presets are listed. `--dials` explains all values. Change a dial with
    `--set structure.review=gate`.
    """
    if compare and (name is not None or settings or mermaid or png):
        fault = Fault("--compare", None, "--compare cannot be combined with other arguments", "two presets only")
        refuse([fault], as_json=as_json)
    if dials and (name is not None or settings or mermaid or png or compare):
        fault = Fault("--dials", None, "--dials cannot be combined with other arguments", "only --json")
        refuse([fault], as_json=as_json)
    for preset in (*([name] if name is not None else []), *(compare or ())):
        if preset not in PRESETS:
            problem = f"unknown preset {preset!r}"
            refuse(
                [Fault("structure", None, problem, ", ".join(PRESETS), did_you_mean(preset, PRESETS))], as_json=as_json
            )
    if compare:
        _compare_presets(*compare, as_json=as_json)
        return
    if dials:
        _explain_dials(as_json=as_json)
        return
    if name is None and not settings and not png:
        _list_presets(as_json=as_json)
        return
    with exit_on_bad_input(as_json=as_json):
        team = ["team.researchers=1"] if name == SINGLE else []
        scenario = load_scenario(None, [*team, *settings, *([f"structure={name}"] if name else [])])
    chosen, turnover = scenario.structure, scenario.team.turnover
    graphs = _compiled(chosen, turnover=turnover is not None)
    if png:
        _write_png(graphs, Path(png), as_json=as_json)
    if as_json:
        sources = {graph_name: graph.draw_mermaid() for graph_name, graph in graphs.items()}
        payload = {"name": name, "dials": chosen.model_dump(mode="json", exclude={"preset"}), "mermaid": sources}
        payload |= {"turnover": turnover.model_dump()} if turnover is not None else {}
        print_json(payload | ({"png": png} if png else {}))
    elif mermaid:
        for graph_name, graph in graphs.items():
            click.echo(f"## {graph_name} graph\n\n```mermaid\n{graph.draw_mermaid().rstrip()}\n```\n")
    elif png:
        click.echo(f"Wrote the graphs to {png}.")
    else:
        _print_structure(scenario, graphs, stdout_console())


def _write_png(graphs: Graphs, path: Path, *, as_json: bool) -> None:
    try:
        draw_png(graphs, path)
    except GraphvizMissingError as error:
        refuse([Fault("--png", None, str(error), "`--mermaid`, which needs no Graphviz")], as_json=as_json)
    except OSError as error:
        problem = f"the file cannot be written ({error.strerror or error})"
        refuse([Fault(f"--png {path}", None, problem, "a file in a writable folder")], as_json=as_json)


def _compiled(chosen: Structure, *, turnover: bool = False) -> Graphs:
    """Return the drawable graphs by name."""
    flows = (team_flow(chosen, turnover=turnover), researcher_flow(chosen.resolved()))
    return {flow.name: flow.compiled.get_graph() for flow in flows}


def _compare_presets(a: str, b: str, *, as_json: bool) -> None:
    """Print the dials and the edges that differ between two presets."""
    dials = {dial.name: (PRESETS[a][dial.name], PRESETS[b][dial.name]) for dial in DIALS}
    differing = {name: values for name, values in dials.items() if values[0] != values[1]}
    if a != b and SINGLE in (a, b):
        differing["team.researchers"] = ("1" if a == SINGLE else "any", "1" if b == SINGLE else "any")
    edges = [_edge_lines(_compiled(Structure.model_validate(preset))) for preset in (a, b)]
    only = {a: sorted(edges[0] - edges[1]), b: sorted(edges[1] - edges[0])}
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
                console.print(f"  {line}")


def _edge_lines(graphs: Graphs) -> set[str]:
    """Return one line for each edge."""
    return {
        f"{graph_name} graph: {_label(edge.source)} {'⇢' if edge.conditional else '→'} {_label(edge.target)}"
        for graph_name, graph in graphs.items()
        for edge in graph.edges
    }


def _explain_dials(*, as_json: bool) -> None:
    """Print each dial with its values, from the least structure to the most, and the options of the structure."""
    if as_json:
        print_json({"dials": {dial.name: {"values": dict(dial.values), "claim": dial.claim} for dial in DIALS}})
        return
    console = stdout_console()
    for dial in DIALS:
        console.print(Text.assemble((dial.name, "bold cyan"), (f"  hypothesis: {dial.claim}", "dim")))
        console.print(labelled_rows({f"  {value}": Text(meaning) for value, meaning in dial.values.items()}))
    names = {dial.name for dial in DIALS} | {"preset"}
    options = {name: info for name, info in Structure.model_fields.items() if name not in names}
    console.print(Text("options", style="bold cyan"))
    texts = {f"  {name}": Text(" ".join((info.description or "").split())) for name, info in options.items()}
    console.print(labelled_rows(texts))
    console.print(
        "\nSet one with [bold]--set structure.DIAL=VALUE[/]. Values are listed from the least structure to the most."
    )


def _list_presets(*, as_json: bool) -> None:
    if as_json:
        print_json({"presets": {name: dict(dials) for name, dials in PRESETS.items()}})
        return
    first_name, first = next(iter(PRESETS.items()))
    table = data_table(name_column("preset"), f"dials that differ from {first_name}")
    for name, dials in PRESETS.items():
        changed = [f"{dial.name} {dials[dial.name]}" for dial in DIALS if dials[dial.name] != first[dial.name]]
        changed += ["team.researchers 1"] if name == SINGLE else []
        table.add_row(name, ", ".join(changed or [f"{dial.name} {first[dial.name]}" for dial in DIALS]))
    console = stdout_console()
    console.print(table)
    console.print("Show one with [bold]aarlab structure NAME[/], run it with [bold]aarlab run --set structure=NAME[/].")
    console.print("Explain all dials and their values with [bold]aarlab structure --dials[/].")


def _print_structure(scenario: Scenario, graphs: Graphs, console: Console) -> None:
    chosen = scenario.structure
    table = data_table(
        name_column("dial"), Column("value", style="bold"), "meaning", Column("hypothesis it tests", style="dim")
    )
    for dial in DIALS:
        value = chosen.value_of(dial)
        table.add_row(dial.name, value, dial.values[value], dial.claim)
    console.print(table)
    if settings := _changed_settings(scenario):
        console.print(Text(f"settings: {', '.join(settings)}\n"))
    for graph_name, graph in graphs.items():
        console.print(Text(f"{graph_name} graph (→ always, ⇢ conditional)", style="bold"))
        for line in graph_lines(graph):
            console.print(Text(f"  {line}"))
        console.print()
    console.print("Print Mermaid source with [bold]--mermaid[/], write a picture with [bold]--png FILE[/].")


def _changed_settings(scenario: Scenario) -> list[str]:
    """Return the settings of a structure that are no dials and differ from their defaults, and turnover."""
    changed = scenario.structure.model_dump(mode="json", exclude_defaults=True, exclude={"preset"})
    dials = {dial.name for dial in DIALS}
    settings = {f"structure.{name}": value for name, value in changed.items() if name not in dials}
    if scenario.team.turnover is not None:
        settings["team.turnover"] = scenario.team.turnover.model_dump()
    return [f"{name}: {json.dumps(value)}" for name, value in settings.items()]


def _label(node: str) -> str:
    """Return the label of a node."""
    return {"__start__": "START", "__end__": "END"}.get(node, node)


def graph_lines(graph: Any) -> list[str]:
    """Return one line for each node with its edges: → for unconditional and ⇢ for conditional ones."""
    targets: dict[str, list[Any]] = {}
    for edge in graph.edges:
        targets.setdefault(edge.source, []).append(edge)
    # In the order of definition, with the end last.
    order = sorted(graph.nodes, key=lambda node: node == "__end__")
    width = max((len(_label(node)) for node in order if node in targets), default=0)
    lines = []
    for node in order:
        if node in targets:
            edges = sorted(targets[node], key=lambda edge: order.index(edge.target))
            targets_text = "   ".join(f"{'⇢' if edge.conditional else '→'} {_label(edge.target)}" for edge in edges)
            lines.append(f"{_label(node):<{width}} {targets_text}")
    return lines


def dot_source(graphs: Graphs) -> str:
    """Return the graphs side by side as Graphviz source. Conditional edges are dashed."""
    return "\n".join(
        ("digraph structure {", *_style(), *(line for item in graphs.items() for line in _box(*item)), "}")
    )


def _style() -> Iterator[str]:
    yield 'graph [fontname="Helvetica" fontsize=13 labeljust=l color="#bbbbbb" dpi=144]'
    yield 'node [shape=box style="rounded,filled" fillcolor="#f4f6f8" color="#55606a" fontname="Helvetica" fontsize=12]'
    yield 'edge [color="#55606a" arrowsize=0.7]'


def _box(name: str, graph: Any) -> Iterator[str]:
    yield f'subgraph "cluster {name}" {{ label="{name} graph"'
    for node in graph.nodes:
        shape = " shape=plain style=solid" if _label(node) != node else ""
        yield f'"{name}.{node}" [label="{_label(node)}"{shape}]'
    for edge in graph.edges:
        yield f'"{name}.{edge.source}" -> "{name}.{edge.target}"{" [style=dashed]" if edge.conditional else ""}'
    yield "}"


def draw_png(graphs: Graphs, path: Path) -> None:
    """Write the graphs to a PNG file.

    Raises:
        GraphvizMissingError: Graphviz is not installed.
        OSError: The file cannot be written.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphvizMissingError("Graphviz is not installed (no `dot`): apt-get install graphviz")
    picture = subprocess.run(
        [program, "-Tpng"], input=dot_source(graphs).encode(), capture_output=True, check=True
    ).stdout
    path.write_bytes(picture)
