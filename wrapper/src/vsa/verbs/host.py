"""``vsa host``: the hosts themselves. ``vsa status`` and ``vsa ping`` are short forms of ``vsa host …``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.options import Group, option
from vsa.command.perform import perform
from vsa.command.verb import Spec, where

if TYPE_CHECKING:
    from vsa.ansible.report import Report
    from vsa.output.screen import Screen

__all__ = ("group", "ping", "status", "status_command")


def status(to: Where, *, fresh: bool | None = None, probe: bool | None = None) -> Run:
    """Return the run that checks hosts. Without ``probe`` no site is asked; ``fresh`` asks the DNS anew."""
    return to.verb("host.status", fresh=fresh, probe=probe)


def ping(to: Where) -> Run:
    """Return the run that connects to hosts and becomes root on them."""
    return to.verb("host.ping")


@click.group("host", cls=Group)
def group() -> None:
    """The hosts: can they be reached, and what is wrong with them."""


@group.command("status", examples=("vsa status", "vsa status --exit-code --json"))
@option("--exit-code", is_flag=True, help="Exit with 7 if anything is wrong.")
@option("--fresh", is_flag=True, help="Ask the DNS anew; else answers are kept for ten minutes.")
@option("--no-probe", is_flag=True, help="Do not send requests to the sites.")
@click.pass_context
def status_command(context: click.Context, exit_code: bool, fresh: bool | None, no_probe: bool) -> int:
    """Show what is wrong on all hosts, the worst first: proxy, engine, sites, certificates, disks."""
    spec = Spec(name="host.status", shows=_blocks, due=_due if exit_code else None)
    return perform(context, spec, status(where(context), fresh=fresh, probe=False if no_probe else None))


@group.command("ping", examples=("vsa ping", "vsa ping -l vps-01 -K"))
@click.pass_context
def _ping(context: click.Context) -> int:
    """Say which hosts can be reached by SSH and sudo, and for each of the others why not and what to do."""
    run = ping(where(context))

    def warn(_report: Report, screen: Screen) -> None:
        """Say what looks wrong in the inventory."""
        from vsa.fleet.read import read_fleet
        from vsa.fleet.warnings import warnings

        fleet = read_fleet(run.inventory)
        for line in warnings(fleet) if fleet is not None else ():
            screen.note(f"warning: {line}")

    return perform(context, Spec(name="host.ping", shows=_reached, after=warn), run)


def _due(payload: Mapping[str, Any]) -> bool:
    """Say whether anything is wrong on a host, or could not be checked."""
    return bool(payload.get("findings"))


def _blocks(hosts: Any) -> Any:
    from vsa.views.host import status_blocks

    return status_blocks(hosts)


def _reached(hosts: Any) -> Any:
    from vsa.views.host import ping_table

    return ping_table(hosts)
