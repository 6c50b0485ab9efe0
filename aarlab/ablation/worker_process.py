"""A worker: a process that takes tasks from its standard input and tells how they go on its standard output.

Lines of JSON both ways. It is a program of its own, and not a child that imports its parent's main module, so that an
ablation can be started from a script or a notebook as it is.
"""

import json
import os
import signal
import sys
from dataclasses import asdict

from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.tools.sandbox.kernel import die_with_parent


def main(parent_pid: int) -> None:
    """Work until there are no more tasks, or until the process that gives them is gone."""
    # Whoever started this worker decides when it ends: by ending, for one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent_pid:
        return
    # What a library prints must not be taken for news.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(progress: RunProgress) -> None:
        print(json.dumps(asdict(progress)), file=answers, flush=True)

    for line in sys.stdin:
        execute_task(RunTask(**json.loads(line)), send)
