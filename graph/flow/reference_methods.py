"""Reference lines of a run: the best of the published methods, and the best of all methods that come with aarlab."""

from collections.abc import Collection

from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.panel_scores import BASELINE_PREFIX, score
from aarlab.memory.events import Reference, ReferenceChosen
from aarlab.scenarios import baselines

MAX_SCREENED = 5
"""Number of library methods scored on all screening worlds, after all were scored on a quarter of these worlds."""


async def choose_references(run: RunContext) -> dict[str, str]:
    """Choose and record the best published method and the best library method; return their code by subject.

    Both are chosen on the worlds of the panel `screening`, which all runs share, so they do not depend on the team. The
    cost of finding one is that of a full experiment for each method it was chosen from. No run is charged with it. A
    task with a single world, which is a search problem, has none.
    """
    if run.scenario.task.single_world:
        return {}
    library = baselines.opening_methods("library", fine_tunes=run.scenario.task.fine_tunes)
    screening_worlds = run.scenario.scoring.screening_worlds
    codes = {f"{BASELINE_PREFIX}{name}": method.code for name, method in library.items()}
    published = [f"{BASELINE_PREFIX}{name}" for name in baselines.PUBLISHED]
    first = await score(run, codes, "screening", max(2, screening_worlds // 4), round=run.rounds + 1)
    screened = {name: codes[name] for name in dict.fromkeys([*list(first)[:MAX_SCREENED], *published])}
    ranked = list(await score(run, screened, "screening", screening_worlds, round=run.rounds + 1))
    best_published = next((name for name in ranked if name in published), None)
    best = ranked[0] if ranked else None
    _record(run, "published", best_published, published)
    _record(run, "library", best, codes)
    return {name: codes[name] for name in (best_published, best) if name is not None}


def _record(run: RunContext, reference: Reference, method: str | None, chosen_from: Collection[str]) -> None:
    hours = len(chosen_from) * run.scenario.costs.full
    run.record(ReferenceChosen(reference, method, len(chosen_from), hours), round=run.rounds + 1)
