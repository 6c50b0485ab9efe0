"""Random streams named by purpose."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aarlab.memory.seeds import rng, seed_of

# Any text, and texts that look like a boundary between names.
texts = st.text() | st.lists(st.sampled_from(["\x1f", "str:", "int:", "1"]), max_size=6).map("".join)
names = st.lists(st.integers(0, 3) | st.integers() | texts, min_size=1, max_size=4)


def kinds(stream: list[int | str]) -> list[tuple[str, int | str]]:
    return [(type(name).__name__, name) for name in stream]


@given(names, names)
def test_random_streams_are_equal_iff_names_are_equal(one: list[int | str], other: list[int | str]) -> None:
    assert (seed_of(*one) == seed_of(*other)) == (kinds(one) == kinds(other))


def test_int_and_its_digits_give_different_seeds() -> None:
    assert seed_of(1) != seed_of("1")


def test_seed_depends_on_boundaries_between_names() -> None:
    assert len({seed_of("ab"), seed_of("a", "b"), seed_of("", "ab"), seed_of("ab", ""), seed_of("b", "a")}) == 5


def test_separator_inside_a_name_is_escaped() -> None:
    assert seed_of("a\x1fstr:b") != seed_of("a", "b")
    assert seed_of("a\x1f", "b") != seed_of("a\x1f\x1fstr:b")


def test_seed_is_stable_across_processes_and_versions() -> None:
    assert seed_of(7, "r3", "propose", 17) == 0x296F2BBB8C1334C32383FC7059CB887


@given(names)
def test_rng_returns_a_fresh_generator(name: list[int | str]) -> None:
    seed = seed_of(*name)
    assert 0 <= seed < 2**128
    first, again = rng(*name), rng(*name)
    assert np.array_equal(first.random(3), again.random(3))
    assert first.random() != rng(*name).random()
