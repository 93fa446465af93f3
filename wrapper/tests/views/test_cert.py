"""Certificates, from payloads in the module's shape."""

from __future__ import annotations

from typing import Any

import rendered
from vsa.ansible.report import HostResult
from vsa.views.cert import certificate_table


def printed(renderable: Any, *, width: int = 200) -> str:
    return rendered.printed(renderable, width=width)


GONE = HostResult(error={"message": "ssh: connect to host 198.51.100.4 port 22: timed out"}, exit_code=5)


OK = {"state": "ok", "not_after": "2027-02-01T00:00:00Z", "seconds_left": 6_134_400, "fraction_left": 0.79}

EXPIRING = {"state": "expiring", "seconds_left": 777_600, "fraction_left": 0.1, "not_after": "x", "served": "older"}


def test_certificates() -> None:
    entries = [
        {"domain": "a.example.com", "issuer": "Let's Encrypt", "served": "same", "renews": "2027-01-24",
         "renews_by": "ari", **OK},
        {**EXPIRING, "domain": "b.example.com", "issuer": "Let's Encrypt", "served": "older",
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
