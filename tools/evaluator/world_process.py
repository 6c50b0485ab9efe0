"""A trusted worker process: draws worlds and runs plain pipelines on them.

It never executes the code of a method: see `PipelineRunner`. It holds labels, as its parent does.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import NoReturn

from aarlab.scenarios.task import World
from aarlab.scenarios.tasks.weight_cache import Arrays, adopt
from aarlab.tools.evaluator.pipeline_runner import PipelineRunner
from aarlab.tools.evaluator.results import WorldResult
from aarlab.tools.evaluator.world_run import run_with_shuffles
from aarlab.tools.evaluator.world_workers import WorldAnswer, WorldRequest
from aarlab.tools.sandbox import Job, JobResult


class _NeedsSandbox(Exception):
    """A method is no plain pipeline, or fails."""


class _NoSandbox:
    def run(self, job: Job) -> JobResult:
        raise _NeedsSandbox


def serve(descriptors: Sequence[int]) -> NoReturn:
    """Serve each socket in a process of its own, until its other end is closed.

    This process serves the first socket. It forks the others, which so share the memory of its libraries.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children = []
    for position, descriptor in enumerate(descriptors[1:], start=1):
        child = os.fork()
        if child == 0:
            for other in (descriptors[0], *descriptors[position + 1 :]):
                os.close(other)
            _serve(descriptor)
            os._exit(0)
        os.close(descriptor)
        children.append(child)
    _serve(descriptors[0])
    for child in children:
        os.waitpid(child, 0)
    os._exit(0)


def _serve(descriptor: int) -> None:
    """Answer requests until the other end of the socket is closed, as when the parent is killed."""
    with Connection(descriptor) as connection:
        try:
            connection.send(True)  # the libraries are loaded
            while True:
                connection.send(_answer(*connection.recv()))
        except (EOFError, OSError):
            return


def _answer(weights: Mapping[str, Arrays], request: WorldRequest) -> WorldAnswer:
    """Return the answer to a request. What fails here is left to the parent, which then reports the error.

    Args:
        weights: Pretrained weights that this process does not have yet.
        request: The request.
    """
    adopt(weights)
    try:
        world = request.world or request.task.world(request.seed, size=request.size, split=request.split)
    except Exception:
        return WorldAnswer([None] * len(request.codes), None)
    results = [_result(code, world, request.shuffles) for code in request.codes]
    wanted = request.world is None and (request.keeps_world or None in results)
    return WorldAnswer(results, world if wanted else None)


def _result(code: str, world: World, shuffles: Sequence[int]) -> WorldResult | None:
    """Return the result of a method; None: it must run in the sandbox."""
    try:
        return run_with_shuffles(code, world, PipelineRunner(_NoSandbox()), shuffles)
    except _NeedsSandbox:
        return None
