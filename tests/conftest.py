"""What holds for all tests."""

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would all that they start to stop it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests use the public worlds, whose scores they know, and keep off the state folder of this user.
os.environ["AARLAB_SECRET"] = ""
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="aarlab-state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)

Make = Callable[[Path], None]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes share the tests: two for all of them, none besides this one for some that are named."""
    return 2 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Linear algebra keeps to one thread: for matrices as small as ours others only wait, and take up a core."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def made_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """Return a folder by its name; whichever of the processes that share the tests asks first makes what is in it."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if hasattr(request.config, "workerinput") else root

    def made_once(name: str, make: Make) -> Path:
        folder, made = root / "made-once" / name, root / "made-once" / f"{name}.made"
        folder.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                make(folder)
                made.touch()
        return folder

    return made_once
