"""Random streams named by purpose."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aarlab.memory.seeds import rng, seed_of

names = st.lists(st.integers() | st.text(), min_size=1, max_size=4)


def kinds(stream: list[int | str]) -> list[tuple[str, int | str]]:
    return [(type(name).__name__, name) for name in stream]


@given(names, names)
def test_streams_are_the_same_if_and_only_if_their_names_are(one: list[int | str], other: list[int | str]) -> None:
    assert (seed_of(*one) == seed_of(*other)) == (kinds(one) == kinds(other))


def test_a_number_and_its_digits_name_different_streams() -> None:
    assert seed_of(1) != seed_of("1")


def test_names_are_kept_apart_where_they_meet() -> None:
    assert len({seed_of("ab"), seed_of("a", "b"), seed_of("", "ab"), seed_of("ab", ""), seed_of("b", "a")}) == 5


def test_a_seed_is_the_same_in_every_process_and_version() -> None:
    assert seed_of(7, "r3", "propose", 17) == 0x296F2BBB8C1334C32383FC7059CB887


@given(names)
def test_a_stream_begins_anew_each_time_it_is_asked_for(name: list[int | str]) -> None:
    seed = seed_of(*name)
    assert 0 <= seed < 2**128
    first, again = rng(*name), rng(*name)
    assert np.array_equal(first.random(3), again.random(3))
    assert first.random() != rng(*name).random()
