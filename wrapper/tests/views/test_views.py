"""What each verb shows, from payloads in the modules' shape."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import yaml
from rich.console import Console

from vsa.ansible.report import HostResult
from vsa.views.cert import certificate_table
from vsa.views.common import left
from vsa.views.declaration import declaration
from vsa.views.site import site_detail, site_table
from vsa.views.vhost import history_table, vhost_raw, vhost_table, vhost_text


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


def test_certificates() -> None:
    entries = [
        {"domain": "a.example.com", "issuer": "Let's Encrypt", "served": "same", "renews": "2027-01-24",
         "renews_by": "ari", **OK},
        {**OLD["certificate"], "domain": "b.example.com", "issuer": "Let's Encrypt", "served": "older",
         "last_failure": {"error": "DNS problem: NXDOMAIN", "failures": 1}},
        {"domain": "c.example.com", "state": "missing", "problem": "there is no certificate", "served": "none"},
        {"domain": "d.example.com", "issuer": "self-signed", "served": None, "state": "due", "seconds_left": 90_000,
         "fraction_left": None},
    ]  # fmt: skip
    payload = {"certificates": entries, "renewal": {"time": "2026-11-24T03:00:00Z", "exit": 1}}
    assert printed(certificate_table({"vps-01": HostResult(payload=payload), "vps-02": GONE})) == (
        "HOST    DOMAIN         STATE     LEFT         ISSUER         SERVED  RENEWS\n"
        "vps-01  c.example.com  missing   —            —              NONE    there is no certificate\n"
        "vps-01  b.example.com  expiring  9 d (10 %)   Let's Encrypt  OLDER   last try failed: DNS problem: NXDOMAIN\n"
        "vps-01  d.example.com  due       25 h         self-signed    —       —\n"
        "vps-01  a.example.com  ok        71 d (79 %)  Let's Encrypt  same    2027-01-24 (ARI)\n"
        "vps-02  —  unreachable: ssh: connect to host 198.51.100.4 port 22: timed out\n"
        "vps-01  the renewal loop failed at 2026-11-24T03:00:00Z: vsa cert renew says why"
    )


@pytest.mark.parametrize(
    ("seconds", "fraction", "expected"),
    [(None, None, "—"), (0, 0.0, "0 d"), (-5, None, "0 d"), (3_600, 0.004, "1 h (0 %)"), (172_800, 0.5, "2 d (50 %)"),
     (172_799, None, "47 h")],
)  # fmt: skip
def test_what_is_left(seconds: float | None, fraction: float | None, expected: str) -> None:
    assert left(seconds, fraction) == expected


VHOSTS = {
    "generation": 42,
    "vhosts": [
        {"domain": "a.example.com", "names": ["a.example.com", "www.example.com"], "containers": ["web-1"],
         "network": "flowbiz_ext", "drift": False, "text": "server {\n    listen 443;\x1b\n}\n"},
        {"domain": "b.example.com", "names": ["b.example.com"], "containers": [], "network": None, "drift": True},
    ],
    "generations": [
        {"number": 42, "live": True, "time": "2026-11-24T10:00:00Z", "verb": "site.provision",
         "summary": "1 file added", "actor": "ops@hub", "audit_id": "0193"},
        {"number": 41, "live": False},
    ],
}  # fmt: skip


def test_vhosts() -> None:
    assert printed(vhost_table({"vps-01": HostResult(payload=VHOSTS)})) == (
        "HOST    DOMAIN         STATE   ALIASES          CONTAINERS  NETWORK\n"
        "vps-01  b.example.com  edited  —                —           —\n"
        "vps-01  a.example.com  live    www.example.com  web-1       flowbiz_ext"
    )


def test_the_text_of_a_vhost() -> None:
    payload = {**VHOSTS, "vhosts": VHOSTS["vhosts"][:1]}
    assert printed(vhost_text({"vps-01": HostResult(payload=payload)})) == (
        "vps-01  a.example.com  generation 42\nserver {\n    listen 443;\\x1b\n}"
    )


def test_generations() -> None:
    assert printed(history_table({"vps-01": HostResult(payload=VHOSTS)})) == (
        "HOST    GENERATION  TIME                  VERB            CHANGE        ACTOR    AUDIT\n"
        "vps-01  42 live     2026-11-24T10:00:00Z  site.provision  1 file added  ops@hub  0193\n"
        "vps-01  41          —                     —               —             —        —"
    )


def test_an_export_is_yaml_of_the_variable() -> None:
    fields = {"routes": [{"path": "/", "container": "web-1", "port": 3000}], "aliases": ["www.shop.example.com"]}
    payload = {
        "vsa_sites": {"shop.example.com": fields},
        "unreadable": [{"domain": "bad.example.com", "problem": "x\ny: 1"}],
    }
    text = declaration({"vps-01": HostResult(payload=payload)})
    assert yaml.safe_load(text) == {"vsa_sites": {"shop.example.com": fields}}
    assert "# Not exported: bad.example.com: x" in text
    assert yaml.safe_load(declaration({"vps-01": HostResult(payload={"vsa_sites": {}})})) == {"vsa_sites": {}}


def test_a_vhost_with_what_each_line_comes_from() -> None:
    vhost = {
        "domain": "shop.example.com",
        "text": "upstream x {\n}\n\nserver {\n",
        "drift": True,
        "origin": "declared",
        "last_change": {"generation": 7, "verb": "site.apply", "actor": "ana@laptop", "time": "t", "audit_id": "id"},
        "lines": [
            {"text": "upstream x {", "source": "routes/0"},
            {"text": "}", "source": None},
            {"text": "", "source": None},
            {"text": "server {", "source": "x"},
        ],
    }
    hosts = {"vps-01": HostResult(payload={"generation": 9, "vhosts": [vhost]})}
    assert printed(vhost_text(hosts)).split("\n") == [
        "vps-01  shop.example.com  generation 9",
        "generation 7 changed it: site.apply by ana@laptop at t, audit id",
        "its manifest is declared",
        "its files were edited since: vsa vhost sync writes them again",
        "routes/0  upstream x {",
        "          }",
        "",
        "x         server {",
    ]
    assert vhost_raw(hosts) == "upstream x {\n}\n\nserver {"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"summary": "1 file changed", "changed": ["a"], "removed": []}, "1 file changed: a"),
        ({"summary": "5 files", "changed": ["a", "b", "c"], "removed": ["d"]}, "5 files: a, b, c and 1 more"),
        ({"summary": "1 file removed", "removed": ["d"]}, "1 file removed: -d"),
        ({"summary": "1 file changed"}, "1 file changed"),
    ],
)
def test_history_says_what_changed(entry: dict[str, Any], words: str) -> None:
    hosts = {"vps-01": HostResult(payload={"generations": [{"number": 2, "live": True, **entry}]})}
    assert words in printed(history_table(hosts)).replace("  ", " ")
