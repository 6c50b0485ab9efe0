"""The sandbox that the runs of a process share."""

import os
from collections.abc import Callable

import pytest

from aarlab.tools.sandbox import Job, SandboxUnavailable, shared_sandbox


def test_a_process_has_one_sandbox_for_each_mode() -> None:
    strict, none = shared_sandbox("strict"), shared_sandbox("none")
    assert (strict.mode, none.mode) == ("strict", "none")
    assert shared_sandbox("strict") is strict


def test_a_crashed_sandbox_is_replaced(job: Callable[..., Job]) -> None:
    crashed = shared_sandbox("none")
    with pytest.raises(SandboxUnavailable, match="the sandbox ended before the method did"):
        crashed.run(job("import os\nos.kill(os.getppid(), 9)"))
    working = shared_sandbox("none")
    assert working.run(job("def method(world): return [1]")).error is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_its_own_sandbox() -> None:
    ours = shared_sandbox("none")
    child = os.fork()
    if not child:
        other = shared_sandbox("none")
        other.close()
        os._exit(other is ours)
    assert os.waitpid(child, 0)[1] == 0
    ours.self_test()
