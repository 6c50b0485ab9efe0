"""What holds for all tests."""

import fcntl
import gc
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

# A shell that starts the tests in the background has them ignore Ctrl-C, and `nohup` has them ignore a closed terminal.
# So would all that they start to stop it.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)

# What processes leave behind that tests kill is removed at the end: they have their temporary files in this folder,
# which the processes that share the tests have in common. As in /tmp, every user may write there. Its path is short,
# because there are sockets in it.
_MADE_HERE = "PYTEST_XDIST_WORKER" not in os.environ
SCRATCH = Path(tempfile.mkdtemp(prefix="aarlab-tests-") if _MADE_HERE else os.environ["TMPDIR"])
if _MADE_HERE:
    SCRATCH.chmod(0o1777)
os.environ["TMPDIR"] = str(SCRATCH)
# Tests use the public worlds, whose scores they know, and keep off the state folder of this user.
os.environ["AARLAB_SECRET"] = ""
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="state-", dir=SCRATCH)
# Linear algebra keeps to one thread: for matrices as small as ours others only wait, and take up a core. scikit-learn
# reads this when it is loaded; `one_thread` limits what is loaded already.
os.environ["OMP_NUM_THREADS"] = "1"

# The processes that tests start need not compile the same modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long examples take depends on what else the machine does. Every test run has the same examples; other ones are
# drawn with `pytest --hypothesis-profile explore`.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("aarlab", _UNTIMED, derandomize=True)
settings.register_profile("explore", _UNTIMED)
settings.load_profile("aarlab")

Make = Callable[[Path], None]


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among modules and tests, which are kept until the end: it would take a sixth of the time."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


LONGEST = ("test_recipes.py", "test_ray_workers.py", "test_sandbox_unprivileged.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: while one is the last, only one process is busy."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_unconfigure() -> None:
    """Remove the temporary files."""
    if _MADE_HERE:
        shutil.rmtree(SCRATCH, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes share the tests: two for all of them, none besides this one for some that are named."""
    return 2 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Limit the threads of the libraries that are loaded."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def open_tmp_path(tmp_path: Path) -> Path:
    """Return the temporary folder of the test, which every user may enter."""
    for folder in (tmp_path, *tmp_path.parents):
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            break
        folder.chmod(0o755)
    return tmp_path


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
