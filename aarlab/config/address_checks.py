"""Addresses of model servers: a key is sent to another address than the provider's only if the user agrees."""

import os
import re
from collections.abc import Iterable, Sequence

from aarlab.agents.models.addresses import custom_address, host_of, is_loopback
from aarlab.config.errors import ConfigError, Fault
from aarlab.graph.calls.live_settings import LiveSettings

_ADDRESS_SETTING = re.compile(r"[\w.]*\blive\b.*", re.DOTALL)
_URL = re.compile(r"https?://[^\s\"',}\]]+", re.IGNORECASE)


def unconfirmed_hosts(uses: Iterable[tuple[LiveSettings, str]], confirmed: Sequence[str]) -> dict[str, str]:
    """Return the hosts that would get a key and that the user has not confirmed, each with the model called there.

    Addresses of this machine need no confirmation.

    Args:
        uses: Live settings, each with the name of a base model that is called with them.
        confirmed: Hosts or addresses that the user has named.

    Raises:
        ConfigError: A key would be sent to another machine unencrypted.
    """
    known = {host_of(host) for host in confirmed}
    hosts: dict[str, str] = {}
    for live, name in uses:
        provider = name.partition("/")[0]
        url = custom_address(provider, live.model_settings(name).base_url)
        if url is None or name.startswith(("simulated/", "human/", "tape/")) or is_loopback(url):
            continue
        if not url.lower().startswith("https://") and os.environ.get(f"{provider.upper()}_API_KEY"):
            raise ConfigError([_unencrypted(name, url)])
        # The address of an environment variable is the user's own.
        if live.model_settings(name).base_url and host_of(url) not in known:
            hosts.setdefault(host_of(url), name)
    return hosts


def require_confirmed(uses: Iterable[tuple[LiveSettings, str]], confirmed: Sequence[str]) -> None:
    """Raise ConfigError if a host would get a key that the user has not confirmed; see `unconfirmed_hosts`."""
    if hosts := unconfirmed_hosts(uses, confirmed):
        raise ConfigError([unconfirmed_fault(host, name) for host, name in hosts.items()])


def unconfirmed_fault(host: str, name: str) -> Fault:
    """Return the fault of an address that the user has not confirmed."""
    return Fault(
        name, "live.base_urls",
        f"a file names the server {host}, which is not the provider's own and would get the key",
        "an address that you have confirmed", f"if you trust the server: --allow-base-url {host}",
    )  # fmt: skip


def hosts_in_settings(settings: Sequence[str]) -> list[str]:
    """Return the addresses in overrides of the section `live`: the user has typed them, so they are confirmed."""
    return [url for setting in settings if _ADDRESS_SETTING.match(setting) for url in _URL.findall(setting)]


def _unencrypted(name: str, url: str) -> Fault:
    return Fault(
        name, "live.base_urls", f"{host_of(url)} is called by plain http, so the key would be sent unencrypted",
        "an address with https, or one of this machine", "use https, or a tunnel: ssh -L 8000:localhost:8000 HOST",
    )  # fmt: skip
