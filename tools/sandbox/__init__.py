"""The warm sandbox: runs model-written method code where no label and no secret exists.

One zygote process loads the numerical libraries once; every job is a fork of it that locks itself down before it runs
a line of untrusted code. In mode `"strict"` a job can compute, read the libraries, and write one answer of limited
size: nothing else. In mode `"docker"` all this happens in a container. In mode `"none"` the same machinery runs without
walls, for people who trust the code, and says so in name and in record.
"""

from aarlab.tools.sandbox.defence import ALL_LAYERS, Layer, Mode, layers
from aarlab.tools.sandbox.job import Job, Limits, Outcome, SandboxUnavailable
from aarlab.tools.sandbox.pool import Sandbox

__all__ = ["ALL_LAYERS", "Job", "Layer", "Limits", "Mode", "Outcome", "Sandbox", "SandboxUnavailable", "layers"]
