"""The tests of the sandbox pass for an ordinary user, too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_USER = "54321"
_HERE = Path(__file__).parent


def _open_folders() -> list[str]:
    """Return options of bubblewrap that make interpreter, libraries and checkout readable for other users than root."""
    needed = [Path(path).resolve() for path in (sys.base_prefix, sys.prefix, _HERE.parents[2])]
    closed = {parent for path in needed for parent in path.parents if not parent.stat().st_mode & 1}
    outermost = [folder for folder in closed if not closed & set(folder.parents)]
    inside = [path for path in needed if closed & set(path.parents)]
    between = {parent for path in inside for parent in path.parents if set(outermost) & set(parent.parents)}
    return [
        *(option for folder in outermost for option in ("--perms", "0755", "--tmpfs", str(folder))),
        *(option for folder in sorted(between) for option in ("--perms", "0755", "--dir", str(folder))),
        *(option for path in inside for option in ("--ro-bind", str(path), str(path))),
    ]


@pytest.mark.long
@pytest.mark.skipif(os.getuid() != 0, reason="this user is already an ordinary user")
@pytest.mark.skipif(not (shutil.which("bwrap") and shutil.which("setpriv")), reason="needs bwrap and setpriv")
def test_the_sandbox_works_for_an_unprivileged_user(tmp_path: Path):
    tmp_path.chmod(0o777)
    subprocess.run(
        [
            *("bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", *_open_folders(), "--cap-add", "ALL"),
            *(
                "setpriv",
                "--reuid",
                _USER,
                "--regid",
                _USER,
                "--clear-groups",
                "--inh-caps=-all",
                "--bounding-set=-all",
            ),
            *(sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_timeout"),
            *("-p", "xdist.plugin", "-n", "0", "-m", "", "--rootdir", str(_HERE.parents[2])),
            # An installation is as hidden as the checkout, whose files are among the targets of attacks.
            *("-k", "not installed"),
            *(str(_HERE / f"test_sandbox_{name}.py") for name in ("attacks", "results", "jobs", "secrets")),
        ],
        cwd=_HERE.parents[2],
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/none"},
        check=True,
        timeout=280,
    )
