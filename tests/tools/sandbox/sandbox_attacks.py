"""Attacks on the machine from inside the sandbox, and the layers that stop each of them.

The tests run them only in a sandbox, and only against targets that the tests create.
"""

from dataclasses import dataclass
from string import Template
from textwrap import indent

from aarlab.tools.sandbox import JobResult

BUBBLEWRAP, LANDLOCK, SECCOMP, RLIMITS, UID = "bubblewrap", "landlock", "seccomp", "rlimits", "uid"

_FRAME = """
import ctypes, mmap, os, pathlib, signal, socket, sys, threading, time
import numpy as np
import sklearn
from aarlab.scenarios import toolkit as tk

libc = ctypes.CDLL(None, use_errno=True)

def attack():
{body}

def method(world):
    return [float(bool(attack()))]
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack."""

    name: str
    """The attempted action."""
    body: str
    """Python code that returns whether it succeeded, with `$NAME` for each target."""
    stopped_by: frozenset[str]
    """Layers each of which stops it alone."""
    stopped_by_without_root: frozenset[str]
    """Further layers each of which stops it alone for an ordinary user, and together with `UID` for root."""
    success_marker: str | None = None
    """Part of the error that shows its success; None if the method returns its success."""
    needs_root: bool = False
    """Whether it can succeed only if root runs the sandbox."""

    def layers_that_stop(self, root: bool) -> frozenset[str]:
        """Return the layers each of which stops it alone."""
        return self.stopped_by if root else (self.stopped_by | self.stopped_by_without_root) - {UID}

    def code(self, targets: dict[str, object]) -> str:
        """Return the code of a method that attacks these targets."""
        return _FRAME.format(body=indent(Template(self.body).substitute(targets), "    "))

    def succeeded(self, job_result: JobResult) -> bool:
        """Return whether the attack succeeded."""
        if self.success_marker is not None:
            return job_result.error is not None and self.success_marker in job_result.error
        return job_result.predictions is not None and job_result.predictions.tolist() == [1.0]


def _attack(
    name: str,
    body: str,
    *layers: str,
    with_uid: tuple[str, ...] = (),
    success_marker: str | None = None,
    needs_root: bool = False,
) -> Attack:
    """Return an attack that each of `layers` stops, and each of `with_uid` unless root runs the sandbox."""
    return Attack(name, body, frozenset(layers), frozenset(with_uid), success_marker, needs_root)


_FILES = [
    _attack("read the labels", 'return "labels" in open("$labels").read()', BUBBLEWRAP, LANDLOCK),
    _attack("read /etc/passwd", 'return "root" in open("/etc/passwd").read()', BUBBLEWRAP, LANDLOCK),
    _attack("read through /proc/self/root", 'return open("/proc/self/root$labels").read()', BUBBLEWRAP, LANDLOCK),
    _attack("read the tasks' source", 'return "World" in open("$tasks").read()', BUBBLEWRAP, LANDLOCK),
    _attack(
        "read the data a task is made from",
        'return (pathlib.Path(sklearn.__file__).parent / "datasets/data/digits.csv.gz").read_bytes()',
        BUBBLEWRAP,
        LANDLOCK,
    ),
    _attack("list a folder", 'return os.listdir("$folder")', BUBBLEWRAP, LANDLOCK),
    _attack("list the processes", 'return [name for name in os.listdir("/proc") if name.isdigit()]', LANDLOCK),
    _attack(
        "create a file", 'return os.open(f"$folder/{time.time_ns()}", os.O_CREAT | os.O_WRONLY)', BUBBLEWRAP, LANDLOCK
    ),
    _attack("write to a shared file", 'return os.open("$scratch", os.O_WRONLY | os.O_APPEND)', BUBBLEWRAP, LANDLOCK),
    _attack("truncate a file", 'os.truncate("$scratch", 0); return True', BUBBLEWRAP, LANDLOCK, SECCOMP),
    _attack("make a folder", 'os.mkdir(f"$folder/{time.time_ns()}"); return True', BUBBLEWRAP, LANDLOCK, SECCOMP),
    _attack("rename a file", 'os.rename("$scratch", "$scratch"); return True', BUBBLEWRAP, LANDLOCK, SECCOMP),
    _attack("make a fifo", 'os.mkfifo(f"$folder/{time.time_ns()}"); return True', BUBBLEWRAP, LANDLOCK, SECCOMP),
    _attack(
        "tamper with the toolkit for later jobs",
        "return os.open(tk.__file__, os.O_WRONLY)",
        BUBBLEWRAP,
        LANDLOCK,
        UID,
        needs_root=True,
    ),
    _attack(
        "leave a note for later jobs",
        'return os.open(f"/dev/shm/aarlab-{time.time_ns()}", os.O_CREAT | os.O_WRONLY)',
        BUBBLEWRAP,
        LANDLOCK,
    ),
    _attack(
        "fill the disk",
        'return os.write(os.open("$scratch", os.O_WRONLY), bytes(1 << 20))',
        BUBBLEWRAP,
        LANDLOCK,
        RLIMITS,
    ),
]

