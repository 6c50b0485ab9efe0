"""A worker process: it reads tasks from standard input and writes their progress to standard output, as lines of JSON.

It is a separate program and does not import the parent's main module, so an ablation can be started from a script
without a main guard, or from a notebook.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TextIO

from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.sandbox.kernel import die_with_parent


class _LogSender(logging.Handler):
    """Sends the log to the parent, which writes it without credentials."""

    def __init__(self, messages: TextIO) -> None:
        super().__init__()
        self._messages = messages
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record with its traceback."""
        fields = {"level": record.levelno, "name": record.name, "text": self.format(record)}
        _send(self._messages, {"log": fields})


def main(parent_pid: int, world_cache_bytes: int, log_level: int) -> None:
    """Execute tasks until standard input is closed or the parent process ends.

    Args:
        parent_pid: Process id of the parent.
        world_cache_bytes: Bytes of memory for drawn worlds that runs share.
        log_level: Records of this level and above are sent to the parent.
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
        _send(messages, asdict(progress))

    logging.basicConfig(level=log_level, handlers=[_LogSender(messages)])
    worlds = WorldCache(world_cache_bytes)
    for line in sys.stdin:
        execute_task(RunTask(**json.loads(line)), send, worlds)


def _send(messages: TextIO, message: Mapping[str, Any]) -> None:
    # One call writes the whole line: several threads send.
    messages.write(f"{json.dumps(message)}\n")
    messages.flush()
