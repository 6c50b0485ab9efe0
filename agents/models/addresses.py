"""Addresses of servers: a provider's own, written in any way, or another."""

import ipaddress
import os
from urllib.parse import urlsplit

OFFICIAL_ADDRESSES = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
"""By provider."""
_ADDRESS_VARIABLES = {
    "azure": "AZURE_OPENAI_ENDPOINT", "bedrock": "ANTHROPIC_BEDROCK_BASE_URL", "vertex": "ANTHROPIC_VERTEX_BASE_URL",
}  # fmt: skip
"""Environment variables of addresses, by provider; of others: the provider's name and `_BASE_URL`."""
_KEY_VARIABLES = {"anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")}
"""Environment variables of keys, by provider; of others: the provider's name and `_API_KEY`."""
_CLOUDS = ("azure", "bedrock", "vertex")
"""Providers whose credentials need not be in the environment."""


def custom_address(provider: str, url: str | None) -> str | None:
    """Return the address of a server that is not the provider's own; None if it is the provider's own.

    Args:
        provider: Name of the provider.
        url: Configured address; None: that of the environment variable that the provider's SDK reads, if it is set.
    """
    variable = _ADDRESS_VARIABLES.get(provider, f"{provider.upper()}_BASE_URL")
    url = url or os.environ.get(variable) or None
    official = OFFICIAL_ADDRESSES.get(provider)
    return None if url is None or (official is not None and _parts(url) == _parts(official)) else url


def sends_key(provider: str) -> bool:
    """Return whether a request to a provider's models has a key."""
    variables = _KEY_VARIABLES.get(provider, (f"{provider.upper()}_API_KEY",))
    return provider in _CLOUDS or any(os.environ.get(variable) for variable in variables)


def host_of(address: str) -> str:
    """Return the host of an address or of a host with or without a port, in lower case."""
    url = address.strip() if "://" in address else f"//{address.strip()}"
    return (urlsplit(url).hostname or "").rstrip(".").encode("ascii", "backslashreplace").decode()


def is_loopback(url: str) -> bool:
    """Return whether an address is one of this machine."""
    host = host_of(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parts(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url.strip())
    port = None if parts.scheme.lower() == "https" and parts.port == 443 else parts.port
    return parts.scheme.lower(), (parts.hostname or "").rstrip("."), port, parts.path.rstrip("/")
