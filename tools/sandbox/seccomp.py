"""The system calls that a job may make: for computing, reading files, writing the result and exiting."""

import errno
import fcntl
import functools
import os

_ALLOWED = """
    brk madvise membarrier mmap mprotect mremap munmap
    clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time times
    access faccessat faccessat2 fstat fstatfs getcwd getdents64 lstat newfstatat readlink readlinkat stat statfs statx
    close dup lseek open openat poll ppoll pread64 pselect6 read readv select write writev
    exit exit_group restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
    getegid geteuid getgid getpid getppid getrandom getrlimit getrusage gettid getuid sysinfo uname
    futex getcpu rseq sched_getaffinity sched_yield set_robust_list set_tid_address
"""

_TCGETS = 0x5401
"""The only allowed ioctl, used by isatty()."""

_FCNTL_COMMANDS = (fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_DUPFD_CLOEXEC)
"""Commands that send no signals, set no locks and change no shared state."""


@functools.cache
def compile_filter() -> bytes:
    """Compile the allowlist to a BPF program for this architecture. All other system calls fail with EPERM.

    A job can start no process or thread, execute no program, send no signal, trace no process, and create no socket,
    pipe or memory file.

    Raises:
        RuntimeError: libseccomp is not installed.
        OSError: libseccomp is older than 2.5.
        ImportError: pyseccomp is not installed.
    """
    import pyseccomp  # type: ignore[import-untyped]  # imported here, because the import fails without libseccomp

    program = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in _ALLOWED.split():  # names that this architecture does not have are skipped
        program.add_rule(pyseccomp.ALLOW, name)
    program.add_rule(pyseccomp.ALLOW, "ioctl", pyseccomp.Arg(1, pyseccomp.EQ, _TCGETS))
    # With a null pointer for the new value, prlimit64 only reads limits.
    program.add_rule(pyseccomp.ALLOW, "prlimit64", pyseccomp.Arg(2, pyseccomp.EQ, 0))
    for command in _FCNTL_COMMANDS:
        program.add_rule(pyseccomp.ALLOW, "fcntl", pyseccomp.Arg(1, pyseccomp.EQ, command))
    with open(os.memfd_create("seccomp"), "w+b") as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()
