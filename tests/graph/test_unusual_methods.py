"""Methods that Python runs and its tools cannot read: analysing one never ends a run.

The evaluator, the board, monitors, measures, audits and simulated researchers analyse the code of methods outside the
sandbox.
"""

from collections.abc import Callable, Sequence

import pytest

from aarlab.agents.models.simulated.recipe import SearchSpace, parse_code, recipe_in_text, write
from aarlab.graph.run.monitors.method_code import problem_of
from aarlab.graph.run.monitors.score_probing import program_of
from aarlab.memory.seeds import rng
from aarlab.scenarios.known_methods import known_method, normal_form, same_method
from aarlab.scenarios.method_variants import components, retuned, without
from aarlab.scenarios.toolkit import catalogue
from aarlab.scenarios.toolkit.method_analysis import complexity, family_of
from aarlab.scenarios.toolkit.pipeline import parse_pipeline

SPACE = SearchSpace(catalogue())


def method(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"from aarlab.scenarios import toolkit as tk\n\ndef method(world):\n{body}"


def pipeline(*steps: str, start: str = "tk.start(world)", end: str = "tk.finish(s)") -> str:
    return method(f"s = {start}", *(f"s = tk.{step}" for step in steps), f"return {end}")


DEEP = " + 1" * 900
UNUSUAL = {
    "a negative truth value": pipeline("bag(s, members=-True)"),
    "a deep first statement": pipeline(start=f"tk.start(world){DEEP}"),
    "a deep last statement": pipeline(end=f"tk.finish(s){DEEP}"),
    "a deep annotation": pipeline().replace("(world):", f"(world: 1{DEEP}):"),
    "a deep setting": pipeline(f"bag(s, members=4{DEEP})"),
    "a deep operator": pipeline(f"harden{'.x' * 900}(s)"),
    "an integer beyond real numbers": method("bits = 1" + "0" * 400, "return tk.finish(tk.start(world))"),
    "a setting beyond real numbers": pipeline("bag(s, members=1" + "0" * 400 + ")"),
    "an integer of many digits": pipeline("bag(s, members=0x" + "f" * 5000 + ")"),
    "an infinite setting": pipeline("sharpen(s, temperature=1e999)"),
    "a line break in an f-string": method("s = '\\n'", "t = f'{s}'", "return tk.finish(tk.start(world))"),
    "a setting that is a list": pipeline("bag(s, members=[4])"),
    "a setting that cannot be built": pipeline("bag(s, members={[]: 4})"),
    "a setting that is a text": pipeline("bag(s, members='many')"),
    "no code": "\0",
    "an open bracket": "(" * 500,
}
READERS: Sequence[Callable[[str], object]] = (
    parse_pipeline,
    family_of,
    complexity,
    normal_form,
    known_method,
    lambda code: same_method(code, f"{code}\n"),
    lambda code: [(str(part), without(code, {i})) for i, part in enumerate(components(code))],
    lambda code: retuned(code, rng("test")),
    problem_of,
    program_of,
)


@pytest.mark.parametrize("code", UNUSUAL.values(), ids=UNUSUAL)
def test_every_reader_of_code_survives_an_unusual_method(code: str) -> None:
    for read in READERS:
        read(code)


@pytest.mark.parametrize("code", UNUSUAL.values(), ids=UNUSUAL)
def test_simulated_researchers_read_only_settings_that_exist(code: str) -> None:
    for recipe in (parse_code(code, SPACE), recipe_in_text(code, SPACE)):
        for step in recipe or ():
            hash(step)
            assert all(0 <= unit <= 1 for unit in SPACE.units(step))
            assert parse_pipeline(write((step,))) is not None


def test_an_equal_method_is_recognised_in_spite_of_a_large_integer() -> None:
    code = UNUSUAL["an integer beyond real numbers"]
    assert same_method(code, code.replace("bits", "number"))