_NETWORK = [
    _attack(
        "connect by TCP", 'socket.socket().connect(("127.0.0.1", $tcp)); return True', BUBBLEWRAP, LANDLOCK, SECCOMP
    ),
    _attack("listen on TCP", 'return socket.create_server(("127.0.0.1", 0))', LANDLOCK, SECCOMP),
    _attack(
        "send by UDP",
        """
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.connect(("127.0.0.1", $udp))
wire.send(b"the labels")
time.sleep(0.05)
return wire.send(b"are these")  # fails if the first was not received
""",
        BUBBLEWRAP,
        SECCOMP,
    ),
    _attack(
        "connect to an abstract unix socket",
        r'socket.socket(socket.AF_UNIX).connect("\0$abstract"); return True',
        BUBBLEWRAP,
        LANDLOCK,
        SECCOMP,
    ),
    _attack(
        "connect to a unix socket with a path",
        'socket.socket(socket.AF_UNIX).connect("$socket"); return True',
        BUBBLEWRAP,
        SECCOMP,
    ),
    _attack("talk to the kernel by netlink", "return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)", SECCOMP),
    _attack("make a pipe", "return os.pipe()", SECCOMP),
]

_PROCESSES = [
    _attack("signal another process", "os.kill($victim, 0); return True", BUBBLEWRAP, LANDLOCK, SECCOMP, UID),
    _attack("signal the fork server", "os.kill(os.getppid(), 0); return True", LANDLOCK, SECCOMP, UID),
    _attack("trace a process", "return libc.ptrace(0x4206, $victim, 0, 0) == 0", BUBBLEWRAP, LANDLOCK, SECCOMP, UID),
    _attack(
        "read a process's environment",
        'return "labels" in open("/proc/$victim/environ").read()',
        BUBBLEWRAP,
        LANDLOCK,
        UID,
    ),
    _attack("read a process's memory", 'return open("/proc/$victim/mem", "rb")', BUBBLEWRAP, LANDLOCK, UID),
    _attack(
        "steal a process's descriptor",
        "return libc.syscall(438, os.pidfd_open($victim), 0, 0) >= 0",
        BUBBLEWRAP,
        LANDLOCK,
        SECCOMP,
        UID,
    ),
    _attack(
        "fork",
        """
child = os.fork()
if child == 0:
    os._exit(0)
return os.waitpid(child, 0)
""",
        SECCOMP,
        with_uid=(RLIMITS,),
    ),
    _attack(
        "fork bomb",
        """
for _ in range(64):
    if os.fork() == 0:
        signal.pause()
return True
""",
        SECCOMP,
        with_uid=(RLIMITS,),
    ),
    _attack(
        "start eight threads",
        """
end = threading.Event()
threads = [threading.Thread(target=end.wait) for _ in range(8)]
for thread in threads:
    thread.start()
end.set()
return True
""",
        SECCOMP,
        with_uid=(RLIMITS,),
    ),
    _attack(
        "execute a program",
        """
for program, *words in (("/bin/sh", "-c", "exit 7"), (sys.executable, "-S", "-c", "raise SystemExit(7)")):
    try:
        os.execv(program, [program, *words])
    except FileNotFoundError:
        pass
""",
        LANDLOCK,
        SECCOMP,
        success_marker="exit status 7",
    ),
]

_PRIVILEGES = [
    _attack("become root again", "os.setresuid(0, 0, 0); return os.getuid() == 0", SECCOMP, UID, needs_root=True),
    _attack(
        "make a mount namespace", "return libc.unshare(0x00020000) == 0", BUBBLEWRAP, SECCOMP, UID, needs_root=True
    ),
    _attack("make a user namespace", "return libc.unshare(0x10000000) == 0", SECCOMP),
    _attack("change its own limits", "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0)); return True", SECCOMP),
    _attack("open more descriptors", "return [os.dup(2) for _ in range(200)]", RLIMITS),
    _attack("use more memory", "return np.empty(3 << 27).size", RLIMITS),
    _attack("use more shared memory", "return mmap.mmap(-1, 3 << 30)", RLIMITS),
    _attack(
        "use memory through an anonymous file",
        "return os.write(os.memfd_create('hoard'), bytes(1 << 20))",
        SECCOMP,
        RLIMITS,
    ),
    _attack("change its processor affinity", "os.sched_setaffinity(0, {0}); return True", SECCOMP),
    _attack("allow others to trace it", "return libc.prctl(4, 1, 0, 0, 0) == 0", SECCOMP),
]

ATTACKS = [*_FILES, *_NETWORK, *_PROCESSES, *_PRIVILEGES]
"""All attacks. At least one layer stops each of them."""
