"""A large fleet in the hub's own tables: the same rows each time, with failures, silent nodes and the longest names.

What beats bring comes by real beats, taken by the hub's own code. The audit trails come by COPY: a million records one
by one would take an hour.
"""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from hub.beat.accept import take_beat
from hub.beat.parse import parse_beat
from hub.registry import Registration, register
from hubdatabase import Database
from hubnode import FakeClock, NodeAgent, sections, stamp
from manytrails import FIELDS, Trails

__all__ = ("LARGE", "SMALL", "Size", "filled", "node_names")


@dataclass(frozen=True)
class Size:
    """How much there is in all."""

    nodes: int
    containers: int
    domains: int
    records: int


LARGE = Size(nodes=50, containers=2_000, domains=5_000, records=1_000_000)
SMALL = Size(nodes=5, containers=40, domains=60, records=3_000)

LONG_NAME = "n" + "-very-long-name-of-a-thing" * 3
LONG_CONTAINER = f"acme-{LONG_NAME}"[:63]
LONG_DOMAIN = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 57, "test"])
_STATES = ("running",) * 17 + ("exited", "restarting", "paused")
_TENANTS = ("acme", "globex", "initech", "umbrella", "platform")


@dataclass
class _Node:
    name: str
    number: int
    silent: bool
    containers: list[dict[str, Any]] = field(default_factory=list)
    domains: list[dict[str, Any]] = field(default_factory=list)


def node_names(size: Size) -> list[str]:
    """Return the names of the nodes; the last one is as long as a name may be."""
    names = [f"vps-{number:02}" for number in range(1, size.nodes)]
    return [*names, LONG_NAME[:63].rstrip("-")]


def filled(database: Database, size: Size = SMALL, *, at: datetime | None = None) -> None:
    """Fill a migrated, empty database with the fleet as it is at a time (else now)."""
    at = (at or datetime.now(UTC)).replace(microsecond=0)
    chance = random.Random(7)
    nodes = [_Node(name, number, number % 17 == 5) for number, name in enumerate(node_names(size))]
    for number in range(size.containers):
        owner = nodes[number % len(nodes)]
        owner.containers.append(_container(number, at, chance))
    for number in range(size.domains):
        owner = nodes[number % len(nodes)]
        owner.domains.append(_domain(number, owner.containers[number % len(owner.containers)], at))
    for node in nodes:
        _beats(database, node, at)
    _trails(database, [node.name for node in nodes], size.records, at)
    database.server.statement("vacuum analyze", database.name)


def _container(number: int, at: datetime, chance: random.Random) -> dict[str, Any]:
    tenant = _TENANTS[number % len(_TENANTS)]
    stack = f"shop-{number // 8}"
    name = LONG_CONTAINER if number == 3 else f"{tenant}-{stack}-{('web', 'db', 'worker', 'cache')[number % 4]}-1"
    state = _STATES[number % len(_STATES)]
    health = None if number % 4 == 3 or state != "running" else "unhealthy" if number % 61 == 0 else "healthy"
    began = at - timedelta(hours=1 + number % 900)
    return {
        "id": hashlib.sha256(f"container {number}".encode()).hexdigest(),
        "name": f"{name}-{number}" if number != 3 else name,
        "image": f"registry.example.com/{tenant}/shop:{1 + number % 9}.{number % 20}.0",
        "state": state,
        "health": health,
        "exit_code": 137 if state == "exited" else None,
        "restarts": 0 if number % 13 else chance.randrange(1, 40),
        "created_at": stamp(began - timedelta(minutes=3)),
        "started_at": stamp(began),
        "finished_at": stamp(began + timedelta(minutes=5)) if state == "exited" else None,
        "memory_limit_bytes": None if number % 7 == 0 else 2 ** (26 + number % 6),
        "cpus_limit": None if number % 3 else 1.5,
        "stack": stack,
        "service": ("web", "db", "worker", "cache")[number % 4],
        "tenant": tenant,
        "networks": [f"flowbiz_ext_{tenant}", f"{tenant}-{stack}_inside"],
        "published": ["127.0.0.1:8080->80/tcp"] if number % 50 == 0 else [],
    }


