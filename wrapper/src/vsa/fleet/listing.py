"""The hosts of a fleet as a report: what the inventory says of each, and what the hosts themselves answer."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vsa.ansible.inventory import one_host, refuse_unknown_names, select
from vsa.ansible.report import HostResult, Report
from vsa.fleet.files import read
from vsa.fleet.keys import FILE, recorded_keys
from vsa.fleet.read import Fleet

__all__ = ("listed", "sites_words", "why_not", "with_answers", "with_hub")

_WAIT_SECONDS = 3.0
_AT_ONCE = 32
_MOST_NAMED = 20


def listed(fleet: Fleet, *, limit: str | None) -> Report:
    """Return the hosts that a limit leaves, each with what the inventory says of it."""
    groups = fleet.groups or {"all": ()}
    refuse_unknown_names(groups, limit)
    hosts = select(groups, limit)
    one_host(hosts, limit=limit, single=False)
    keys = read(fleet.folder / FILE)
    return Report(hosts={host: HostResult(payload={"vps": _entry(fleet, host, keys)}) for host in hosts or ()})


def with_hub(report: Report, fleet: Fleet) -> str | None:
    """Add to the hosts of a report what the hub knows of them. Returns what is wrong with the hub, None if nothing is.

    If the inventory names no hub, nothing is asked and nothing is added. If the hub does not answer, nothing is known.
    """
    from vsa.fleet.hub import NoAnswerError, ask, hub_of  # imported here, because only a fleet with a hub needs it

    hub = hub_of(fleet)
    if hub is None:
        return None
    try:
        nodes = ask(hub)
    except NoAnswerError as error:
        return f"the hub {hub.url} was not heard: {error}"
    for name, host in report.hosts.items():
        host.payload["vps"]["hub"] = nodes.get(name)
    return None


def with_answers(report: Report, answers: Report) -> None:
    """Add to the hosts of a report what ``ping`` found, and which ports of theirs do not answer."""
    report.error, report.error_exit = answers.error, answers.error_exit
    asked = {
        (name, port): host.payload["vps"]["address"]
        for name, host in report.hosts.items()
        for port in host.payload["vps"]["inbound"]
        if port.endswith("/tcp") and host.payload["vps"]["address"]
    }
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        heard = dict(zip(asked, pool.map(_lets_through, asked.values(), [port for _, port in asked]), strict=True))
    for name, host in report.hosts.items():
        answer = answers.hosts.get(name)
        if answer is not None:
            host.error, host.exit_code, host.seconds = answer.error, answer.exit_code, answer.seconds
            host.payload |= answer.payload
        host.payload["vps"]["unanswered"] = [port for (of, port), ok in heard.items() if of == name and not ok]


def why_not(answer: HostResult | None) -> str:
    """Return why a host did not do what a run was to do: its error, or that the run did not come to the host."""
    if answer is None:
        return "it was not asked"
    return str((answer.error or {}).get("message") or "it said nothing")


def sites_words(name: str, answer: HostResult | None) -> str:
    """Return the sentence about the sites of a host that is to be removed."""
    if answer is None or answer.error:
        why = why_not(answer)
        return f"{name} does not answer ({why}): its sites are not known"
    domains = [str(site.get("domain")) for site in answer.payload.get("sites") or () if isinstance(site, dict)]
    if not domains:
        return f"{name} has no sites"
    names = ", ".join([*domains[:_MOST_NAMED], *(["…"] if len(domains) > _MOST_NAMED else [])])
    count = f"{len(domains)} {'site' if len(domains) == 1 else 'sites'}"
    return f"{name} has {count}, which stay and keep being served: {names}"


def _entry(fleet: Fleet, host: str, keys: str) -> dict[str, Any]:
    address = fleet.address(host)
    hostname = fleet.value(host, "vsa_hostname")
    ipv6 = fleet.value(host, "vsa_ipv6")
    inbound = fleet.value(host, "vsa_inbound")
    return {
        "groups": list(fleet.groups_of(host)),
        "provider": fleet.provider(host),
        "address": address[0] if address is not None else None,
        "port": address[1] if address is not None else None,
        "hostname": hostname if isinstance(hostname, str) else None,
        "ipv6": ipv6 if isinstance(ipv6, bool) else None,
        "inbound": [str(port) for port in inbound] if isinstance(inbound, list) else [],
        "host_keys": [key.fingerprint for key in recorded_keys(keys, host)],
    }


def _lets_through(address: str, port: str) -> bool:
    """Say whether a firewall lets a port through. A host that refuses the connection has answered."""
    try:
        socket.create_connection((address, int(port.partition("/")[0])), timeout=_WAIT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True
