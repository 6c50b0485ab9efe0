"""The warm sandbox: runs model-written method code where no label and no secret exists.

One fork server process loads the numerical libraries once; every job is a fork of it that locks itself down before it runs
a line of untrusted code. In mode `"strict"` a job can compute, read the libraries, and write one answer of limited
size: nothing else. In mode `"docker"` all this happens in a container. In mode `"none"` the same machinery runs without
walls, for people who trust the code, and says so in name and in record.
"""

from aarlab.tools.sandbox.isolation_layers import ALL_LAYERS, Layer, SandboxMode, layers
from aarlab.tools.sandbox.job import Job, JobResult, Limits, SandboxUnavailable
from aarlab.tools.sandbox.sandbox_client import Sandbox

__all__ = [
    "ALL_LAYERS",
    "Job",
    "JobResult",
    "Layer",
    "Limits",
    "Sandbox",
    "SandboxMode",
    "SandboxUnavailable",
    "layers",
]