def _domain(number: int, container: dict[str, Any], at: datetime) -> dict[str, Any]:
    name = LONG_DOMAIN if number == 11 else f"site-{number:04}.{('shop', 'blog', 'app')[number % 3]}.example.com"
    route = {"path": "/", "container": container["name"], "port": 3000, "upstream_state": container["state"]}
    more = [{**route, "path": f"/api/v{version}/", "port": 8000} for version in range(number % 3)]
    behind = {"paths": ["/admin/"], "open": ["/admin/hook/"], "users": 1 + number % 4} if number % 9 == 0 else None
    down = container["state"] != "running"
    return {
        "domain": name,
        "aliases": [f"www.{name}"] if number % 2 and len(name) < 200 else [],
        "tenant": container["tenant"],
        "profile": ("default", "spa", "wordpress")[number % 3],
        "routes": [route, *more],
        "auth": behind,
        "state": "invalid" if number % 211 == 0 else "down" if down else "not checked",
        "problems": [f"the container {container['name']} is {container['state']}"] if down else [],
        "certificate": name,
        "last_change": {
            "at": stamp(at - timedelta(hours=number)),
            "run": f"01936f00-0000-7000-8000-{number:012d}",
            "actor": "anna",
        },
    }


def _certificate(number: int, site: dict[str, Any], at: datetime) -> dict[str, Any]:
    days = -2 if number % 301 == 0 else 4 if number % 97 == 0 else 21 if number % 31 == 0 else 30 + number % 60
    end = at + timedelta(days=days, seconds=number)
    state = "expired" if days < 0 else "expiring" if days < 7 else "due" if days < 30 else "ok"
    failed = {"at": stamp(at - timedelta(hours=7)), "error": "urn:ietf:params:acme:error:rateLimited: too many"}
    return {
        "name": site["domain"],
        "names": [site["domain"], *site["aliases"]],
        "issuer": "Let's Encrypt E7",
        "key": "ECDSA P-256",
        "not_before": stamp(end - timedelta(days=90)),
        "not_after": stamp(end),
        "state": state,
        "why": None if state == "ok" else f"{days} days are left",
        "renewal": {"at": stamp(end - timedelta(days=30)), "method": "ari" if number % 2 else "lifetime"},
        "last_attempt": failed if state in ("expired", "expiring") else None,
        "fingerprint": hashlib.sha256(site["domain"].encode()).hexdigest(),
    }


def _served(number: int, certificate: dict[str, Any], at: datetime) -> dict[str, Any]:
    other = hashlib.sha256(b"another one").hexdigest()
    silent = number % 401 == 0
    return {
        "domain": certificate["name"],
        "at": stamp(at - timedelta(minutes=4)),
        "fingerprint": None if silent else other if number % 199 == 0 else certificate["fingerprint"],
        "not_after": None if silent else certificate["not_after"],
        "issuer": None if silent else certificate["issuer"],
        "error": "no answer within 5 s" if silent else None,
    }


def _stacks(node: _Node) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in node.containers:
        name = f"{row['tenant']}/{row['stack']}"
        made = {"id": name, "name": row["stack"], "tenant": row["tenant"], "version": "1.4.0", "state": "healthy"}
        entry = found.setdefault(name, {**made, "services": [], "source": "/srv/stacks", "problems": []})
        entry["services"].append({"name": row["service"], "state": row["state"], "health": row["health"]})
        if row["state"] != "running":
            entry["state"] = "down"
            entry["problems"].append(f"the service {row['service']} is {row['state']}")
    return list(found.values())


def _facts(node: _Node, at: datetime) -> dict[str, Any]:
    return {
        "id": "node",
        "hostname": f"{node.name}.example.com",
        "os": "Debian GNU/Linux 13 (trixie)",
        "kernel": "6.12.41+deb13-amd64",
        "architecture": "x86_64",
        "cpus": 2 + node.number % 7,
        "memory_bytes": 2 ** (31 + node.number % 4),
        "python": "3.13.5",
        "docker": "26.1.5",
        "nginx": "nginx:1.30.7",
        "vsa": "0.4.0" if node.number % 10 else "0.3.2",
        "boot_at": stamp(at - timedelta(days=1 + node.number * 3)),
        "addresses": [f"203.0.113.{1 + node.number}", f"2001:db8::{1 + node.number:x}"],
        "disks": [{"mount": "/", "bytes": 40 * 2**30}, {"mount": "/srv", "bytes": 200 * 2**30}],
        "swarm": None,
    }


