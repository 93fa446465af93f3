"""The state of hosts, from payloads in the module's shape."""

from __future__ import annotations

from typing import Any

import rendered
from vsa.ansible.report import HostResult
from vsa.views.host import ping_table, status_blocks

GONE = HostResult(error={"message": "ssh: connect to host 198.51.100.4 port 22: timed out"}, exit_code=5)
STOPPED = {
    "name": "proxy-stopped",
    "level": "down",
    "subject": "vsa-nginx",
    "text": "NGINX does not run: the container is exited",
    "remedy": "vsa stack up reverse-proxy",
}
FULL = {"name": "disk-full", "level": "warning", "subject": "/srv", "text": "91 % of the space is used", "remedy": ""}
LATE = {"name": "not-checked", "level": "not checked", "subject": "timers", "text": "\x1b[2Jlate", "remedy": ""}


def printed(hosts: dict[str, HostResult], *, width: int = 100) -> str:
    return rendered.printed(status_blocks(hosts), width=width)


def host(*findings: dict[str, Any], state: str, **counted: int) -> HostResult:
    return HostResult(payload={"state": state, "findings": list(findings), "site_states": counted})


def test_the_worst_host_is_first() -> None:
    hosts = {
        "vps-01": host(state="ok", ok=12),
        "vps-02": GONE,
        "vps-03": host(STOPPED, FULL, LATE, state="down", down=3, ok=1),
        "vps-04": host(FULL, state="warning", ok=1),
    }
    assert printed(hosts) == (
        "vps-02  —  unreachable: ssh: connect to host 198.51.100.4 port 22: timed out\n"
        "vps-03  down · 4 sites: 3 down\n"
        "  ✘ vsa-nginx: NGINX does not run: the container is exited\n"
        "    try  vsa stack up reverse-proxy\n"
        "  ! /srv: 91 % of the space is used\n"
        "  ? timers: \\x1b[2Jlate\n"
        "vps-04  warning · 1 site\n"
        "  ! /srv: 91 % of the space is used\n"
        "vps-01  ok · 12 sites"
    )


def test_a_domain_on_two_hosts_is_told() -> None:
    both = {"state": "ok", "findings": [], "domains": ["a.example", "b.example"], "site_states": {"ok": 2}}
    hosts = {"vps-01": HostResult(payload=both), "vps-02": HostResult(payload={**both, "domains": ["b.example"]})}
    assert printed(hosts).splitlines()[-1] == "b.example is on vps-01, vps-02: DNS leads visitors to one of them"


def test_a_ping_names_the_reason_of_each_host_and_the_way_out_once() -> None:
    ways = {"try": "-K, which asks for the sudo password"}
    hosts = {
        "vps-01": HostResult(
            payload={"ping": {"user": "root", "python": "3.13.5", "bootstrapped": True}}, seconds=1.25
        ),
        "vps-02": HostResult(error={"message": "Missing sudo password", **ways}, exit_code=5, seconds=2),
        "vps-03": HostResult(error={"message": "Missing sudo password", **ways}, exit_code=5, seconds=2),
        "vps-04": HostResult(payload={"ping": {"user": "root", "python": "3.11.2", "bootstrapped": False}}),
    }
    assert rendered.printed(ping_table(hosts), width=100) == (
        "HOST    STATE        SECONDS  AS    WHAT\n"
        "vps-02  unreachable  2.0      —     Missing sudo password\n"
        "vps-03  unreachable  2.0      —     Missing sudo password\n"
        "vps-01  ok           1.2      root  Python 3.13.5\n"
        "vps-04  ok           0.0      root  Python 3.11.2, not bootstrapped yet\n"
        "vps-02, vps-03: try -K, which asks for the sudo password"
    )
