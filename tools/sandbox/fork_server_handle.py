"""The parent's side of a fork server: start it, submit jobs, and end it."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import struct
import subprocess
from typing import Final

from aarlab.tools.sandbox import bubblewrap, seccomp
from aarlab.tools.sandbox.container import CONTROL, Container, last_error_line
from aarlab.tools.sandbox.file_allowlist import SANDBOX_ROOT, FileAllowlist
from aarlab.tools.sandbox.isolation_layers import BUBBLEWRAP, CONTAINER, SECCOMP
from aarlab.tools.sandbox.job import Limits, SandboxUnavailable

_BOOT = """
import sys
sys.path += sys.argv[2:]
import socket
from aarlab.tools.sandbox.fork_server import serve
serve(socket.socket(fileno=int(sys.argv[1])))
"""

# A fixed hash seed makes the order of sets, and so the results of methods that depend on it, the same in every run.
# Each job has one thread, because forking a process with several threads is unsafe, and jobs run in parallel.
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


def _python(allowlist: FileAllowlist, control: int, import_root: str) -> list[str]:
    """Return the command of a fork server; `import_root` is the folder that contains `aarlab`."""
    return [
        str(allowlist.interpreter),
        *_PYTHON_OPTIONS,
        "-c",
        _BOOT,
        str(control),
        *allowlist.search_path,
        import_root,
    ]


def _start(isolated: bool, allowlist: FileAllowlist, control: int) -> "subprocess.Popen[bytes]":
    """Start the process of a fork server with its end of the control socket, in bubblewrap if `isolated`."""
    python = _python(allowlist, control, SANDBOX_ROOT if isolated else allowlist.import_root)
    return subprocess.Popen(
        [*(bubblewrap.command(allowlist, _ENVIRONMENT) if isolated else []), *python],
        env=_ENVIRONMENT | {"PATH": os.defpath},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[control],
        start_new_session=True,  # the parent handles Ctrl-C on the terminal
    )


class ForkServer:
    """A running fork server process.

    Attributes:
        layers: Names of the isolation layers that it applies.
    """

    def __init__(self, layers_on: frozenset[str], allowlist: FileAllowlist) -> None:
        """Start a fork server with these layers. Raises SandboxUnavailable if it does not start."""
        self._container = (
            Container(allowlist, _python(allowlist, CONTROL, SANDBOX_ROOT), _ENVIRONMENT)
            if CONTAINER in layers_on
            else None
        )
        if self._container is not None:
            self._control, self._process = self._container.control, self._container.process
        else:
            self._control, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with server_end:
                self._process = _start(BUBBLEWRAP in layers_on, allowlist, server_end.fileno())
        try:
            self.layers, self._handle = self._handshake(_server_settings(layers_on, allowlist))
        except OSError as error:
            raise SandboxUnavailable(f"the sandbox does not start: {self._kill_and_read_error() or error}") from error
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _handshake(self, settings: bytes) -> tuple[frozenset[str], int]:
        """Send the settings and wait until the libraries are loaded.

        Returns:
            The layers that the fork server applies, and a pidfd of its process.
        """
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # gives the process id in this namespace
        parent = os.pidfd_open(os.getpid())
        try:
            socket.send_fds(self._control, [settings], [parent])
        finally:
            os.close(parent)
        self._control.settimeout(_START_TIMEOUT_S)
        message, ancillary, _, _ = self._control.recvmsg(1024, socket.CMSG_SPACE(struct.calcsize("3i")))
        self._control.settimeout(None)
        if not message:
            raise ConnectionError("it ended while loading the libraries")
        process, _, _ = struct.unpack("3i", ancillary[0][2])
        return frozenset(json.loads(message)), os.pidfd_open(process)

    def _kill_and_read_error(self) -> str:
        """Kill a fork server that did not start, and return its last error line."""
        self._control.close()
        if self._container is not None:
            return self._container.kill_and_read_error()
        self._process.kill()
        _, errors = self._process.communicate()
        return last_error_line(errors)

    def submit(self, limits: Limits, number: int, descriptors: list[int]) -> None:
        """Submit a job. Raises OSError if the fork server has ended."""
        message = {"number": number, "limits": dataclasses.asdict(limits)}
        socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)

    def end(self, timeout_s: float) -> None:
        """End the fork server and its jobs; kill it after the timeout."""
        self._control.close()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            if self._container is not None:
                self._container.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self._process.wait()
        os.close(self._handle)


def _server_settings(layers_on: frozenset[str], allowlist: FileAllowlist) -> bytes:
    """Return the settings that a fork server receives first."""
    has_own_filesystem = layers_on & {BUBBLEWRAP, CONTAINER}
    settings = {
        "layers": sorted(layers_on),
        "readable": [
            *map(str, allowlist.readable()),
            *([f"{SANDBOX_ROOT}/aarlab/scenarios/toolkit"] if has_own_filesystem else []),
        ],
        "system_calls": seccomp.compile_filter().hex() if SECCOMP in layers_on else "",
    }
    return json.dumps(settings).encode()
