"""The outer isolation layer of the docker mode: a Docker or Podman container with allowlisted files only.

The image has a few links and no files, so nothing is downloaded: interpreter, libraries and toolkit are mounted
read-only from this machine. Jobs do not pass through the engine. The fork server in the container connects to a mounted
socket, and receives file descriptors through it as it does without a container.
"""

import contextlib
import hashlib
import io
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aarlab.tools.sandbox.file_allowlist import SANDBOX_ROOT, USR_LINKS, FileAllowlist
from aarlab.tools.sandbox.job import SandboxUnavailable
from aarlab.tools.sandbox.job_protocol import printable

CONTROL: Final = 3
"""File descriptor of the control socket of a fork server in a container."""

_ENGINES: Final = ("docker", "podman")  # both accept the same commands
_CONTROL_SOCKET_PATH: Final = f"{SANDBOX_ROOT}/control"
_TIMEOUT_S = 120.0  # for a command of an engine, and for a container to start
_CLOSE_S = 5.0

# An engine adds configured variables such as proxies to the environment. The new program gets `environment` only.
_CONNECT_SCRIPT: Final = f"""
import json, os, socket, sys
control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
control.connect({_CONTROL_SOCKET_PATH!r})
os.dup2(control.fileno(), {CONTROL})
os.set_inheritable({CONTROL}, True)
command, environment = json.loads(sys.argv[1])
os.execve(command[0], command, environment)
"""

_ISOLATION_OPTIONS: Final = (
    *("--network", "none", "--ipc", "none", "--read-only", "--cap-drop", "ALL", "--user", "65534:65534"),
    *("--security-opt", "no-new-privileges"),
    *("--security-opt", "label=disable"),  # with SELinux labels, the engine would have to relabel the mounted files
    *("--tmpfs", "/tmp:ro", "--tmpfs", "/var/tmp:ro", "--tmpfs", "/run:ro"),  # Podman would make them writable
    *("--pids-limit", "512", "--ulimit", "nproc=4096:4096", "--ulimit", "nofile=1024:1024", "--ulimit", "core=0:0"),
)
_MEMORY_SHARE = 0.75  # share of the machine's memory for all jobs together

# If the parent is killed, the engine's client stops the container and this shell removes the scratch directory.
_CLEANUP_SCRIPT: Final = """scratch=$1; shift; "$@"; status=$?; rm -rf "$scratch"; exit $status"""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that works on this machine."""

    command: str
    """`docker` or `podman`."""
    image: str
    """Name of the image, which exists."""


def engine() -> Engine:
    """Return the first engine that works here, and create the image if it does not exist.

    Raises:
        SandboxUnavailable: No engine works. The message has the error of each.
    """
    root = _image()
    image = f"aarlab-sandbox:{hashlib.sha256(root).hexdigest()[:12]}"
    engine_errors = []
    for command in _ENGINES:
        if _run_engine(command, "image", "inspect", image) is None:
            return Engine(command, image)
        if (error := _run_engine(command, "import", "-", image, stdin=root)) is None:
            return Engine(command, image)
        engine_errors.append(f"{command}: {error}")
    raise SandboxUnavailable(
        f"no docker sandbox: {'; '.join(engine_errors)}. "
        "Fix: start Docker and get permission to use it, or install podman."
    )


def _image() -> bytes:
    """Return the image as a tar archive with links and one folder. The bytes are the same every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        root_dir = tarfile.TarInfo(SANDBOX_ROOT[1:])
        root_dir.type, root_dir.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(root_dir)
        for path in USR_LINKS:
            if os.path.islink(path):
                link = tarfile.TarInfo(path[1:])
                link.type, link.linkname = tarfile.SYMTYPE, os.readlink(path)
                archive.addfile(link)
    return buffer.getvalue()


