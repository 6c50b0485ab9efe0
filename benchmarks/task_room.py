"""Measure how much there is to find in each task, and record it in `scenarios/task_room.json`.

    python benchmarks/task_room.py [TASK ...] [--recipes 500] [--worlds 8] [--search 200] [--record]

All recipes run in this process on the same full development worlds. The best known recipe is the recorded one, or the
winner of a hill-climbing search of `--search` mutations from the recorded recipe and the best random ones; it is then
measured on fresh held-out and shifted worlds, three times as many. Operators and settings are drawn uniformly from the
toolkit's catalogue. A task takes about five minutes on one core with the defaults.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.stats import spearmanr

from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, recipe_text
from aarlab.measured_room import (
    SPACE,
    drawn_worlds,
    mean_pgr,
    random_recipe,
    random_step,
    recipe_method,
    shipped_methods,
    with_shuffled_labels,
)
from aarlab.memory.seeds import rng as seeded
from aarlab.scenarios import baselines
from aarlab.scenarios.task import SPLITS, Task, World
from aarlab.scenarios.task_registry import make_task
from aarlab.scenarios.task_room import NamedPgr, TaskRoom, recorded_room, write_record

TASKS = ("chat", "math", "code", "digits", "headlines", "spam")
DRAWS_OF_AN_OPERATOR = 3
"""Recipes of one operator: its default settings, and random ones."""
COMPARED = 60
"""Random recipes that are changed to measure how similar the scores of similar recipes are."""
SURVIVORS = 8
"""Recipes that the search keeps."""


def recipe_pgr(recipe: Recipe, worlds: Sequence[World]) -> float:
    """Return the mean PGR of a recipe."""
    return mean_pgr(recipe_method(recipe), worlds)


def other_settings(recipe: Recipe, rng: np.random.Generator) -> Recipe:
    """Return the recipe with some settings of one step changed."""
    position = int(rng.integers(len(recipe)))
    return (*recipe[:position], SPACE.tune(recipe[position], rng, 0.2), *recipe[position + 1 :])


def other_step(recipe: Recipe, rng: np.random.Generator) -> Recipe:
    """Return the recipe with one step replaced."""
    position = int(rng.integers(len(recipe)))
    return (*recipe[:position], random_step(rng), *recipe[position + 1 :])


def mutated(recipe: Recipe, rng: np.random.Generator) -> Recipe:
    """Return the recipe with other settings, another step, one step more or one step less."""
    kind = rng.random()
    if kind < 0.5:
        return other_settings(recipe, rng)
    if kind < 0.65:
        return other_step(recipe, rng)
    position = int(rng.integers(len(recipe) + 1))
    if kind < 0.9 or len(recipe) == 1:
        return (*recipe[:position], random_step(rng), *recipe[position:])
    return (*recipe[: position - 1], *recipe[position:]) if position else recipe[1:]


def search(start: Sequence[Recipe], worlds: Sequence[World], mutations: int, rng: np.random.Generator) -> Recipe:
    """Return the best recipe of a hill-climbing search; a candidate that is poor on three worlds is dropped."""
    kept = sorted(((recipe_pgr(recipe, worlds), recipe) for recipe in start), key=lambda pair: -pair[0])[:SURVIVORS]
    for _ in range(mutations):
        candidate = mutated(kept[min(int(rng.exponential(2)), len(kept) - 1)][1], rng)
        if recipe_pgr(candidate, worlds[:3]) > kept[-1][0] - 0.1:
            kept.append((recipe_pgr(candidate, worlds), candidate))
            kept = sorted(kept, key=lambda pair: -pair[0])[:SURVIVORS]
    return kept[0][1]


def best_operator(worlds: Sequence[World], rng: np.random.Generator) -> NamedPgr:
    """Return the best recipe of one operator."""
    recipes: list[Recipe] = [(RecipeStep(name),) for name in SPACE.names]
    recipes += [(SPACE.draw(name, rng),) for name in SPACE.names for _ in range(DRAWS_OF_AN_OPERATOR - 1)]
    best = max(recipes, key=lambda recipe: recipe_pgr(recipe, worlds))
    return NamedPgr(name=recipe_text(best), pgr=recipe_pgr(best, worlds))


def measure(task: Task, *, recipes: int, worlds: int, mutations: int) -> TaskRoom:
    """Return the figures of a task."""
    task.prepare()
    rng = seeded("task room", task.name)
    panels = {split: drawn_worlds(task, split, worlds * (1 if split == "development" else 3)) for split in SPLITS}
    development, heldout, shifted = (panels[split] for split in SPLITS)
    library = {name: mean_pgr(method, development) for name, method in shipped_methods().items()}
    best_library = max(library, key=lambda name: library[name])
    drawn = [random_recipe(rng) for _ in range(recipes)]
    scores = np.array([recipe_pgr(recipe, development) for recipe in drawn])
    compared = drawn[:COMPARED]
    changed = [
        [recipe_pgr(change(recipe, rng), development) for recipe in compared] for change in (other_settings, other_step)
    ]
    known = recorded_room(task)
    start = [drawn[i] for i in np.argsort(-scores)[:SURVIVORS]]
    if known is not None:
        start.append(tuple(RecipeStep(name, tuple(settings.items())) for name, settings in known.best_known))
    best = search(start, development, mutations, rng)
    on_heldout = [recipe_pgr(best, [world]) for world in heldout]
    without = {
        f"{i + 1} {step.operator}": recipe_pgr((*best[:i], *best[i + 1 :]), heldout) for i, step in enumerate(best)
    }
    return TaskRoom(
        parameters=dict(task.parameters),
        worlds=worlds,
        weak_acc=float(np.mean([world.weak_acc for world in development])),
        strong_acc=float(np.mean([world.strong_acc for world in development])),
        published={name: library[name] for name in baselines.PUBLISHED},
        library=NamedPgr(name=best_library, pgr=library[best_library]),
        single=best_operator(development, rng),
        random_recipes=recipes,
        random_best=float(scores.max()),
        random_upper=float(np.quantile(scores, 0.9)),
        random_median=float(np.median(scores)),
        correlation_setting=float(spearmanr(scores[:COMPARED], changed[0]).statistic),
        correlation_step=float(spearmanr(scores[:COMPARED], changed[1]).statistic),
        best_known=tuple((step.operator, dict(step.settings)) for step in best),
        best_pgr=recipe_pgr(best, development),
        best_heldout=float(np.mean(on_heldout)),
        best_heldout_se=float(np.std(on_heldout, ddof=1) / len(heldout) ** 0.5),
        best_shuffled=recipe_pgr(best, [with_shuffled_labels(world) for world in heldout]),
        best_shifted=recipe_pgr(best, shifted),
        chance=float(np.mean([(0.5 - world.weak_acc) / (world.strong_acc - world.weak_acc) for world in heldout])),
        without=without,
    )


def show(rooms: Mapping[str, TaskRoom]) -> None:
    """Print one block for each task."""
    for name, room in rooms.items():
        print(f"{name}: weak {room.weak_acc:.3f}, strong {room.strong_acc:.3f}")
        print("  published:", ", ".join(f"{method} {pgr:.2f}" for method, pgr in room.published.items()))
        print(f"  library: {room.library.name} {room.library.pgr:.2f}")
        print(f"  one operator: {room.single.name} {room.single.pgr:.2f}")
        print(
            f"  {room.random_recipes} random recipes: best {room.random_best:.2f}, 90 % {room.random_upper:.2f}, "
            f"median {room.random_median:.2f}; rank correlation: settings {room.correlation_setting:.2f}, step "
            f"{room.correlation_step:.2f}"
        )
        print(
            f"  best known: development {room.best_pgr:.2f}, held-out {room.best_heldout:.2f} ± "
            f"{room.best_heldout_se:.2f}, shuffled {room.best_shuffled:.2f} (chance {room.chance:.2f}), shifted "
            f"{room.best_shifted:.2f}: {room.recipe_text()}"
        )
        print("  without:", ", ".join(f"{step} {pgr:.2f}" for step, pgr in room.without.items()), flush=True)


def main() -> None:
    """Measure the tasks and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="names of tasks; default: the weak-to-strong ones")
    parser.add_argument("--recipes", type=int, default=500, help="random recipes")
    parser.add_argument("--worlds", type=int, default=8, help="development worlds")
    parser.add_argument("--search", type=int, default=200, help="mutations of the search for the best recipe")
    parser.add_argument("--record", action="store_true", help="record the figures in the source checkout")
    options = parser.parse_args()
    for name in options.tasks or TASKS:
        print(f"measuring {name}", file=sys.stderr)
        room = measure(make_task(name), recipes=options.recipes, worlds=options.worlds, mutations=options.search)
        show({name: room})
        if options.record:
            write_record({name: room})


if __name__ == "__main__":
    main()
