"""What students are pretrained with: the cache, the network, the Poisson sampler."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson
from threadpoolctl import threadpool_limits

from aarlab.scenarios.registry import TASKS
from aarlab.scenarios.tasks import cache
from aarlab.scenarios.tasks.cache import cached
from aarlab.scenarios.tasks.network import Network, log_softmax, train
from aarlab.scenarios.tasks.poisson import poisson_counts


class Maker:
    """Makes an array and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        self.calls += 1
        return {"numbers": np.arange(5)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    cache.forget()


def test_what_was_made_once_is_found_in_memory_and_then_on_disk(folder: Path) -> None:
    make = Maker()
    for _ in range(2):
        assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]
        cached("toy", {"width": 3}, make)
        cache.forget()
    assert make.calls == 1
    assert len(list(folder.iterdir())) == 1, "drafts are left behind"


def test_another_parameter_is_another_entry(folder: Path) -> None:
    make = Maker()
    for width in (3, 4):
        cached("toy", {"width": width}, make)
    assert make.calls == 2


def test_what_is_made_is_the_same_to_the_bit_on_any_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for threads in (1, 2):
        monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / str(threads)))
        with threadpool_limits(threads):
            replace(TASKS["chat"]).prepare(lambda what, share: None)
        cache.forget()
        (path,) = (tmp_path / str(threads)).iterdir()
        with np.load(path) as file:
            made.append({name: file[name].tobytes() for name in file.files})
    assert made[0] == made[1]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None], ids=["empty", "garbage", "cut short"])
def test_a_damaged_file_is_made_again(folder: Path, damage: bytes | None) -> None:
    make = Maker()
    cached("toy", {"width": 3}, make)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-30] if damage is None else damage)
    cache.forget()
    assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert make.calls == 2
    cache.forget()
    cached("toy", {"width": 3}, make)
    assert make.calls == 2, "the file was not repaired"


def test_pickles_are_not_opened(folder: Path) -> None:
    make = Maker()
    cached("toy", {"width": 3}, make)
    (file,) = folder.iterdir()
    np.savez(file, numbers=np.array([{"a": 1}], dtype=object))
    cache.forget()
    assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]


def test_a_folder_that_cannot_be_made_costs_only_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "file" / "cache"))
    make = Maker()
    for _ in range(2):
        assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert make.calls == 1
    cache.forget()


def test_a_network_learns_what_no_linear_readout_can() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.choice([-1.0, 1.0], (512, 2)).astype(np.float32)
    targets = (inputs[:, :1] * inputs[:, 1:] > 0).astype(np.int64)
    blank = Network.random((2, 16, 2), rng)
    trained = train(blank, inputs, targets, rng, loss="categorical", epochs=30, batch=32, rate=1e-2)
    predicted = log_softmax(trained.activations(inputs)[-1], heads=1).argmax(axis=2)
    assert (predicted == targets).all()


def test_a_network_survives_being_saved() -> None:
    network = Network.random((3, 5, 4), np.random.default_rng(1))
    inputs = np.ones((2, 3), dtype=np.float32)
    again = Network.of_arrays(network.arrays())
    assert np.array_equal(network.activations(inputs)[-1], again.activations(inputs)[-1])


@pytest.mark.parametrize("rate", [0.05, 0.7, 6.0, 40.0])
def test_poisson_counts_follow_the_poisson_law(rate: float) -> None:
    counts = poisson_counts(np.full(200_000, rate, dtype=np.float32), np.random.default_rng(2))
    largest = int(poisson.ppf(0.999, rate))
    seen = np.bincount(counts, minlength=largest + 1)[: largest + 1] / counts.size
    expected = poisson.pmf(np.arange(largest + 1), rate)
    assert np.abs(seen - expected).max() < 5 * np.sqrt(0.25 / counts.size)
    assert counts.max() < 100
