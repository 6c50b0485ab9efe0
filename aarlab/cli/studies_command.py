"""`aarlab studies`: published designs that come with aarlab as ablations."""

from collections.abc import Iterator
from typing import Any

import rich_click as click
from rich.console import RenderableType
from rich.text import Text

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import AblationPlan
from aarlab.ablation.advance_checks import evidence_note
from aarlab.cli.formatting import counted
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stdout_console
from aarlab.cli.tables import data_table, labelled_rows, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.errors import did_you_mean
from aarlab.config.scenario_files import STUDIES, shipped_studies


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def studies(name: str | None, as_json: bool) -> None:
    """List the published designs that can be run, or show one.

    Each is an ablation with the design of a publication: `aarlab ablate studies/NAME` runs it without a key,
    `aarlab ablate studies/NAME --model provider/model` with a language model. The report shows the published results
    beside those of the runs. With NAME: the published figures, what is the same and what differs.
    """
    with exit_on_bad_input(as_json=as_json):
        plans = {found: load_ablation(found) for found in _selected(name)}
    if as_json:
        print_json({"studies": [_study_json(found, plan) for found, plan in plans.items()]})
        return
    console = stdout_console()
    for part in _details(plans) if name else _overview(plans):
        console.print(part)


def _selected(name: str | None) -> list[str]:
    """Return the names of the studies to show. Raises ConfigError."""
    shipped = list(shipped_studies())
    if name is None:
        return shipped
    full = name if name in shipped else f"{STUDIES}/{name}"
    if full not in shipped:
        short = [found.removeprefix(f"{STUDIES}/") for found in shipped]
        raise ConfigError([Fault(name, None, "no such study", f"one of {', '.join(short)}", did_you_mean(name, short))])
    return [full]


def _study_json(name: str, plan: AblationPlan) -> dict[str, Any]:
    ablation = plan.ablation
    return {
        "name": name,
        "question": ablation.question,
        "source": ablation.source,
        "arms": [arm.name for arm in plan.arms],
        "runs": len(plan.runs),
        "sensitivity_runs": len(plan.sensitivity_runs),
        "published": [result.model_dump(mode="json") for result in ablation.published],
        "same": ablation.same,
        "differs": ablation.differs,
    }


def _overview(plans: dict[str, AblationPlan]) -> Iterator[RenderableType]:
    for name, plan in plans.items():
        ablation, runs = plan.ablation, len(plan.runs) + len(plan.sensitivity_runs)
        published = (f"{_comparison(result.comparison, result.sign)}: {result.figure}" for result in ablation.published)
        yield Text.assemble((name, "cyan"), f"  {counted(runs, 'run')}")
        rows = {"question": ablation.question, "source": ablation.source, "published": "\n".join(published)}
        yield labelled_rows({label: Text(text) for label, text in rows.items()})
        yield Text()
    yield from _notes(next(iter(plans.values())))
    yield Text.assemble(("aarlab studies NAME", "cyan"), " shows what is the same and what differs.")
    yield Text.assemble(("aarlab ablate studies/NAME", "cyan"), " runs a study.")


def _details(plans: dict[str, AblationPlan]) -> Iterator[RenderableType]:
    ((name, plan),) = plans.items()
    ablation = plan.ablation
    yield Text(f"{name}: {ablation.question}", style="bold")
    sensitivity = f", and {len(plan.sensitivity_runs)} of its sensitivity settings" if plan.sensitivity_runs else ""
    yield labelled_rows({"source": ablation.source, "runs": f"{len(plan.runs)}{sensitivity}"})
    table = data_table(name_column("arm"), "against", number_column("sign"), "published", title="Published")
    for result in ablation.published:
        table.add_row(*result.comparison, result.sign, Text(result.figure))
    yield table
    for title, sentences in (("The same", ablation.same), ("Different", ablation.differs)):
        yield Text(title, style="bold")
        for sentence in sentences:
            yield Text(f"- {sentence}")
    yield from _notes(plan)
    yield Text(f"aarlab ablate {name} --set seeds=2 --out tried   # a first look")


def _notes(plan: AblationPlan) -> Iterator[Text]:
    if (note := evidence_note(plan)) is not None:
        yield Text(f"! {note}", style="yellow")


def _comparison(pair: list[str], sign: str) -> str:
    return f"{pair[0]} {({'+': '>', '-': '<', '0': '='})[sign]} {pair[1]}"
