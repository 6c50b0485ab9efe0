"""The outer wall of the docker mode: a container that shows the view and nothing else, made by Docker or Podman.

Its image holds a few links and no file, so that nothing has to be fetched: interpreter, libraries and toolkit are
mounted from this machine, to be read only. A job's contents do not pass through the engine. The fork server in the container
knocks at a socket that is mounted, too, and from there on is given descriptors, like one without a container.
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
"""The descriptor at which a fork server in a container finds its control socket."""

_ENGINES: Final = ("docker", "podman")  # the same words mean the same to both
_CONTROL_SOCKET_PATH: Final = f"{SANDBOX_ROOT}/control"
_TIMEOUT_S = 120.0  # for an engine's answer, and for a container to start
_CLOSE_S = 5.0

# An engine passes on proxies and whatever else it is configured to. A program that is executed anew has none of it.
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
    *("--security-opt", "label=disable"),  # SELinux would have all that is mounted relabelled, which is not ours to do
    *("--tmpfs", "/tmp:ro", "--tmpfs", "/var/tmp:ro", "--tmpfs", "/run:ro"),  # or Podman makes them writable
    *("--pids-limit", "512", "--ulimit", "nproc=4096:4096", "--ulimit", "nofile=1024:1024", "--ulimit", "core=0:0"),
)
_MEMORY_SHARE = 0.75  # of the machine's, for all jobs together

# Whoever started it may be killed: then the engine's client sees the container off, and this shell clears up.
_CLEANUP_SCRIPT: Final = """scratch=$1; shift; "$@"; status=$?; rm -rf "$scratch"; exit $status"""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that works here."""

    command: str
    """`docker` or `podman`."""
    image: str
    """The image's name; it is there."""


def engine() -> Engine:
    """Return the first engine that works here, after making the image if it has none.

    Raises:
        SandboxUnavailable: none does; the message says why not, of each.
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
        f"no docker sandbox: {'; '.join(engine_errors)}. Remedy: start Docker and be allowed to use it, or install podman."
    )


def _image() -> bytes:
    """Make the image's file system: links, and a folder so that it is not empty. The same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        root_dir = tarfile.TarInfo(SANDBOX_ROOT[1:])
        root_dir.type, root_dir.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(root_dir)
        for place in USR_LINKS:
            if os.path.islink(place):
                link = tarfile.TarInfo(place[1:])
                link.type, link.linkname = tarfile.SYMTYPE, os.readlink(place)
                archive.addfile(link)
    return buffer.getvalue()


def _run_engine(*words: str, stdin: bytes = b"") -> str | None:
    """Give an engine a command, and return what it complains about; None where it does not."""
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except FileNotFoundError:
        return "it is not installed"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it does not answer: {error}"
    return last_error_line(done.stderr) or "it fails without a word" if done.returncode else None


def last_error_line(errors: bytes) -> str:
    """The last line of an error output that is not just advice."""
    lines = (line.strip() for line in errors.decode(errors="replace").splitlines())
    return printable(([""] + [line for line in lines if line and not line.startswith(("See '", "Run '"))])[-1])


class Container:
    """A container that runs a fork server, seen from outside. It ends when the fork server does, and leaves nothing behind.

    Attributes:
        process: the engine's client, which ends when the container is gone.
        control: the socket to the fork server.
    """

    def __init__(self, file_allowlist: FileAllowlist, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a container that sees `file_allowlist` and executes `command` in `environment`, and wait until it knocks.

        Raises:
            SandboxUnavailable: no engine works here, or the container does not start.
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
                    f"no docker sandbox: no socket at {control_socket_path}: {error}. Remedy: set TMPDIR to a shorter path."
                ) from error
            control_socket_path.chmod(0o666)  # nobody else on this machine gets as far as its folder
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
        """Start the engine's client, in this process's environment, of which the container gets nothing."""
        library_dirs = [(tree, tree) for tree in file_allowlist.library_dirs]
        shown = [
            *library_dirs,
            *_placeholder_dirs(file_allowlist, self._scratch),
            *file_allowlist.extra_mounts,
            (control_socket_path, Path(_CONTROL_SOCKET_PATH)),
        ]
        memory = int(_MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        words = [
            *(self._engine.command, "run", "--rm", "--name", self._name, "--pull", "never", "--log-driver", "none"),
            *(*_ISOLATION_OPTIONS, "--memory", str(memory), "--workdir", "/"),
            *(word for source, target in shown for word in ("--mount", _mount(source, target))),
            *(self._engine.image, *connect_command),
        ]
        return subprocess.Popen(
            ["sh", "-c", _CLEANUP_SCRIPT, "aarlab", str(self._scratch), *words],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C on the terminal is the parent's business
        )

    def _wait_for_connection(self, listener: socket.socket) -> socket.socket:
        """Wait for the knock, or for the end of the client. Raises OSError when nobody knocked."""
        ended = os.pidfd_open(self.process.pid)
        try:
            select.select([listener.fileno(), ended], [], [], _TIMEOUT_S)
        finally:
            os.close(ended)
        listener.setblocking(False)
        control, _ = listener.accept()
        return control

    def kill_and_read_error(self) -> str:
        """End a container that did not start well, and return what it complained about."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # its complaint may still be on the way
            self.process.wait(_CLOSE_S)
        self.kill()
        _, errors = self.process.communicate()
        return last_error_line(errors)

    def kill(self) -> None:
        """End the container and whatever runs in it. This process may not be allowed to signal those."""
        _run_engine(self._engine.command, "rm", "--force", self._name)
        try:
            self.process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:  # the engine hangs
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            shutil.rmtree(self._scratch, ignore_errors=True)


def _mount(source: Path, target: Path) -> str:
    """A mount to be read only, as both engines read it."""
    return f"type=bind,source={source},target={target},readonly"


def _placeholder_dirs(file_allowlist: FileAllowlist, scratch: Path) -> Iterator[tuple[Path, Path]]:
    """Make folders to be shown in place of what is hidden: empty, but for places where packages will be mounted.

    They are folders of this machine rather than file systems in memory, into which Podman would copy what they hide.
    """
    for number, hidden in enumerate((*file_allowlist.hidden, *file_allowlist.data)):
        placeholder = scratch / str(number)
        placeholder.mkdir()
        placeholder.chmod(0o755)
        for package in file_allowlist.packages:
            if package.parent == hidden:
                place = placeholder / package.name
                place.mkdir() if package.is_dir() else place.touch()
        yield placeholder, hidden
