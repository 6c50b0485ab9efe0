"""The system calls a job may make: to compute, to read what Landlock lets it read, to answer and to end."""

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
"""The one ioctl: isatty()."""

_FCNTL_COMMANDS = (fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_DUPFD_CLOEXEC)
"""None that sends signals, locks or changes what others share."""


@functools.cache
def compile_filter() -> bytes:
    """Compile the allowlist to BPF for this machine's architecture; whatever is not on it fails with EPERM.

    No process or thread can be started, nothing executed, signalled or traced, no socket, pipe or memory file made.

    Raises:
        RuntimeError: libseccomp is not there.
        OSError: libseccomp is older than 2.5.
        ImportError: pyseccomp is not there.
    """
    import pyseccomp  # type: ignore[import-untyped]  # here, because it looks for libseccomp when it is imported

    program = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in _ALLOWED.split():  # names that this architecture has under another number or not at all are passed over
        program.add_rule(pyseccomp.ALLOW, name)
    program.add_rule(pyseccomp.ALLOW, "ioctl", pyseccomp.Arg(1, pyseccomp.EQ, _TCGETS))
    program.add_rule(pyseccomp.ALLOW, "prlimit64", pyseccomp.Arg(2, pyseccomp.EQ, 0))  # no new value: reading only
    for command in _FCNTL_COMMANDS:
        program.add_rule(pyseccomp.ALLOW, "fcntl", pyseccomp.Arg(1, pyseccomp.EQ, command))
    with open(os.memfd_create("seccomp"), "w+b") as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()
