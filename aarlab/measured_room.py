"""How much there is to find in a task: scores of known methods and random recipes, and warnings about the task."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, SearchSpace, recipe_text
from aarlab.memory.seeds import rng as seeded
from aarlab.memory.seeds import seed_of
from aarlab.scenarios import baselines, toolkit
from aarlab.scenarios.task import Progress, Split, Task, World
from aarlab.scenarios.task_room import NamedPgr
from aarlab.scenarios.toolkit.inputs import Inputs
from aarlab.tools.evaluator.method_comparison import NoWorldsError

Method = Callable[[Inputs], Any]
"""Returns the (m,) predictions for the inputs of a world."""

SPACE = SearchSpace(toolkit.catalogue())
MAX_STEPS = 4
"""Most steps of a random recipe."""
MIN_GAP = 0.05
"""Gap between strong and weak accuracy below which PGR is mostly noise."""
MAX_NOISE = 0.25
"""Standard error of a method's PGR on one world, from the test items, above which a warning is given."""
MIN_TEACHER_USE = 0.5
"""Share of its PGR above chance that the best method should lose if the teacher's labels are shuffled."""
MAX_PUBLISHED, MAX_SINGLE = 0.6, 0.8
"""PGR of the published methods and of one operator above which little is left to find."""
MIN_UNLABELLED, MIN_TEST = 400, 400
"""Items of a pilot's world. With fewer in a full world, pilots are as large as full experiments."""


