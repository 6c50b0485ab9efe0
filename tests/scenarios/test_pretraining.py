"""Pretraining: the weight cache, the network, the Poisson sampler."""

import resource
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson
from threadpoolctl import threadpool_limits

from aarlab.scenarios.task_registry import make_task
from aarlab.scenarios.tasks import weight_cache
from aarlab.scenarios.tasks.mlp import Network, log_softmax, train
from aarlab.scenarios.tasks.poisson import poisson_counts
from aarlab.scenarios.tasks.weight_cache import cached


class CountingMaker:
    """Makes an array and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        self.calls += 1
        return {"numbers": np.arange(5)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    weight_cache.clear_memory()


def test_cache_is_read_from_memory_then_disk(folder: Path) -> None:
    make = CountingMaker()
    for _ in range(2):
        assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]
        cached("toy", {"width": 3}, make)
        weight_cache.clear_memory()
    assert make.calls == 1
    assert len(list(folder.iterdir())) == 1, "a temporary file remains"


def test_cache_key_includes_parameters(folder: Path) -> None:
    make = CountingMaker()
    for width in (3, 4):
        cached("toy", {"width": width}, make)
    assert make.calls == 2


def test_pretraining_is_bitwise_independent_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = []
    for threads in (1, 2):
        monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / str(threads)))
        with threadpool_limits(threads):
            make_task("chat").prepare(lambda label, share: None)
        weight_cache.clear_memory()
        (path,) = (tmp_path / str(threads)).iterdir()
        with np.load(path) as file:
            weights.append({name: file[name].tobytes() for name in file.files})
    assert weights[0] == weights[1]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None], ids=["empty", "garbage", "truncated"])
def test_damaged_cache_file_is_rebuilt(folder: Path, damage: bytes | None) -> None:
    make = CountingMaker()
    cached("toy", {"width": 3}, make)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-30] if damage is None else damage)
    weight_cache.clear_memory()
    assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert make.calls == 2
    weight_cache.clear_memory()
    cached("toy", {"width": 3}, make)
    assert make.calls == 2, "the file was not replaced"


def test_cache_does_not_load_pickles(folder: Path) -> None:
    make = CountingMaker()
    cached("toy", {"width": 3}, make)
    (file,) = folder.iterdir()
    np.savez(file, numbers=np.array([{"a": 1}], dtype=object))
    weight_cache.clear_memory()
    assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]


def test_unwritable_cache_folder_is_tolerated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "file" / "cache"))
    make = CountingMaker()
    for _ in range(2):
        assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert make.calls == 1
    weight_cache.clear_memory()


def test_arrays_are_returned_though_the_disk_is_full(folder: Path) -> None:
    _, largest = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, largest))
    try:
        made = cached("test", {"size": 1}, lambda: {"weights": np.arange(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert made["weights"].sum() == 49_995_000
    assert list(folder.iterdir()) == []


def test_network_learns_xor() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.choice([-1.0, 1.0], (512, 2)).astype(np.float32)
    targets = (inputs[:, :1] * inputs[:, 1:] > 0).astype(np.int64)
    untrained = Network.random((2, 16, 2), rng)
    trained = train(untrained, inputs, targets, rng, loss="categorical", epochs=30, batch=32, learning_rate=1e-2)
    predicted = log_softmax(trained.activations(inputs)[-1], heads=1).argmax(axis=2)
    assert (predicted == targets).all()


def test_network_round_trips_through_arrays() -> None:
    network = Network.random((3, 5, 4), np.random.default_rng(1))
    inputs = np.ones((2, 3), dtype=np.float32)
    loaded = Network.of_arrays(network.arrays())
    assert np.array_equal(network.activations(inputs)[-1], loaded.activations(inputs)[-1])


@pytest.mark.parametrize("rate", [0.05, 0.7, 6.0, 40.0])
def test_poisson_counts_match_scipy(rate: float) -> None:
    counts = poisson_counts(np.full(200_000, rate, dtype=np.float32), np.random.default_rng(2))
    largest = int(poisson.ppf(0.999, rate))
    observed = np.bincount(counts, minlength=largest + 1)[: largest + 1] / counts.size
    expected = poisson.pmf(np.arange(largest + 1), rate)
    assert np.abs(observed - expected).max() < 5 * np.sqrt(0.25 / counts.size)
    assert counts.max() < 100


def test_weights_of_changed_code_are_made_again(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "my_task.py"
    for number in ("10", "200"):
        file.write_text(f"import numpy as np\n\n\ndef make():\n    return {{'numbers': np.full(1, {number})}}\n")
        make = runpy.run_path(str(file))["make"]
        assert cached("toy", {"width": 3}, make)["numbers"].tolist() == [int(number)]
        weight_cache.clear_memory()
    assert len(list(folder.iterdir())) == 2
