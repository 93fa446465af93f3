"""Find the host where a domain lives, if the asked host never had it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from vsa.ansible.inventory import read_groups
from vsa.command.options import global_options
from vsa.command.perform import quiet_report
from vsa.command.verb import where

if TYPE_CHECKING:
    from vsa.ansible.report import Report

__all__ = ("hosts_with", "with_site")


def hosts_with(context: click.Context, domain: str, *, besides: Iterable[str]) -> list[str]:
    """Return the other hosts of the inventory that have a site. Asks all of them, which takes a few seconds.

    Returns nothing if nobody can be asked without a further question, or if there is no other host.
    """
    asked = list(besides)
    to = where(context)
    groups = read_groups(to.inventory)
    others = None if groups is None else [host for host in groups["all"] if host not in asked]
    if to.local or others == [] or global_options(context).get("ask_become_pass"):
        return []
    everybody_else = ":".join(["all", *(f"!{host}" for host in asked)])
    run = type(to)(inventory=to.inventory, limit=everybody_else).verb("site.list", probe=False)
    return with_site(quiet_report(context, run), domain)


def with_site(report: Report, domain: str) -> list[str]:
    """Return the hosts whose list of sites has a domain, as a site or as another name of one."""
    found = []
    for name, host in report.hosts.items():
        sites = [site for site in host.payload.get("sites") or () if isinstance(site, dict)]
        if any(domain == site.get("domain") or domain in (site.get("aliases") or ()) for site in sites):
            found.append(name)
    return found
