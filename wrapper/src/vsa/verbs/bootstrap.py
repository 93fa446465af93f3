"""``vsa bootstrap``: prepare a fresh host."""

from __future__ import annotations

import os
from typing import Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.options import CA_HELP, Checked, Verb, option
from vsa.command.perform import perform
from vsa.command.verb import Spec, where

__all__ = ("bootstrap", "bootstrap_command")

SETTINGS = (
    *("ca", "ca_bundle", "email", "loki_url"),
    *("dns_plugin", "dns_propagation", "alert_command", "alert_url"),
)
_SETTINGS = "Settings of the host"


def bootstrap(to: Where, *, ca_bundle: str | None = None, **fields: Any) -> Run:
    """Return the run that prepares hosts; ``fields`` are further options of the role ``bootstrap``.

    ``ca_bundle`` is a file of this machine. If its path is relative, the path starts at the current directory.
    """
    if ca_bundle is not None:
        fields["ca_bundle"] = os.path.abspath(ca_bundle)  # noqa: PTH100 (links stay as typed)
    return to.verb("bootstrap", **fields)


@click.command(
    "bootstrap",
    cls=Verb,
    examples=("vsa bootstrap --limit vps-01 --email ops@example.com", "vsa bootstrap --local --ca staging"),
)
@option("--docker-source", type=click.Choice(["auto", "distro", "docker"]), help="Where the Docker engine comes from.")
@option("--ca", type=Checked("ca", "CA"), heading=_SETTINGS, help=f"{CA_HELP}.")
@option(
    "--ca-bundle",
    type=click.Path(exists=True, dir_okay=False, readable=True),
    heading=_SETTINGS,
    help="PEM file here with further CAs to trust.",
)
@option("--email", type=Checked("email", "ADDRESS"), heading=_SETTINGS, help="Contact address for the CA.")
@option("--loki-url", type=Checked("loki_url", "URL"), heading=_SETTINGS, help="Where the audit trail is pushed to.")
@option(
    "--dns-plugin", type=Checked("dns_plugin", "NAME"), heading=_SETTINGS, help="Certbot's DNS plugin, for wildcards."
)
@option(
    "--alert-command",
    type=Checked("alert_command", "FILE"),
    heading=_SETTINGS,
    help="Program on the host to call if a certificate is late.",
)
@option(
    "--alert-url",
    type=Checked("alert_url", "URL"),
    heading=_SETTINGS,
    help="Webhook to call, or a 0600 file on the host with it.",
)
@option(
    "--unset",
    type=click.Choice(SETTINGS),
    multiple=True,
    heading=_SETTINGS,
    help="Back to the built-in value; repeatable.",
)
@click.pass_context
def bootstrap_command(context: click.Context, /, **typed: Any) -> int:
    """Make fresh Debian or Ubuntu hosts ready.

    Python, Docker with Compose, the edge network, directories and settings.
    """
    return perform(context, Spec(name="bootstrap"), bootstrap(where(context), **typed))
