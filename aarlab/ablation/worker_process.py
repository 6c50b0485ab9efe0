"""A worker process: it reads tasks from standard input and writes their progress to standard output, as lines of JSON.

It is a separate program and does not import the parent's main module, so an ablation can be started from a script
without a main guard, or from a notebook.
"""

import json
import os
import signal
import sys
from dataclasses import asdict

from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.graph.run.shared_resources import SharedResources
from aarlab.tools.sandbox.kernel import die_with_parent


def main(parent_pid: int, world_cache_bytes: int) -> None:
    """Execute tasks until standard input is closed or the parent process ends.

    Args:
        parent_pid: Process id of the parent.
        world_cache_bytes: Bytes of memory for drawn worlds that runs share.
    """
    # The parent handles Ctrl-C and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent_pid:
        return
    # Libraries can print to standard output, which must contain messages only.
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(progress: RunProgress) -> None:
        print(json.dumps(asdict(progress)), file=messages, flush=True)

    with SharedResources(world_cache_bytes) as shared_resources:
        for line in sys.stdin:
            execute_task(RunTask(**json.loads(line)), send, shared_resources)
