"""The sandbox: runs untrusted method code in processes that have no access to labels or secrets.

A fork server loads the numerical libraries once. Each job is a fork of it that applies its isolation layers before it
runs untrusted code. In mode `"strict"` a job can compute, read the libraries, and write one result of limited size. In
mode `"docker"` the fork server and its jobs run in a container. Mode `"none"` has no isolation and is for trusted code;
the run file records the mode.
"""

from aarlab.tools.sandbox.isolation_layers import ALL_LAYERS, Layer, SandboxMode, layers
from aarlab.tools.sandbox.job import Job, JobResult, Limits, SandboxUnavailable
from aarlab.tools.sandbox.sandbox_client import Sandbox
from aarlab.tools.sandbox.shared_sandbox import check_sandbox, shared_sandbox

__all__ = [
    "ALL_LAYERS",
    "Job",
    "JobResult",
    "Layer",
    "Limits",
    "Sandbox",
    "SandboxMode",
    "SandboxUnavailable",
    "check_sandbox",
    "layers",
    "shared_sandbox",
]
