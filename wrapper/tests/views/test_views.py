"""What each verb shows, from payloads in the modules' shape."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from vsa.report import HostResult
from vsa.views.cert import certificate_table
from vsa.views.common import left
from vsa.views.site import site_detail, site_table
from vsa.views.stack import container_table, log_lines, stack_table
from vsa.views.vhost import history_table, vhost_table, vhost_text


def printed(renderable: Any, *, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, height=25, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


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
        {"path": "/", "container": "web-1", "port": 3000, "state": "running"},
        {"path": "/api/", "container": "api-1", "port": 8000, "state": "running"},
    ],
    "certificate": OK,
    "manifest": {"schema": 1, "domain": "shop.example.com", "profile": "sse", "http3": True},
}
OLD = {
    "domain": "old.example.com",
    "state": "warning",
    "problems": ["certificate: expiring", "web-9 is exited"],
    "live": True,
    "routes": [{"path": "/", "container": "web-9", "port": 80, "state": "exited"}],
    "certificate": {"state": "expiring", "seconds_left": 777_600, "fraction_left": 0.1, "not_after": "x"},
}
NEW = {"domain": "new.example.com", "state": "warning", "problems": ["not live yet: vsa vhost sync"], "routes": []}
BAD = {"domain": "bad.example.com", "state": "invalid", "problems": ["the manifest is not valid: x"], "routes": []}
SITES = {
    "vps-01": HostResult(payload={"sites": [SHOP, OLD, NEW, BAD]}),
    "vps-02": GONE,
    "vps-03": HostResult(payload={"sites": []}),
}


def test_sites_the_worst_first_and_a_row_for_what_was_not_reached() -> None:
    assert printed(site_table(SITES)) == (
        "HOST    DOMAIN            STATE     ROUTES                              CERTIFICATE          CONTAINERS\n"
        "vps-01  bad.example.com   invalid   —                                   —                    —\n"
        "vps-01  old.example.com   warning   / → web-9:80                        expiring 9 d (10 %)  web-9 exited\n"
        "vps-01  new.example.com   not live  —                                   —                    —\n"
        "vps-01  shop.example.com  ok        / → web-1:3000, /api/ → api-1:8000  ok 71 d (79 %)       running\n"
        "vps-03  —                 —         —                                   —                    —\n"
        "vps-02  —  unreachable: ssh: connect to host 198.51.100.4 port 22: timed out"
    )


def test_a_site_in_full() -> None:
    assert printed(site_detail({"vps-01": HostResult(payload={"sites": [SHOP]})})) == (
        "vps-01  shop.example.com\n"
        "  state        ok\n"
        "  problems     —\n"
        "  routes       / → web-1:3000  running\n"
        "               /api/ → api-1:8000  running\n"
        "  aliases      www.shop.example.com\n"
        "  certificate  ok, 71 d (79 %) left, until 2027-02-01T00:00:00Z\n"
        "  ca           letsencrypt\n"
        "  email        ops@example.com\n"
        "  tenant       —\n"
        "  network      flowbiz_ext\n"
        "  profile      sse\n"
        "  http3        yes"
    )
