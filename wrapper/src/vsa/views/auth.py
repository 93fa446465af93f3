"""Show the users of basic auth."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group

from vsa.ansible.report import HostResult
from vsa.views.columns import USERS
from vsa.views.common import listing

__all__ = ("auth_table",)


def auth_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``auth list``."""
    return listing(hosts, USERS)
