"""Start the command of an outside agent so that it does not survive the run.

It is executed as a script in a process of its own, in which nothing of aarlab is imported.
"""

import ctypes
import os
import resource
import signal
import sys

_MAX_FILE = 1 << 30
"""Maximum size of a file that the agent writes, in bytes."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command in the arguments. The kernel kills it when its parent dies."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_FILE, _MAX_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error.strerror}")


if __name__ == "__main__":
    main()
