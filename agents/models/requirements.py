"""What the models of a provider require: packages, keys and other environment variables. Each problem names the fix."""

import os
from importlib.util import find_spec

from aarlab.agents.models.api_keys import key_problem
from aarlab.agents.models.base import ModelSettings


def missing_key(key: str, *, required: bool = True, extra: str = "") -> str | None:
    """Return the missing package or key, or why the key is unusable, and the fix; None if nothing is missing."""
    package = _missing_package(extra, extra) if extra else None
    return package or (_missing_variable(key) if required else key_problem(key))


def _missing_package(module: str, extra: str) -> str | None:
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    return None if found else f"the package {module} is not installed: pip install 'aarlab[{extra}]'"


def _missing_variable(*names: str) -> str | None:
    """Return which of these environment variables are needed and the fix, if none of them is set."""
    if any(os.environ.get(name, "").strip() for name in names):
        return next(filter(None, map(key_problem, names)), None)
    return f"{' or '.join(names)} is not set: export it, or write it into a file and pass --env-file FILE"


def azure_problem(settings: ModelSettings) -> str | None:
    """Return what models on Azure lack: the package, the address or the key."""
    address = None if settings.base_url else _missing_variable("AZURE_OPENAI_ENDPOINT")
    return (
        _missing_package("openai", "azure")
        or address
        or _missing_variable("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
    )


def bedrock_problem(settings: ModelSettings) -> str | None:
    """Return what models on Bedrock lack: the package or the region. boto3 finds credentials in many places."""
    region = None if os.environ.get("AWS_PROFILE") else _missing_variable("AWS_REGION", "AWS_DEFAULT_REGION")
    return _missing_package("boto3", "bedrock") or region or key_problem("AWS_BEARER_TOKEN_BEDROCK")


def vertex_problem(settings: ModelSettings) -> str | None:
    """Return what models on Vertex AI lack: the package or the region. google-auth finds credentials in many places."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    return (
        (None if token else _missing_package("google.auth", "vertex"))
        or _missing_variable("CLOUD_ML_REGION")
        or key_problem("GOOGLE_OAUTH_ACCESS_TOKEN")
    )
