"""The users of basic auth as rows."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.auth.shown import USERS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.listing import plain_table


def test_users() -> None:
    entry = {"domain": "a.example.com", "path": "/admin/", "state": "locked", "users": [], "problem": "no user"}
    assert [line.split() for line in plain_table({"auth": [entry]}, USERS)] == [
        ["DOMAIN", "PATH", "STATE", "USERS", "PROBLEM"],
        ["a.example.com", "/admin/", "locked", "—", "no", "user"],
    ]
