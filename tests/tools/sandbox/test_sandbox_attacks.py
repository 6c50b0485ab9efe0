"""Every attack fails with all layers, succeeds without layers, and is stopped by each of its layers alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from sandbox_attacks import ATTACKS, Attack

from aarlab.tools.sandbox import ALL_LAYERS, Job, Sandbox

ROOT = os.getuid() == 0
POSSIBLE = [attack for attack in ATTACKS if ROOT or not attack.needs_root]

each_attack = pytest.mark.parametrize("attack", POSSIBLE, ids=lambda attack: attack.name)


@pytest.fixture(scope="module")
def with_layers() -> Iterator[Callable[[frozenset[str]], Sandbox]]:
    """Return a sandbox with the given layers, the same one for the same layers."""
    with ExitStack() as stack:
        yield cache(lambda layers: stack.enter_context(Sandbox(layers=layers)))


@each_attack
def test_all_layers_together_stop_an_attack(
    attack: Attack, strict: Sandbox, job: Callable[..., Job], targets: dict[str, object]
):
    job_result = strict.run(job(attack.code(targets)))
    assert not attack.succeeded(job_result), job_result


@each_attack
def test_an_attack_succeeds_without_layers(
    attack: Attack, without_layers: Sandbox, job: Callable[..., Job], targets: dict[str, object]
):
    job_result = without_layers.run(job(attack.code(targets)))
    assert attack.succeeded(job_result), job_result


@pytest.mark.long
@pytest.mark.parametrize("layer", sorted(ALL_LAYERS if ROOT else ALL_LAYERS - {"uid"}))
@each_attack
def test_each_layer_alone_stops_exactly_its_attacks(
    attack: Attack,
    layer: str,
    with_layers: Callable[[frozenset[str]], Sandbox],
    job: Callable[..., Job],
    targets: dict[str, object],
):
    job_result = with_layers(frozenset({layer})).run(job(attack.code(targets)))
    assert attack.succeeded(job_result) == (layer not in attack.layers_that_stop(ROOT)), job_result


@pytest.mark.long
@each_attack
def test_all_layers_except_bubblewrap_stop_an_attack(
    attack: Attack,
    with_layers: Callable[[frozenset[str]], Sandbox],
    job: Callable[..., Job],
    targets: dict[str, object],
):
    job_result = with_layers(ALL_LAYERS - {"bubblewrap"}).run(job(attack.code(targets)))
    assert not attack.succeeded(job_result), job_result


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs the 32-bit system calls of x86")
def test_32_bit_system_calls_are_refused(strict: Sandbox, without_layers: Sandbox, job: Callable[..., Job]):
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(b"\\x53\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\x5b\\xc3")  # push rbx; mov eax, 20; int 0x80; pop rbx; ret
getpid = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
def method(world): return [getpid()]
"""
    if without_layers.run(job(code)).error is not None:
        pytest.skip("this kernel has no 32-bit system calls")
    assert strict.run(job(code)).error == "ended by signal 31 (Bad system call)"
