# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the networks on what runs: the proxy's entry network, its namespace, and the firewall of the host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.networks import ENTRY
from ..._core.proxy.namespace import wrong_settings
from ..machine.firewall import UNIT, not_in_force
from ..machine.namespace import default_gateways, interface_settings
from ..store.firewall import is_closed
from ..store.layout import Paths
from .nginx import CONTAINER

if TYPE_CHECKING:
    from ..machine.docker import Container
    from .protocols import ProxyEngine

__all__ = ("backend_findings", "firewall_findings", "network_findings")

_START = Advice("", Hint("stack.up", {"name": "reverse-proxy"}))
_BOOTSTRAP = Advice("", Hint("bootstrap"))
# More than so many are counted, not named.
_NAMED = 3


def network_findings(engine: ProxyEngine) -> list[Finding]:
    """Return what is wrong with the networks of the running proxy; nothing if no proxy runs."""
    proxy = engine.container(CONTAINER)
    if proxy is None or not proxy.running or not proxy.pid:
        return []
    findings = [*_entry(engine, proxy), *_namespace(proxy)]
    others = [name for name in engine.members(ENTRY) if name != CONTAINER] if ENTRY in proxy.networks else []
    for name in others:
        text = f"the container is on {ENTRY}, where only the proxy may be: it can take the traffic of all sites"
        remedy = f"docker network disconnect {ENTRY} {name}, on the host"
        findings.append(Finding("entry-network-shared", WARNING, name, text, remedy))
    return findings


def _entry(engine: ProxyEngine, proxy: Container) -> list[Finding]:
    if ENTRY not in proxy.networks:
        text = "its default route and its published ports are on a network that containers of sites join"
        return [Finding("no-entry-network", WARNING, CONTAINER, text, _START)]
    gateways = default_gateways(proxy.pid)
    wanted = _gateways_of(engine.network(ENTRY))
    if gateways is None or (gateways and set(gateways) <= wanted):
        return []
    text = f"its default route leads to {', '.join(gateways) or 'nobody'}, not to {ENTRY}"
    return [Finding("default-route-elsewhere", WARNING, CONTAINER, text, _START)]


def _gateways_of(network: dict[str, Any] | None) -> set[str]:
    configs = ((network or {}).get("IPAM") or {}).get("Config") or []
    return {entry["Gateway"] for entry in configs if entry.get("Gateway")}


def _namespace(proxy: Container) -> list[Finding]:
    found = interface_settings(proxy.pid)
    wrong = wrong_settings(found or {})
    if not wrong:
        return []
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    text = f"its network namespace is not strict: {', '.join(wrong[:_NAMED])}{more}"
    return [Finding("namespace-not-strict", WARNING, CONTAINER, text, _START)]


def backend_findings(engine: ProxyEngine) -> list[Finding]:
    """Return a finding if Docker filters packets by nftables, past the chain in which a part of VSA's rules is.

    A host without a proxy has no sites to reach.
    """
    if engine.container(CONTAINER) is None:
        return []
    backend = engine.firewall_backend()
    if not backend.startswith("nftables"):
        return []
    text = f"its firewall backend is {backend}: no container reaches a site of this host by the site's public name"
    remedy = "set firewall-backend to iptables in /etc/docker/daemon.json, and restart Docker"
    return [Finding("firewall-backend", WARNING, "Docker", text, remedy)]


def firewall_findings(paths: Paths) -> list[Finding]:
    """Return what the firewall of the host lacks. A host without a proxy needs no firewall of ours."""
    if not paths.proxy.exists():
        return []
    if not is_closed(paths):
        text = (
            "containers reach the ports of the host and the provider's metadata address: bootstrap has not closed them"
        )
        return [Finding("firewall-missing", WARNING, "host", text, _BOOTSTRAP)]
    lacking = not_in_force(paths.root)
    if not lacking:
        return []
    text = f"the firewall lacks rules: {', '.join(lacking[:_NAMED])}"
    return [Finding("firewall-not-in-force", WARNING, UNIT, text, f"systemctl restart {UNIT}, on the host")]
