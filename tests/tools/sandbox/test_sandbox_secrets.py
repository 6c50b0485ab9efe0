"""The memory, file descriptors and environment that a job inherits contain no secrets, even without layers."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import aarlab
from aarlab.tools.sandbox import Job, JobResult, Sandbox
from aarlab.tools.sandbox.file_allowlist import file_allowlist

SEARCH_MEMORY = """
import ctypes, re

ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a job without layers can open its own memory
{planted}

def method(world):
    pattern = re.compile(b"MARK" + b"ER-[0-9a-f]{{16}}")  # in two parts, so that the pattern does not find itself
    found = set()
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(edge, 16) for edge in line.split()[0].split("-"))
            if " r" in line and "[v" not in line:
                memory.seek(start)
                found.update(pattern.findall(memory.read(end - start)))
    return [len(found)]
"""

SEARCH_DESCRIPTORS = """
import os

def method(world):
    found = 0
    for descriptor in range(1024):
        try:
            found += b"the labels" in os.pread(descriptor, 1000, 0)
        except OSError:
            pass
    return [found]
"""

SEARCH_ENVIRONMENT = """
import ctypes, os, pathlib

def method(world):
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    texts = [*os.environ.values(), pathlib.Path("/proc/self/environ").read_text()]
    return [sum("the labels" in text for text in texts)]
"""


def first(job_result: JobResult) -> float:
    """Return the first prediction, and fail if the job failed."""
    assert job_result.predictions is not None, job_result.error
    return float(job_result.predictions[0])


def in_this_process(code: str) -> float:
    """Return the result of the same search in this process."""
    namespace: dict[str, Callable[[None], list[float]]] = {}
    exec(code, namespace)
    return namespace["method"](None)[0]


def test_job_memory_holds_no_data_of_parent_or_other_jobs(without_layers: Sandbox, job: Callable[..., Job]):
    earlier = job("marker = 'MARKER-fedcba9876543210'\ndef method(world): return [1]")
    marked = np.frombuffer(b"MARKER-aaaabbbbccccdddd", np.uint8)
    for _ in range(5):
        assert first(without_layers.run(Job(earlier.code, {**earlier.inputs, "weak_labels": marked}, 1))) == 1
    assert first(without_layers.run(job(SEARCH_MEMORY.format(planted="")))) == 0


def test_the_memory_search_finds_a_planted_marker(without_layers: Sandbox, job: Callable[..., Job]):
    assert first(without_layers.run(job(SEARCH_MEMORY.format(planted="marker = b'MARKER-fedcba9876543210'")))) == 1


def test_parent_file_descriptors_are_closed_in_jobs(without_layers: Sandbox, job: Callable[..., Job]):
    assert first(without_layers.run(job(SEARCH_DESCRIPTORS))) == 0
    assert in_this_process(SEARCH_DESCRIPTORS) > 0


def test_parent_environment_variables_are_not_visible(without_layers: Sandbox, job: Callable[..., Job]):
    assert first(without_layers.run(job(SEARCH_ENVIRONMENT))) == 0
    assert in_this_process(SEARCH_ENVIRONMENT) > 0


def test_the_file_allowlist_has_the_toolkit_and_no_task():
    allowlist = file_allowlist()
    assert {part for _, part in allowlist.package_parts} == {"__init__.py", "scenarios/toolkit", "tools/sandbox"}
    readable = allowlist.readable()
    toolkit = Path(sys.modules["aarlab.scenarios.toolkit"].__file__ or "").resolve().parent
    assert toolkit in readable
    tasks, others = (
        [toolkit.parent / "task.py", toolkit.parent / "tasks"],
        [Path(pytest.__file__), Path("/etc/passwd")],
    )
    for forbidden in tasks + others:
        assert not any(forbidden.is_relative_to(path) for path in readable)
    assert not any(path.is_relative_to(part) for path in (*allowlist.hidden, *allowlist.data) for part in readable)


INSTALLED = """
import sys
from pathlib import Path
import numpy as np
import aarlab.scenarios
from aarlab.tools.sandbox import ALL_LAYERS, Job, Sandbox

assert Path(sys.prefix) in Path(aarlab.__file__).parents, aarlab.__file__
tasks = next(iter(aarlab.scenarios.__path__)) + "/task.py"
inputs = {name: np.zeros(0) for name in ("features", "weak_labels", "test_features", "relations")}
for layers in (ALL_LAYERS, ALL_LAYERS - {"bubblewrap"}, ALL_LAYERS - {"landlock"}):
    with Sandbox(layers=layers) as sandbox:
        for code, fine in (
            ("from aarlab.scenarios import toolkit; toolkit.catalogue()", True),
            (f"open({tasks!r})", False),
            ("import aarlab.scenarios.task", False),
        ):
            job_result = sandbox.run(Job(f"{code}\\ndef method(world): return [1]", inputs, 0))
            assert (job_result.error is None) == fine, (layers, job_result)
"""


@pytest.mark.long
def test_an_installed_package_hides_its_tasks(tmp_path: Path):
    environment = Path("/tmp") / f"aarlab-{os.getpid()}"
    venv.create(environment, symlinks=True)
    try:
        site = next(environment.glob("lib/python*/site-packages"))
        shutil.copytree(Path(aarlab.__file__).parent, site / "aarlab")
        (site / "libraries.pth").write_text(str(Path(np.__file__).parents[1]))
        subprocess.run([environment / "bin" / "python", "-c", INSTALLED], cwd=tmp_path, check=True, timeout=120)
    finally:
        shutil.rmtree(environment)
