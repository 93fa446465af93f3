"""A fleet as operators have it: five nodes with a few of everything, some of it wrong, one silent, one never seen."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from hubapp import Hub
from hubnode import NodeAgent, container, domain, sections, stamp, trail

__all__ = ("LONGEST", "report", "some_fleet")

MIB = 1 << 20
LONGEST = ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 26, "example.com"))
"""A domain of 230 characters, the longest that a site can have."""


def some_fleet(hub: Hub) -> list[NodeAgent]:
    """Let the nodes report; return their agents."""
    agents = [
        hub.agent(f"vps-0{number}", provider="infomaniak" if number < 5 else "kamatera") for number in range(1, 7)
    ]
    report(hub, agents[4:5], first=5)
    hub.clock.forward(600)
    report(hub, agents[:4])
    hub.clock.forward(-30)
    return agents


def report(hub: Hub, agents: list[NodeAgent], *, first: int = 1) -> None:
    """Let nodes send everything that they have."""
    for number, agent in enumerate(agents, first):
        records = _records(number) if agent.after is None else []
        agent.accepted(hub.client, sections(hub.clock(), **_rows(number, hub.clock())), records=records)
        hub.clock.forward(-30)
    hub.clock.forward(30)


def _records(number: int) -> list[str]:
    """Return the trail of a node: each a run of its own, one of them failed."""
    made = trail(12, first=100 * number, target=f"shop1.t{number}.example.com")
    after = json.loads(made[-1])["hash"]
    return [*made, *trail(1, after=after, first=100 * number + 12, status="failed")]


def _rows(number: int, at: datetime) -> dict[str, Any]:
    names = [
        LONGEST.replace("example", f"n{number}-example"),
        *(f"shop{index}.t{number}.example.com" for index in range(1, 9)),
    ]
    return {
        "node": [_machine(number, at)],
        "figures": [_figures(number)],
        "containers": [_container(number, index) for index in range(12)],
        "usage": [{"id": _id(number, index), "memory_bytes": (40 + 35 * index) * MIB} for index in range(12)],
        "domains": [_site(number, index, name) for index, name in enumerate(names)],
        "certificates": [_certificate(number, index, name, at) for index, name in enumerate(names)],
        "served": [_served(number, index, name, at) for index, name in enumerate(names)],
    }


def _machine(number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": "node",
        "hostname": f"vps-0{number}",
        "os": "Debian GNU/Linux 13 (trixie)",
        "kernel": "6.12.48-amd64",
        "cpus": 4,
        "memory_bytes": 8192 * MIB,
        "docker": "28.5.1",
        "nginx": "nginx:1.30.7",
        "boot_at": stamp(at - timedelta(days=12)),
        "addresses": [f"203.0.113.{number}", f"2001:db8::{number}"],
    }


def _figures(number: int) -> dict[str, Any]:
    disk = {"mount": "/", "bytes": 80_000 * MIB, "used_bytes": (67_200 if number == 4 else 8_000 * number) * MIB}
    network = [{"name": "eth0", "received_bytes": 812_000 * MIB, "sent_bytes": 2_100_000 * MIB}]
    free = 400 if number == 2 else 1024 * number
    return {
        "id": "node",
        "load1": 0.6 * number,
        "memory_available_bytes": free * MIB,
        "disks": [disk],
        "network": network,
    }


def _id(number: int, index: int) -> str:
    return hashlib.sha256(f"{number}-{index}".encode()).hexdigest()


def _container(number: int, index: int) -> dict[str, Any]:
    states: dict[tuple[int, int], dict[str, Any]] = {
        (2, 3): {"state": "restarting", "health": None, "restarts": 31},
        (3, 5): {"health": "unhealthy"},
        (4, 6): {"state": "exited", "health": None, "exit_code": 0},
        (1, 7): {"health": "starting"},
    }
    name = "w" * 63 if index == 11 else f"web-{number}-{index}"
    stack = {"stack": "crm", "service": "web", "tenant": "acme"} if index < 4 else {}
    limit = 512 * MIB if index % 3 else None
    made = container(0, name=name, memory_limit_bytes=limit, **stack)
    return {**made, "id": _id(number, index), **states.get((number, index), {})}


def _site(number: int, index: int, name: str) -> dict[str, Any]:
    down = (number, index) == (4, 6)
    route = {"path": "/", "container": f"web-{number}-{index}", "port": 3000}
    more = [{"path": "/api/", "container": f"web-{number}-{index + 1}", "port": 8080, "upstream_state": "running"}]
    return domain(
        name,
        tenant="acme" if index % 2 else "bauwerk",
        profile=("web", "sse", "llm")[index % 3],
        aliases=[f"www.{name}"] if index in (3, 6) else [],
        routes=[{**route, "upstream_state": "exited" if down else "running"}, *(more if index % 4 == 1 else [])],
        auth={"paths": ["/admin/"], "open": [], "users": 2}
        if index % 5 == 2
        else {"paths": [], "open": [], "users": 0},
        state="down" if down else "not checked",
        problems=[f"the container web-{number}-{index} does not run"] if down else [],
    )


def _certificate(number: int, index: int, name: str, at: datetime) -> dict[str, Any]:
    days = 24 + 7 * index
    states: dict[tuple[int, int], dict[str, Any]] = {(1, 4): {"state": "due"}}
    if number == 2 and index in (2, 3, 4):
        days = 8
        attempt = {"at": stamp(at - timedelta(hours=5)), "error": "DNS points to 198.51.100.9"}
        states[number, index] = {
            "state": "expiring",
            "why": "it should have been renewed by now",
            "last_attempt": attempt,
        }
    made = {
        "name": name,
        "names": [name, f"www.{name}"] if index % 3 == 0 else [name],
        "issuer": "Let's Encrypt E7",
        "key": "ECDSA P-256",
        "not_before": stamp(at - timedelta(days=90 - days)),
        "not_after": stamp(at + timedelta(days=days, hours=1)),
        "state": "ok",
        "renewal": {"at": (at + timedelta(days=days - 30)).date().isoformat(), "method": "ari"},
        "fingerprint": _id(number, index),
    }
    return {**made, **states.get((number, index), {})}


def _served(number: int, index: int, name: str, at: datetime) -> dict[str, Any]:
    other = (number, index) == (3, 2)
    ends = at - timedelta(days=1) if other else at + timedelta(days=24 + 7 * index, hours=1)
    fingerprint = "cd" * 32 if other else _id(number, index)
    return {"domain": name, "at": stamp(at), "fingerprint": fingerprint, "not_after": stamp(ends), "issuer": "x"}
