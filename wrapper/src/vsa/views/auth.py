"""Show the users of basic auth."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group

from vsa.ansible.report import HostResult
from vsa.views.common import listing

__all__ = ("auth_table",)


def auth_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``auth list``."""
    return listing(
        hosts,
        "auth",
        [
            ("DOMAIN", lambda entry: entry.get("domain")),
            ("PATH", lambda entry: entry.get("path")),
            ("STATE", lambda entry: entry.get("state")),
            ("USERS", lambda entry: entry.get("users")),
            ("PROBLEM", lambda entry: entry.get("problem")),
        ],
    )
