"""Inputs, results, errors and limits of jobs, and arguments of the sandbox."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from aarlab.tools.sandbox import ALL_LAYERS, Job, JobResult, Limits, Sandbox, SandboxUnavailable, layers
from aarlab.tools.sandbox.seccomp import compile_filter

Run = Callable[..., JobResult]

PIPELINE = """
from aarlab.scenarios import toolkit as tk

def method(world):
    s = tk.start(world)
    s = tk.confident(s)
    return tk.finish(s)
"""


def test_a_method_gets_its_world_and_returns_predictions(run: Run, job: Callable[..., Job]):
    code = """
def method(world):
    world.log.append({"seed": world.seed, "relations": world.relations, "mean": world.features.mean()})
    return world.test_features[:, 0]
"""
    job_result = run(code)
    inputs = job(code).inputs
    assert job_result.error is None
    np.testing.assert_array_equal(job_result.predictions, inputs["test_features"][:, 0])
    assert job_result.log == [{"seed": 3, "relations": [[0, 1, 0]], "mean": inputs["features"].mean()}]
    assert job_result.seconds > 0
    assert job_result.cpu_seconds > 0
    assert job_result.peak_mb > 10


def test_pipelines_of_the_toolkit_work(run: Run):
    job_result = run(PIPELINE)
    assert job_result.error is None
    assert job_result.predictions is not None
    assert job_result.predictions.shape == (20,)
    assert [record["operator"] for record in job_result.log][:2] == ["start", "confident"]


def test_garbage_collection_is_enabled_in_jobs(run: Run):
    assert run("import gc\ndef method(world): return [float(gc.isenabled())]").predictions == [1.0]


@pytest.mark.parametrize("returned", ["[0.5, 1]", "np.ones(2, bool)", "np.float32([1, 2])", "3", "np.zeros((2, 0))"])
def test_any_numeric_array_is_accepted(returned: str, run: Run):
    job_result = run(f"import numpy as np\ndef method(world): return {returned}")
    assert job_result.error is None
    assert job_result.predictions is not None
    assert job_result.predictions.dtype == np.float64


@pytest.mark.parametrize("returned", ["None", "'text'", "{}", "[1j]", "np.array([1, None])", "world"])
def test_non_numeric_return_values_are_rejected(returned: str, run: Run):
    error = run(f"import numpy as np\ndef method(world): return {returned}").error
    assert error is not None
    assert error.startswith("TypeError: method(world) must return an array of numbers, not ")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def method(world):\n    x = = 3", "SyntaxError at line 2: invalid syntax"),
        (
            "x = 1\ndef method(world):\n  1 + 'a'",
            "TypeError at line 3: unsupported operand type(s) for +: 'int' and 'str'",
        ),
        ("import nonsense", "ModuleNotFoundError at line 1: No module named 'nonsense'"),
        (
            "def help(x):\n    return x.y\ndef method(world):\n    return help(1)",
            "AttributeError at line 2: 'int' object",
        ),
        (
            "import numpy as np\ndef method(world):\n    return np.linalg.inv([1])",
            "LinAlgError at line 3: 1-dimensional",
        ),
        ("def f(world): pass", "NameError: the code defines no function method(world)"),
        ("method = 3", "NameError: the code defines no function method(world)"),
        ("def method(): pass", "TypeError: method() takes 0 positional arguments but 1 was given"),
        ("def method(world): raise SystemExit(0)", "SystemExit at line 1: 0"),
        ("def method(world): raise KeyboardInterrupt", "KeyboardInterrupt at line 1: "),
        ("def method(world): return method(world)", "RecursionError at line 1: maximum recursion depth exceeded"),
        (
            "class E(Exception):\n def __str__(self): 1/0\ndef method(world): raise E",
            "E at line 3: (its message cannot be read)",
        ),
        (
            "def method(world): world.log.append({1: object()}); return 1",
            "world.log cannot be kept: world.log contains a object",
        ),
        (
            "def method(world): world.log.append({'a': float('nan')}); return 1",
            "world.log cannot be kept: Out of range float",
        ),
        ("def method(world): world.log.append(3); return 1", "world.log is not a list of records"),
        ("\0", "SyntaxError"),
        ("'\ud800'", "UnicodeEncodeError"),
        ("import os\nos._exit(0)", "ended without a result (exit status 0)"),
        ("import os\nos._exit(5)", "ended without a result (exit status 5)"),
        ("import os\ndef method(world): os.closerange(0, 1024); return 1", "ended without a result (exit status 1)"),
        ("import ctypes\nctypes.string_at(0)", "ended by signal 11 (Segmentation fault)"),
    ],
)
def test_errors_name_the_line_of_the_methods_own_code(code: str, error: str, run: Run):
    job_result = run(code)
    assert job_result.error is not None
    assert job_result.error.startswith(error)
    assert job_result.predictions is None


def test_a_failing_method_keeps_its_log(run: Run):
    job_result = run("def method(world):\n    world.log.append({'step': 1})\n    1 / 0")
    assert job_result.error == "ZeroDivisionError at line 3: division by zero"
    assert job_result.log == [{"step": 1}]


@pytest.mark.parametrize(
    ("body", "limits", "error"),
    [
        ("while True: pass", {"wall_s": 0.3}, "stopped after 0.3 s"),
        ("import time; time.sleep(100)", {"wall_s": 0.3}, "stopped after 0.3 s"),
        pytest.param(
            "import signal\n    signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True: pass",
            {"cpu_s": 1},
            "used more than 1 s of processor time",
            marks=pytest.mark.long,
        ),
        ("return np.ones(1 << 26)", {"memory_mb": 100}, "used more than 100 MB at line 3"),
        ("a = [world]\n    while True: a = [*a, *a]", {"memory_mb": 100}, "used more than 100 MB at line 4"),
        ("return np.ones(1000)", {"result_bytes": 1000}, "result too large: 80"),
        ("world.log.append({'a': 'x' * (1 << 21)}); return 1", {}, "result too large: 2"),
    ],
)
def test_exceeded_limits_are_enforced_and_named(body: str, limits: dict[str, float], error: str, run: Run):
    job_result = run(f"import numpy as np\ndef method(world):\n    {body}", **limits)
    assert job_result.error is not None
    assert job_result.error.startswith(error)


def test_an_endless_job_does_not_block_others(strict: Sandbox, job: Callable[..., Job]):
    with ThreadPoolExecutor(1) as thread:
        endless = thread.submit(strict.run, job("while True: pass", cpu_s=1))
        for _ in range(5):
            assert strict.run(job("def method(world): return [1]")).error is None
        # Its limit is processor time, so it is not reached on a busy machine either.
        assert not endless.done()
        assert endless.result().error == "used more than 1 s of processor time"


GLOBAL_RANDOMNESS = """
import random
import numpy as np
from sklearn.cluster import KMeans

