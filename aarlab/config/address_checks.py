"""What a file may not decide alone: where a key is sent, and which command is started as an outside agent."""

import re
import shlex
from collections.abc import Iterable, Sequence

from aarlab.agents.models.addresses import custom_address, host_of, is_loopback, sends_key
from aarlab.agents.models.outside.agent_settings import OutsideAgentSettings
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.overrides import Override, parse_overrides
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
        if not url.lower().startswith("https://") and sends_key(provider):
            raise ConfigError([_unencrypted(name, url)])
        # The address of an environment variable is the user's own.
        if live.model_settings(name).base_url and host_of(url) not in known:
            hosts.setdefault(host_of(url), name)
    return hosts


def unconfirmed_agents(uses: Iterable[tuple[LiveSettings, str]], confirmed: Sequence[str]) -> dict[str, str]:
    """Return the commands of outside agents that the user has not confirmed, and what they may use, by base model.

    Args:
        uses: Live settings, each with the name of a base model that is called with them.
        confirmed: Names of agents that the user has typed or allowed.
    """
    commands: dict[str, str] = {}
    for live, name in uses:
        agent = live.model_settings(name).outside_agent
        if agent is not None and agent.command and not {name, name.partition("/")[2]} & set(confirmed):
            commands[name] = f"{shlex.join(agent.command)}{_rights(agent)}"
    return commands


def _rights(agent: OutsideAgentSettings) -> str:
    """Return what an agent may use besides its workspace and the network, in brackets; empty if it is nothing."""
    rights = [] if agent.confined else ["all files of this user"]
    rights += [*(f"${name}" for name in agent.env), *agent.write, *agent.read]
    return f" (it may use: {', '.join(rights)})" if rights else ""


def require_confirmed(uses: Iterable[tuple[LiveSettings, str]], confirmed: Sequence[str]) -> None:
    """Raise ConfigError for each host that would get a key, and each command, that the user has not confirmed."""
    uses = list(uses)
    faults = [unconfirmed_fault(host, name) for host, name in unconfirmed_hosts(uses, confirmed).items()]
    faults += [unconfirmed_agent_fault(name, command) for name, command in unconfirmed_agents(uses, confirmed).items()]
    if faults:
        raise ConfigError(faults)


def unconfirmed_fault(host: str, name: str) -> Fault:
    """Return the fault of an address that the user has not confirmed."""
    return Fault(
        name, "live.base_urls",
        f"a file names the server {host}, which is not the provider's own and would get the key",
        "an address that you have confirmed", f"if you trust the server: --allow-base-url {host}",
    )  # fmt: skip


def unconfirmed_agent_fault(name: str, command: str) -> Fault:
    """Return the fault of a command that the user has not confirmed."""
    return Fault(
        name, "live.agents", f"a file names a command that would be started: {command}",
        "an agent that you have confirmed", f"if you trust the command: --allow-agent {name.partition('/')[2]}",
    )  # fmt: skip


def confirmed_in_settings(settings: Sequence[str]) -> list[str]:
    """Return the addresses, and the agents, in overrides of the section `live`: the user has typed them."""
    urls = [url for setting in settings if _ADDRESS_SETTING.match(setting) for url in _URL.findall(setting)]
    return [*urls, *(name for override in parse_overrides(settings) for name in _agents_in(override))]


def _agents_in(override: Override) -> list[str]:
    """Return the names of the agents that an override sets completely, so that nothing of them comes from a file."""
    if "live" not in override.key:
        return []
    match override.key[override.key.index("live") + 1 :], override.value:
        case (), {"agents": dict(agents)}:
            return [str(name) for name in agents]
        case ("agents",), dict(agents):
            return [str(name) for name in agents]
        case ("agents", name), dict():
            return [name]
        case _:
            return []


def _unencrypted(name: str, url: str) -> Fault:
    return Fault(
        name, "live.base_urls", f"{host_of(url)} is called by plain http, so the key would be sent unencrypted",
        "an address with https, or one of this machine", "use https, or a tunnel: ssh -L 8000:localhost:8000 HOST",
    )  # fmt: skip
