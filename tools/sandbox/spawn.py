"""A zygote seen from its parent: how it is started, given orders, and ended."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import struct
import subprocess
from typing import Final

from aarlab.tools.sandbox import bubblewrap, seccomp, wire
from aarlab.tools.sandbox.defence import BUBBLEWRAP, SECCOMP
from aarlab.tools.sandbox.job import Limits, SandboxUnavailable
from aarlab.tools.sandbox.view import View

_BOOT = """
import sys
sys.path += sys.argv[2:]
import socket
from aarlab.tools.sandbox.zygote import serve
serve(socket.socket(fileno=int(sys.argv[1])))
"""

# A fixed hash seed makes the order of sets, and with it the results of careless methods, the same in every run. One
# thread per job: the forks of a process with threads are broken, and the machine is shared by jobs rather than by
# threads.
_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JOBLIB_MULTIPROCESSING": "0",
}
_PYTHON_OPTIONS = ("-S", "-s", "-P", "-B")  # no site packages, no user packages, no current folder, no bytecode written

_START_TIMEOUT_S = 120.0


def _start(walls: bool, seen: View, control: int) -> "subprocess.Popen[bytes]":
    """Start a zygote's process with its end of the control socket, inside bubblewrap's walls or without them."""
    python = [str(seen.interpreter), *_PYTHON_OPTIONS, "-c", _BOOT, str(control)]
    places = [*seen.search_path, bubblewrap.ROOM if walls else seen.front_door]
    return subprocess.Popen(
        [*(bubblewrap.command(seen, _ENVIRONMENT) if walls else []), *python, *places],
        env=_ENVIRONMENT | {"PATH": os.defpath},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[control],
        start_new_session=True,  # Ctrl-C on the terminal is the parent's business
    )


class Zygote:
    """A running zygote process, seen from its parent."""

    def __init__(self, on: frozenset[str], seen: View) -> None:
        walls = BUBBLEWRAP in on
        settings = {
            "layers": sorted(on),
            "readable": [
                *map(str, seen.readable()),
                *([f"{bubblewrap.ROOM}/aarlab/scenarios/toolkit"] if walls else []),
            ],
            "system_calls": seccomp.compile_filter().hex() if SECCOMP in on else "",
        }
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # tells us its process id as it is out here
        with theirs:
            self._process = _start(walls, seen, theirs.fileno())
        try:
            self._handle = self._greet(json.dumps(settings).encode())
        except OSError as trouble:
            raise SandboxUnavailable(f"the sandbox does not start: {self._last_words() or trouble}") from trouble
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _greet(self, settings: bytes) -> int:
        """Send the settings, wait until the libraries are loaded, and return a handle (pidfd) on the zygote proper."""
        ourselves = os.pidfd_open(os.getpid())
        try:
            socket.send_fds(self._control, [settings], [ourselves])
        finally:
            os.close(ourselves)
        self._control.settimeout(_START_TIMEOUT_S)
        message, ancillary, _, _ = self._control.recvmsg(16, socket.CMSG_SPACE(struct.calcsize("3i")))
        self._control.settimeout(None)
        if message != b"ready":
            raise ConnectionError("it ended while it loaded the libraries")
        process, _, _ = struct.unpack("3i", ancillary[0][2])
        return os.pidfd_open(process)

    def _last_words(self) -> str:
        """End a zygote that did not start, and return the last line that it wrote."""
        self._control.close()
        self._process.kill()
        _, errors = self._process.communicate()
        return wire.printable(errors.decode(errors="replace").strip().rpartition("\n")[2])

    def order(self, limits: Limits, number: int, descriptors: list[int]) -> None:
        """Have a job run; OSError when the zygote is gone."""
        message = {"number": number, "limits": dataclasses.asdict(limits)}
        socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)

    def end(self, patience_s: float) -> None:
        """End the zygote and with it whatever runs, and leave nothing behind."""
        self._control.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self._process.wait()
        os.close(self._handle)
