"""Sites, from payloads in the module's shape."""

from __future__ import annotations

import re
from typing import Any

import rendered
from vsa.ansible.report import HostResult
from vsa.views.site import site_detail, site_table


def printed(renderable: Any, *, width: int = 200) -> str:
    return rendered.printed(renderable, width=width)


GONE = HostResult(error={"message": "ssh: connect to host 198.51.100.4 port 22: timed out"}, exit_code=5)


OK = {"state": "ok", "not_after": "2027-02-01T00:00:00Z", "seconds_left": 6_134_400, "fraction_left": 0.79}


SHOP = {
    "domain": "shop.example.com",
    "state": "ok",
    "problems": [],
    "live": True,
    "aliases": ["www.shop.example.com"],
    "ca": "letsencrypt",
    "email": "ops@example.com",
    "tenant": None,
    "network": "flowbiz_ext",
    "routes": [
        {"path": "/", "container": "web-1", "port": 3000, "profile": "sse", "state": "running"},
        {
            "path": "/api/",
            "container": "api-1",
            "port": 8000,
            "profile": "web",
            "strip_prefix": True,
            "state": "running",
        },
    ],
    "served": "shop.example.com",
    "auth": ["/admin/"],
    "last_change": {
        "generation": 7,
        "verb": "site.apply",
        "actor": "ana@laptop",
        "time": "2026-11-24T10:00:00Z",
        "audit_id": "id",
    },
    "certificate": {**OK, "served": "same"},
    "manifest": {"schema": 1, "domain": "shop.example.com", "profile": "sse", "http3": True},
}


OLD = {
    "domain": "old.example.com",
    "state": "warning",
    "problems": ["certificate: expiring", "web-9 is exited"],
    "live": True,
    "routes": [{"path": "/", "container": "web-9", "port": 80, "state": "exited"}],
    "certificate": {
        "state": "expiring",
        "seconds_left": 777_600,
        "fraction_left": 0.1,
        "not_after": "x",
        "served": "older",
    },
}


NEW = {"domain": "new.example.com", "state": "warning", "problems": ["not live yet: vsa vhost sync"], "routes": []}


BAD = {"domain": "bad.example.com", "state": "invalid", "problems": ["the manifest is not valid: x"], "routes": []}


SITES = {
    "vps-01": HostResult(payload={"sites": [SHOP, OLD, NEW, BAD]}),
    "vps-02": GONE,
    "vps-03": HostResult(payload={"sites": []}),
}


def test_sites_the_worst_first_and_a_row_for_what_was_not_reached() -> None:
    assert [re.split(" {2,}", line) for line in printed(site_table(SITES)).splitlines()] == [
        ["HOST", "DOMAIN", "STATE", "ROUTES", "PROFILE", "AUTH", "CERTIFICATE", "CONTAINERS", "CHANGED"],
        ["vps-01", "bad.example.com", "invalid", *"—" * 6],
        [
            *("vps-01", "old.example.com", "warning", "/ → web-9:80", "—", "—"),
            *("expiring 9 d, served OLDER", "web-9 exited", "—"),
        ],
        ["vps-01", "new.example.com", "not live", *"—" * 6],
        [
            *(
                "vps-01",
                "shop.example.com",
                "ok",
                "/ → web-1:3000, /api/ stripped → api-1:8000",
                "sse, web",
                "/admin/",
                "ok 71 d",
            ),
            *("running", "2026-11-24 ana"),
        ],
        ["vps-03", *"—" * 8],
        ["vps-02", "—", "unreachable: ssh: connect to host 198.51.100.4 port 22: timed out"],
    ]


def test_a_site_in_full() -> None:
    assert printed(site_detail({"vps-01": HostResult(payload={"sites": [SHOP]}), "vps-02": GONE})) == (
        "vps-01  shop.example.com\n"
        "  state         ok\n"
        "  problems      —\n"
        "  routes        / → web-1:3000  sse  running\n"
        "                /api/ stripped → api-1:8000  web  running\n"
        "  served as     shop.example.com\n"
        "  aliases       www.shop.example.com\n"
        "  certificate   ok, 71 d (79 %) left, until 2027-02-01T00:00:00Z\n"
        "  proxy serves  same\n"
        "  ca            letsencrypt\n"
        "  email         ops@example.com\n"
        "  tenant        —\n"
        "  network       flowbiz_ext\n"
        "  auth          /admin/\n"
        "  changed       2026-11-24T10:00:00Z by ana@laptop: site.apply, generation 7, audit id\n"
        "  profile       sse\n"
        "  http3         yes\n"
        "vps-02  —  unreachable: ssh: connect to host 198.51.100.4 port 22: timed out"
    )


def test_a_site_in_maintenance_says_so_and_one_with_a_problem_says_that() -> None:
    for state, expected in (("ok", "maintenance"), ("warning", "warning")):
        site = {**SHOP, "state": state, "maintenance": True}
        line = printed(site_table({"vps-01": HostResult(payload={"sites": [site]})})).splitlines()[1]
        assert re.split(" {2,}", line)[2] == expected


def test_a_narrow_terminal_folds_and_loses_nothing() -> None:
    text = printed(site_table(SITES), width=60)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert "…" not in text


def test_what_concerns_all_sites_of_a_host_is_said_once() -> None:
    cause = {
        "name": "proxy-stopped",
        "level": "down",
        "subject": "vsa-nginx",
        "text": "NGINX does not run: the container is exited",
        "remedy": "vsa stack up reverse-proxy",
    }
    down = {"domain": "a.example.com", "state": "down", "routes": []}
    ok = {"domain": "b.example.com", "state": "ok", "routes": []}
    hosts = {
        "vps-01": HostResult(payload={"sites": [ok, down], "causes": [cause]}),
        "vps-02": HostResult(payload={"sites": [{**down, "state": "not checked"}], "causes": []}),
    }
    lines = printed(site_table(hosts)).splitlines()
    assert lines[0] == (
        "vps-01  vsa-nginx: NGINX does not run: the container is exited  try vsa stack up reverse-proxy"
    )
    assert [line.split("  ")[:3] for line in lines[2:5]] == [
        ["vps-01", "a.example.com", "down"],
        ["vps-02", "a.example.com", "not checked"],
        ["vps-01", "b.example.com", "ok"],
    ]
    assert lines[5] == "a.example.com is on vps-01, vps-02: DNS leads visitors to one of them"