def method(world):
    names = {"a", "b", "c", "d", "e", "f"}
    order = [ord(name) for name in names]
    return [random.random(), np.random.rand(), *KMeans(2, n_init=1).fit(world.features).labels_, *order]
"""


def test_a_job_has_the_same_result_in_every_sandbox(without_layers: Sandbox, strict: Sandbox, job: Callable[..., Job]):
    first, second, third = (
        sandbox.run(job(GLOBAL_RANDOMNESS)).predictions for sandbox in (strict, strict, without_layers)
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)


def test_different_seeds_give_different_results(run: Run):
    code = "import numpy as np\ndef method(world): return np.random.rand(3)"
    predictions = [run(code, seed=seed).predictions for seed in (0, 1, 2**127)]
    assert len({tuple(array) for array in predictions if array is not None}) == 3


def test_jobs_share_no_state(run: Run):
    breaking = """
import builtins, json, os, random
import numpy as np
builtins.print, json.dumps, os.write, np.asarray, np.left = (None,) * 5
def method(world): return 1
"""
    assert run(breaking).error is not None
    after = run("import numpy as np\ndef method(world):\n    print('fine')\n    return [hasattr(np, 'left')]")
    assert after.error is None
    assert after.predictions is not None
    assert after.predictions.tolist() == [0.0]


def test_jobs_can_import_more_library_modules(run: Run):
    code = "import scipy.signal, sklearn.cross_decomposition\ndef method(world): return 1"
    job_result = run(code)
    assert job_result.error is None


def test_mode_none_must_be_requested_by_name(job: Callable[..., Job]):
    with Sandbox("none") as sandbox:
        assert sandbox.mode == "none"
        assert sandbox.layers == {"rlimits"}
        assert sandbox.run(job(PIPELINE)).error is None
        assert sandbox.run(job("while True: pass", wall_s=0.3)).error == "stopped after 0.3 s"
        assert (
            sandbox.run(job("import numpy as np\nnp.ones(1 << 26)", memory_mb=100)).error
            == "used more than 100 MB at line 2"
        )
        assert sandbox.run(job("def method(world): return [len(open('/etc/passwd').read())]")).error is None


def test_active_layers_are_the_available_layers(strict: Sandbox):
    offered = layers()
    assert {layer.name for layer in offered} == ALL_LAYERS
    assert strict.layers == {layer.name for layer in offered if layer.available}
    assert strict.layers >= {"landlock", "seccomp", "rlimits"}
    assert all(layer.reason for layer in offered)


def test_strict_mode_needs_its_layers_and_names_a_fix(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "pyseccomp", None)
    compile_filter.cache_clear()
    with pytest.raises(SandboxUnavailable, match=r"seccomp: .* Fix: install pyseccomp and libseccomp"):
        Sandbox()
    assert any(layer.name == "seccomp" and not layer.available and layer.fix for layer in layers())


@pytest.mark.parametrize("mode", ["podman", "", "STRICT"])
def test_an_unknown_mode_is_refused(mode: str):
    with pytest.raises(ValueError, match="use 'strict', 'docker' or 'none'"):
        Sandbox(mode)  # type: ignore[arg-type]


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match=r"no layers \['no-such-layer'\]"):
        Sandbox(layers=frozenset({"no-such-layer", "seccomp"}))


@pytest.mark.parametrize(
    "limits", [{"wall_s": 0}, {"cpu_s": -1}, {"memory_mb": float("nan")}, {"result_bytes": float("inf")}]
)
def test_invalid_limits_are_refused(limits: dict[str, float]):
    with pytest.raises(ValueError, match=f"Limits.{next(iter(limits))} must be a finite number"):
        Limits(**limits)  # type: ignore[arg-type]


def test_invalid_jobs_raise_value_error(strict: Sandbox):
    with pytest.raises(ValueError, match="must not be negative"):
        Job("", {}, -1)
    with pytest.raises(ValueError, match="inputs of a job must be plain arrays"):
        strict.run(Job("", {"features": np.array([object()])}, 1))