def _figures(node: _Node) -> dict[str, Any]:
    full = 0.97 if node.number % 23 == 7 else 0.3 + node.number % 5 / 10
    return {
        "id": "node",
        "load1": round(0.1 + node.number % 9 * 0.4, 2),
        "load5": 0.8,
        "load15": 0.7,
        "memory_available_bytes": 2 ** (29 + node.number % 4),
        "swap_used_bytes": 0,
        "disks": [
            {"mount": "/", "bytes": 40 * 2**30, "used_bytes": int(full * 40 * 2**30)},
            {"mount": "/srv", "bytes": 200 * 2**30, "used_bytes": 61 * 2**30},
        ],
        "network": [{"name": "eth0", "received_bytes": 10**12 + node.number, "sent_bytes": 3 * 10**12}],
    }


def _beats(database: Database, node: _Node, at: datetime) -> None:
    """Register a node and take its beats: the last one was now, or an hour ago of a node that is silent."""
    clock = FakeClock()
    clock.at = at - timedelta(hours=1) if node.silent else at - timedelta(seconds=node.number % 30)
    provider = ("infomaniak", "kamatera")[node.number % 2]
    asked = Registration(node.name, f"{node.name}.example.com", f"203.0.113.{1 + node.number}", provider)
    token = register(database.engine, asked, at=at - timedelta(days=400))["token"]
    agent = NodeAgent(node.name, token, clock=clock, address=asked.address)
    certificates = [_certificate(number, site, at) for number, site in enumerate(node.domains)]
    running = [row for row in node.containers if row["state"] == "running"]
    found = sections(
        clock(),
        node=[_facts(node, at)],
        figures=[_figures(node)],
        containers=node.containers,
        usage=[{"id": row["id"], "memory_bytes": 2**24 + 7**8 % 2**25, "cpu_seconds": 12.5} for row in running],
        domains=node.domains,
        certificates=certificates,
        served=[_served(number, entry, at) for number, entry in enumerate(certificates)],
        stacks=_stacks(node),
    )
    _take(database, agent, token, found)
    if node.number % 11 == 3:
        # The rows of the beat before stay, with the error.
        clock.forward(20)
        _take(database, agent, token, sections(clock(), containers="the engine does not answer"))


def _take(database: Database, agent: NodeAgent, token: str, found: dict[str, Any]) -> None:
    beat = parse_beat(gzip.decompress(agent.body(found)))
    take_beat(database.engine, beat, token=token, address=agent.address, at=agent.clock())


def _trails(database: Database, nodes: list[str], records: int, at: datetime) -> None:
    """Write the records of all nodes with the indexes away, as a restore does."""
    made = Trails(nodes, records, at)
    with psycopg.connect(database.server.conninfo(database.name)) as connection:
        query = "select indexname, indexdef from pg_indexes where tablename = 'audit' and indexname like 'ix_%'"
        indexes = connection.execute(query).fetchall()
        for name, _text in indexes:
            connection.execute(f"drop index {name}")  # type: ignore[call-overload]
        with connection.cursor().copy(f"copy audit ({', '.join(FIELDS)}) from stdin") as copy:  # type: ignore[arg-type]
            for row in _counted(iter(made), records):
                copy.write_row(row)
        for _name, text in indexes:
            connection.execute(text)
        for node, tail in made.tails.items():
            connection.execute(
                "update node set audit_after = %s, audit_tail = %s, audit_left = 0 where id = %s", (tail, tail, node)
            )
        for row in made.breaks():
            connection.execute(
                "insert into audit_break (node, kind, received_at, after, hash, text) values (%s, %s, %s, %s, %s, %s)",
                row,
            )


def _counted(rows: Iterator[tuple[Any, ...]], most: int) -> Iterator[tuple[Any, ...]]:
    for _number, row in zip(range(most), rows, strict=False):
        yield row
