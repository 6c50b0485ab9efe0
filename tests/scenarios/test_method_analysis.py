"""Static analysis of a method's code."""

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, SearchSpace, write
from aarlab.scenarios import baselines, toolkit
from aarlab.scenarios.toolkit.method_analysis import complexity, family_of, operators_in

SPACE = SearchSpace(toolkit.catalogue())
RECIPES: st.SearchStrategy[Recipe] = st.lists(st.sampled_from(SPACE.names).map(RecipeStep), max_size=6).map(tuple)

IMPORT_STYLES = {
    "the toolkit under an alias": """
        from aarlab.scenarios import toolkit as anything
        s = anything.harden(anything.start(world))
        s = anything.knn_propagate(s, k=5)
    """,
    "the toolkit by its full name": """
        import aarlab.scenarios.toolkit
        s = aarlab.scenarios.toolkit.harden(s)
        s = aarlab.scenarios.toolkit.knn_propagate(s)
    """,
    "the full name under an alias": """
        import aarlab.scenarios.toolkit as t
        s = t.knn_propagate(t.harden(s))
    """,
    "operators one by one": """
        from aarlab.scenarios.toolkit import harden as h, knn_propagate
        s = knn_propagate(h(s))
    """,
    "from the defining module": """
        from aarlab.scenarios.toolkit.weak_labels import harden
        from aarlab.scenarios.toolkit import unsupervised
        s = harden(s)
        s = unsupervised.knn_propagate(s)
    """,
    "everything at once": """
        from aarlab.scenarios.toolkit import *
        s = knn_propagate(harden(s))
    """,
    "imported inside the method": """
        def method(world):
            from aarlab.scenarios import toolkit
            return toolkit.finish(toolkit.knn_propagate(toolkit.harden(toolkit.start(world))))
    """,
    "passed instead of called": """
        from functools import partial
        from aarlab.scenarios import toolkit as tk
        for step in (tk.harden, partial(tk.knn_propagate, k=3)):
            s = step(s)
    """,
}


@pytest.mark.parametrize("code", IMPORT_STYLES.values(), ids=IMPORT_STYLES)
def test_operators_are_found_under_any_import_name(code: str) -> None:
    assert operators_in(textwrap.dedent(code)) == ("harden", "knn_propagate")


@pytest.mark.parametrize(
    "code",
    [
        "s = tk.harden(s)",
        "from elsewhere import toolkit as tk\ns = tk.harden(s)",
        "def harden(s): return s\nharden(s)",
        "from aarlab.scenarios import toolkit as tk\n# tk.harden(s)\nx = 'tk.harden(s)'\ntk.fit(s)",
        "from aarlab.scenarios import toolkit as tk\ntk.harden = None",
    ],
    ids=["never imported", "another toolkit", "own function", "only mentioned", "assigned to"],
)
def test_other_names_are_not_operators(code: str) -> None:
    assert operators_in(code) == ()
    assert family_of(code) == "other"


@pytest.mark.parametrize("code", ["def method(world:", "a\0b", "(" * 5000, "-" * 50000 + "1"])
def test_unparsable_code_has_no_operators(code: str) -> None:
    assert operators_in(code) == ()
    assert family_of(code) == "other"
    assert complexity(code) is None


@given(st.text())
def test_any_text_can_be_analysed(code: str) -> None:
    assert set(operators_in(code)) <= set(SPACE.names)
    assert family_of(code) in toolkit.FAMILIES


@given(RECIPES)
def test_analysis_agrees_with_simulated_researchers(recipe: Recipe) -> None:
    code = write(recipe)
    assert operators_in(code) == tuple(step.operator for step in recipe)
    assert family_of(code) == SPACE.family(recipe)


def test_operators_of_every_baseline_are_found() -> None:
    pipelines = {name: b for name, b in baselines.load().items() if "tk.start(" in b.code}
    assert len(pipelines) > 10
    without_operators = {name for name, baseline in pipelines.items() if not operators_in(baseline.code)}
    assert without_operators == {"vanilla_soft"}, "it uses the weak labels unchanged"


def test_complexity_ignores_comments_and_layout() -> None:
    bare = "from aarlab.scenarios import toolkit as tk\ndef method(w):\n    return tk.finish(tk.harden(tk.start(w)))"
    commented = '''"""A method."""
from aarlab.scenarios import (
    toolkit as tk,
)

# Harden.
def method(w):
    """Return predictions."""

    return tk.finish(
        tk.harden(tk.start(w))
    )
'''
    assert complexity(bare) == complexity(commented)
    counted = complexity(bare)
    assert counted is not None
    assert (counted.operators, counted.lines) == (1, 3)


@given(RECIPES, st.sampled_from(SPACE.names).map(RecipeStep))
def test_each_step_adds_to_complexity(recipe: Recipe, step: RecipeStep) -> None:
    before, after = complexity(write(recipe)), complexity(write((*recipe, step)))
    assert before is not None
    assert after is not None
    assert after.operators == before.operators + 1
    assert after.lines == before.lines + 1
    assert after.ast_nodes > before.ast_nodes


def test_toolkit_does_not_export_method_analysis() -> None:
    program = (
        "import sys, aarlab.scenarios.toolkit as tk; print('aarlab.scenarios.toolkit.method_analysis' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"
    assert {"operators_in", "family_of", "complexity"}.isdisjoint(toolkit.__all__)