@dataclass(frozen=True, slots=True)
class MeasuredRoom:
    """Scores on a few worlds. PGRs are means over development worlds unless the field says otherwise."""

    worlds: int
    weak_acc: float
    strong_acc: float
    gap_sd: float
    """Standard deviation of the gap between worlds."""
    unlabelled: int
    """Unlabelled items of a full world."""
    test: int
    """Test items of a full world."""
    published: Mapping[str, float]
    """The published methods, by name."""
    library: NamedPgr
    """The best of all shipped methods."""
    single: NamedPgr
    """The best operator alone, with its default settings."""
    random_recipes: int
    random_best: float
    random_median: float
    best: NamedPgr
    """The best of all methods and recipes."""
    best_heldout: float
    """Its PGR on held-out worlds, without the luck of the selection."""
    best_shuffled: float
    """The same with the teacher's labels in random order."""
    chance: float
    """Held-out PGR of a method that is right on half of the items."""

    @property
    def gap(self) -> float:
        """The gap to recover: strong accuracy minus accuracy of the weak teacher."""
        return self.strong_acc - self.weak_acc

    @property
    def noise(self) -> float:
        """Standard error of a method's PGR on one world from the test items alone, at the strong accuracy."""
        return float((self.strong_acc * (1 - self.strong_acc) / self.test) ** 0.5 / self.gap)

    @property
    def teacher_use(self) -> float:
        """The share of its PGR above chance that the best method loses if the teacher's labels are shuffled."""
        return (self.best_heldout - self.best_shuffled) / (self.best_heldout - self.chance)

    def warnings(self) -> list[str]:
        """Return a sentence for each property that makes results on this task hard to interpret."""
        found = []
        if self.gap < MIN_GAP:
            found.append(
                f"The gap is small ({self.gap:.3f}): PGR is a share of it and mostly noise. Weaken the teacher, or "
                "give the student better features or more items."
            )
        if self.noise > MAX_NOISE:
            found.append(
                f"{self.test} test items are few: on one world a PGR has a standard error of {self.noise:.2f} from "
                "them alone."
            )
        if self.unlabelled < MIN_UNLABELLED or self.test < MIN_TEST:
            found.append(
                f"The splits have few items: a full world has {self.unlabelled} unlabelled and {self.test} test items, "
                f"and a pilot would have {MIN_UNLABELLED} and {MIN_TEST}. Pilots are as large as full experiments."
            )
        if self.teacher_use < MIN_TEACHER_USE:
            found.append(
                f"The teacher hardly matters: the best method has a held-out PGR of {self.best_heldout:.2f}, and "
                f"{self.best_shuffled:.2f} with shuffled weak labels (guessing: {self.chance:.2f})."
            )
        name = max(self.published, key=lambda method: self.published[method])
        if self.published[name] > MAX_PUBLISHED:
            found.append(f"One published method alone solves it: {name} recovers {self.published[name]:.2f}.")
        if self.single.pgr > MAX_SINGLE:
            found.append(f"One operator alone solves it: {self.single.name} recovers {self.single.pgr:.2f}.")
        if self.best_heldout <= max(self.published.values()):
            found.append("Nothing that was tried is better than the published methods: there may be little to find.")
        return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit the libraries of the toolkit to one thread.

    On small matrices several threads take up to ten times as long as one, and they sum in another order.
    """
    # The toolkit imports these on first use, and a limit applies only to libraries that are loaded.
    import sklearn.cluster
    import sklearn.covariance
    import sklearn.neighbors  # noqa: F401

    with threadpool_limits(1):
        yield


@one_thread()
def measure_room(task: Task, *, recipes: int, worlds: int, progress: Progress) -> MeasuredRoom:
    """Return the figures of a task, measured in this process on full worlds that no run uses.

    Args:
        task: A task of weak-to-strong supervision, prepared.
        recipes: Number of random recipes, at least 1.
        worlds: Number of development worlds, and of held-out worlds, at least 2.
        progress: Called with the share of methods that are done.

    Raises:
        NoWorldsError: The task cannot make a world with these parameters.
    """
    rng = seeded("room", task.name)
    try:
        development = drawn_worlds(task, "development", worlds)
        heldout = drawn_worlds(task, "heldout", worlds)
    except ValueError as error:
        raise NoWorldsError(str(error)) from error
    library = shipped_methods()
    singles = {recipe_text(recipe): recipe_method(recipe) for name in SPACE.names for recipe in [(RecipeStep(name),)]}
    drawn = {f"recipe {i + 1}: {recipe_text(recipe)}": recipe_method(recipe)
             for i, recipe in enumerate(random_recipe(rng) for _ in range(recipes))}  # fmt: skip
    methods = {**library, **singles, **drawn}
    scores = dict[str, float]()
    for name, method in methods.items():
        scores[name] = mean_pgr(method, development)
        progress(f"{len(methods)} methods on {worlds} worlds of {task.name}", len(scores) / len(methods))

    def best_of(names: Mapping[str, Method]) -> NamedPgr:
        name = max(names, key=lambda method: scores[method])
        return NamedPgr(name=name, pgr=scores[name])

    best = best_of(methods)
    gaps = [world.strong_acc - world.weak_acc for world in development]
    shown = development[0].inputs
    random_scores = [scores[name] for name in drawn]
    return MeasuredRoom(
        worlds=worlds,
        weak_acc=float(np.mean([world.weak_acc for world in development])),
        strong_acc=float(np.mean([world.strong_acc for world in development])),
        gap_sd=float(np.std(gaps, ddof=1)),
        unlabelled=len(shown.features),
        test=len(shown.test_features),
        published={name: scores[name] for name in baselines.PUBLISHED},
        library=best_of(library),
        single=best_of(singles),
        random_recipes=recipes,
        random_best=max(random_scores),
        random_median=float(np.median(random_scores)),
        best=best,
        best_heldout=mean_pgr(methods[best.name], heldout),
        best_shuffled=mean_pgr(methods[best.name], [with_shuffled_labels(world) for world in heldout]),
        chance=float(np.mean([(0.5 - world.weak_acc) / (world.strong_acc - world.weak_acc) for world in heldout])),
    )


def shipped_methods() -> dict[str, Method]:
    """Return all shipped methods by name."""
    methods = {}
    for name, baseline in baselines.load().items():
        namespace: dict[str, Any] = {}
        exec(baseline.code, namespace)
        methods[name] = namespace["method"]
    return methods


def recipe_method(recipe: Recipe) -> Method:
    """Return a recipe as a method."""

    def method(inputs: Inputs) -> Any:
        data = toolkit.start(inputs)
        for step in recipe:
            data = getattr(toolkit, step.operator)(data, **dict(step.settings))
        return toolkit.finish(data)

    return method


def random_recipe(rng: np.random.Generator) -> Recipe:
    """Return a recipe of one to four random steps."""
    return tuple(random_step(rng) for _ in range(rng.integers(1, MAX_STEPS + 1)))


def random_step(rng: np.random.Generator) -> RecipeStep:
    """Return a random operator with random settings."""
    return SPACE.draw(str(rng.choice(SPACE.names)), rng)


def drawn_worlds(task: Task, split: Split, count: int) -> list[World]:
    """Return full worlds that no run uses."""
    return [task.world(seed_of("task room", split, number), split=split) for number in range(count)]


def with_shuffled_labels(world: World) -> World:
    """Return the world with the teacher's labels in random order."""
    shown = world.inputs
    labels = seeded("shuffled teacher", shown.seed).permutation(shown.weak_labels)
    inputs = Inputs(shown.features, labels, shown.test_features, shown.relations, shown.seed)
    return replace(world, inputs=inputs)


def mean_pgr(method: Method, worlds: Sequence[World]) -> float:
    """Return the mean PGR of a method."""
    return float(np.mean([world.score(method(world.inputs)).pgr for world in worlds]))
