"""Run methods that are plain pipelines of the toolkit without a job process, and all others in the sandbox."""

import time
from typing import Any

import numpy as np

# The toolkit imports these on first use. They are imported here, so that the limit on their threads applies to them.
import scipy.optimize  # noqa: F401
import sklearn.cluster
import sklearn.covariance
import sklearn.neighbors  # noqa: F401

from aarlab.scenarios.toolkit.inputs import Inputs
from aarlab.scenarios.toolkit.pipeline import PipelineStep, parse_pipeline, run_pipeline
from aarlab.tools.evaluator.world_run import JobRunner
from aarlab.tools.sandbox import Job, JobResult
from aarlab.tools.sandbox.job_protocol import InvalidResult, decode_result, encode_result


class PipelineRunner:
    """Executes jobs. Use it where one job is executed at a time: it holds Python's lock.

    A plain pipeline is parsed into the names and settings of operators, and these operators are executed in this
    process. The code of the method is not executed. This takes half the time of a job process. If an operator raises
    an error, or the pipeline takes more processor time than a job may, the method runs in the sandbox, whose error is
    reported.
    """

    def __init__(self, sandbox: JobRunner) -> None:
        """Run all methods that are not plain pipelines in `sandbox`."""
        self._sandbox = sandbox

    def run(self, job: Job) -> JobResult:
        """Return the result of a job. Raises SandboxUnavailable as a sandbox does."""
        steps = parse_pipeline(job.code)
        result = None if steps is None else _run_here(steps, job)
        return self._sandbox.run(job) if result is None else result


def _run_here(steps: tuple[PipelineStep, ...], job: Job) -> JobResult | None:
    """Return the result of a pipeline, None if it fails or exceeds the processor time of a job."""
    started, started_cpu = time.monotonic(), time.thread_time()
    log: list[dict[str, Any]] = []
    try:
        with np.errstate(all="ignore"):
            student = None if job.service is None else job.service()
            predictions = run_pipeline(steps, Inputs.of_arrays(job.inputs, job.seed, log, student))
        # As for a job process: the log becomes JSON.
        decoded, decoded_log, _ = decode_result(encode_result(predictions, log, None))
    except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, MemoryError, InvalidResult):
        return None
    seconds, cpu_seconds = time.monotonic() - started, time.thread_time() - started_cpu
    if cpu_seconds >= job.limits.cpu_s:
        return None
    return JobResult(decoded, decoded_log, None, seconds, cpu_seconds, 0.0)
