"""System calls for isolation: prctl, Landlock, seccomp and setrlimit."""

import ctypes
import mmap
import os
import resource
import struct
from collections.abc import Iterable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)

# <linux/prctl.h>, <linux/seccomp.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_GET_SECCOMP = 21
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

# <asm-generic/unistd.h>: the same numbers on every architecture
_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_ADD_RULE = 445
_SYS_LANDLOCK_RESTRICT_SELF = 446

# <asm-generic/mman-common.h>
_MADV_COLLAPSE = 25
_HUGE_PAGE = 1 << 21

# <linux/landlock.h>
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_NET_BIND_AND_CONNECT_TCP = 3
_SCOPE_ABSTRACT_UNIX_AND_SIGNAL = 3
_FILE_RIGHTS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # number of file rights by version; 16 from version 5 on


def _raise_on_error(result: int, call: str) -> int:
    """Return the result of a system call, or raise OSError if it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def die_with_parent(signal_number: int) -> None:
    """Request a signal when the parent's thread ends. A later change of user resets this."""
    _raise_on_error(_LIBC.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def forbid_tracing() -> None:
    """Hide the memory and /proc entries of this process from other processes of the same user."""
    _raise_on_error(_LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def forbid_new_privileges() -> None:
    """Disable set-user-id programs for this process. Landlock and seccomp require it."""
    _raise_on_error(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def lower_limit(kind: int, soft: int, hard: int) -> None:
    """Set a resource limit unless it is already lower, because raising it needs privileges."""
    hard_limit = resource.getrlimit(kind)[1]
    if hard_limit != resource.RLIM_INFINITY:
        soft, hard = min(soft, hard_limit), min(hard, hard_limit)
    resource.setrlimit(kind, (soft, hard))


def has_seccomp() -> bool:
    """Return whether the kernel supports seccomp."""
    return int(_LIBC.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0)) >= 0


def restrict_system_calls(program: bytes) -> None:
    """Install a BPF program that filters every later system call.

    Args:
        program: Instructions of 8 bytes each, from `seccomp.compile_filter`.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    _raise_on_error(_LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0), "prctl(PR_SET_SECCOMP)")


def use_huge_pages() -> None:
    """Move the private memory of this process into huge pages, if the kernel can (Linux 6.1 or later).

    A fork copies one entry per page, and its end clears them. With fewer pages, both take half the time.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        address_range, rights, _, _, inode, *_ = line.split()
        if rights == "rw-p" and inode == "0":
            begin, end = (int(address, 16) for address in address_range.split("-"))
            begin, end = -(-begin // _HUGE_PAGE) * _HUGE_PAGE, end // _HUGE_PAGE * _HUGE_PAGE
            if begin < end:  # failure is ignored: small pages work too
                _LIBC.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_COLLAPSE)


def map_private(descriptor: int) -> memoryview:
    """Map a file into memory until this process ends. Writes do not change the file.

    Python's own mmap would keep the file open, and unmap it when the last reference is gone.
    """
    size = os.fstat(descriptor).st_size
    _LIBC.mmap.restype, zero = ctypes.c_void_p, ctypes.c_long(0)
    address = _LIBC.mmap(
        None, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, descriptor, zero
    )
    if address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"mmap: {os.strerror(ctypes.get_errno())}")
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def landlock_version() -> int:
    """Return the ABI version of Landlock; 0 if it is not available."""
    return max(0, int(_LIBC.syscall(_SYS_LANDLOCK_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)))


def landlock_ruleset(readable: Iterable[Path]) -> int:
    """Create a ruleset that allows reading `readable` and nothing else, and return its file descriptor.

    It handles every right that the kernel's version has: files (read, write, execute, truncate, device ioctls), TCP
    from version 4, and from version 6 abstract unix sockets of, and signals to, processes outside. Paths that do not
    exist are skipped.
    """
    version = landlock_version()
    handled = struct.pack(
        "QQQ",
        (1 << _FILE_RIGHTS_OF_ABI.get(version, 16)) - 1,
        _NET_BIND_AND_CONNECT_TCP if version >= 4 else 0,
        _SCOPE_ABSTRACT_UNIX_AND_SIGNAL if version >= 6 else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _raise_on_error(_LIBC.syscall(_SYS_LANDLOCK_CREATE_RULESET, handled, size, 0), "landlock_create_ruleset")
    for path in readable:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        rights = _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE
        rule = struct.pack("=Qi", rights, descriptor)
        _raise_on_error(
            _LIBC.syscall(_SYS_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0), f"landlock_add_rule {path}"
        )
        os.close(descriptor)
    return ruleset


def landlock_restrict(ruleset: int) -> None:
    """Apply a ruleset to this process permanently."""
    _raise_on_error(_LIBC.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