def _run_engine(*command: str, stdin: bytes = b"") -> str | None:
    """Run a command of an engine, and return its error message; None if it succeeds."""
    try:
        completed = subprocess.run(command, input=stdin, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except FileNotFoundError:
        return "it is not installed"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it does not respond: {error}"
    if completed.returncode == 0:
        return None
    return last_error_line(completed.stderr) or "it fails without an error message"


def last_error_line(errors: bytes) -> str:
    """Return the last line of an error output that is not a hint such as `Run '...'`."""
    lines = (line.strip() for line in errors.decode(errors="replace").splitlines())
    return printable(([""] + [line for line in lines if line and not line.startswith(("See '", "Run '"))])[-1])


class Container:
    """A container that runs a fork server. It ends with the fork server, and all its files are removed.

    Attributes:
        process: The engine's client, which ends when the container has ended.
        control: The socket to the fork server.
    """

    def __init__(self, file_allowlist: FileAllowlist, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a container and wait until the fork server in it connects.

        Args:
            file_allowlist: The files that the container can read.
            command: The command of the fork server.
            environment: All its environment variables.

        Raises:
            SandboxUnavailable: No engine works here, or the container does not start.
        """
        self._engine = engine()
        self._name = f"aarlab-{os.getpid()}-{secrets.token_hex(4)}"
        self._scratch = Path(tempfile.mkdtemp(prefix="aarlab-"))
        connect_command = [
            str(file_allowlist.interpreter),
            "-I",
            "-S",
            "-B",
            "-c",
            _CONNECT_SCRIPT,
            json.dumps([command, environment]),
        ]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            control_socket_path = self._scratch / "control"
            try:
                listener.bind(str(control_socket_path))
            except OSError as error:
                shutil.rmtree(self._scratch)
                raise SandboxUnavailable(
                    f"no docker sandbox: no socket at {control_socket_path}: {error}. "
                    "Fix: set TMPDIR to a shorter path."
                ) from error
            control_socket_path.chmod(0o666)  # its folder is open to this user only
            listener.listen(1)
            self.process = self._start(file_allowlist, control_socket_path, connect_command)
            try:
                self.control = self._wait_for_connection(listener)
            except OSError as error:
                raise SandboxUnavailable(
                    f"the container does not start: {self.kill_and_read_error() or error}"
                ) from error

    def _start(
        self, file_allowlist: FileAllowlist, control_socket_path: Path, connect_command: Sequence[str]
    ) -> "subprocess.Popen[bytes]":
        """Start the engine's client. The client has the environment of this process; the container does not."""
        library_dirs = [(folder, folder) for folder in file_allowlist.library_dirs]
        mounts = [
            *library_dirs,
            *_placeholder_dirs(file_allowlist, self._scratch),
            *file_allowlist.extra_mounts,
            (control_socket_path, Path(_CONTROL_SOCKET_PATH)),
        ]
        memory = int(_MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        engine_command = [
            *(self._engine.command, "run", "--rm", "--name", self._name, "--pull", "never", "--log-driver", "none"),
            *(*_ISOLATION_OPTIONS, "--memory", str(memory), "--workdir", "/"),
            *(option for source, target in mounts for option in ("--mount", _mount(source, target))),
            *(self._engine.image, *connect_command),
        ]
        return subprocess.Popen(
            ["sh", "-c", _CLEANUP_SCRIPT, "aarlab", str(self._scratch), *engine_command],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # the parent handles Ctrl-C on the terminal
        )

    def _wait_for_connection(self, listener: socket.socket) -> socket.socket:
        """Wait until the fork server connects or the client ends. Raises OSError if nothing has connected."""
        ended = os.pidfd_open(self.process.pid)
        try:
            select.select([listener.fileno(), ended], [], [], _TIMEOUT_S)
        finally:
            os.close(ended)
        listener.setblocking(False)
        control, _ = listener.accept()
        return control

    def kill_and_read_error(self) -> str:
        """Stop a container that did not start, and return its error message."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # its error message may arrive late
            self.process.wait(_CLOSE_S)
        self.kill()
        _, errors = self.process.communicate()
        return last_error_line(errors)

    def kill(self) -> None:
        """Stop the container through the engine, because this process may not be allowed to signal processes in it."""
        _run_engine(self._engine.command, "rm", "--force", self._name)
        try:
            self.process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:  # the engine hangs
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            shutil.rmtree(self._scratch, ignore_errors=True)


def _mount(source: Path, target: Path) -> str:
    """Return the option of a read-only mount, which both engines accept."""
    return f"type=bind,source={source},target={target},readonly"


def _placeholder_dirs(file_allowlist: FileAllowlist, scratch: Path) -> Iterator[tuple[Path, Path]]:
    """Create folders that hide the folders below them, and yield each with its target.

    They are empty except for mount points of packages.
    They are folders on disk, because Podman would copy the hidden files into a file system in memory.
    """
    for number, hidden in enumerate((*file_allowlist.hidden, *file_allowlist.data)):
        placeholder = scratch / str(number)
        placeholder.mkdir()
        placeholder.chmod(0o755)
        for package in file_allowlist.packages:
            if package.parent == hidden:
                mount_point = placeholder / package.name
                mount_point.mkdir() if package.is_dir() else mount_point.touch()
        yield placeholder, hidden
