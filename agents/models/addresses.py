"""Addresses of servers: a provider's own, written in any way, or another."""

import os
from urllib.parse import urlsplit

OFFICIAL_ADDRESSES = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
"""By provider."""


def custom_address(provider: str, url: str | None) -> str | None:
    """Return the address of a server that is not the provider's own; None if it is the provider's own.

    Args:
        provider: Name of the provider.
        url: Configured address; None: that of the environment variable that the provider's SDK reads, if it is set.
    """
    url = url or os.environ.get(f"{provider.upper()}_BASE_URL") or None
    official = OFFICIAL_ADDRESSES.get(provider)
    return None if url is None or (official is not None and _parts(url) == _parts(official)) else url


def _parts(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url.strip())
    port = None if parts.scheme.lower() == "https" and parts.port == 443 else parts.port
    return parts.scheme.lower(), (parts.hostname or "").rstrip("."), port, parts.path.rstrip("/")
