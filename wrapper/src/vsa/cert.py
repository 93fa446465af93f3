"""``vsa cert``: certificates, as they lie on a host and as they are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from vsa.options import CA_HELP, Checked, Group, option
from vsa.perform import perform
from vsa.run import Run, Where
from vsa.verb import Spec, where

__all__ = ("group", "issue", "status")


def issue(to: Where, *, domain: str, ca: str | None = None, email: str | None = None, force: bool = False) -> Run:
    """Return the run that brings a domain's certificate; one that is good is kept unless ``force``."""
    return to.run("flowbiz.vsa.cert.issue", cert_domain=domain, cert_ca=ca, cert_email=email, cert_force=force or None)


def status(to: Where, *, domain: str | None = None) -> Run:
    """Return the run that compares what lies on hosts with what they serve."""
    return to.run("flowbiz.vsa.cert.status", cert_domain=domain)


@click.group("cert", cls=Group)
def group() -> None:
    """Certificates: issue them, and see how long they last."""


@group.command(
    "issue",
    examples=("vsa cert issue --domain shop.example.com", "vsa cert issue --domain shop.example.com --ca staging"),
)
@option("--domain", type=Checked("domain", "NAME", complete="domains"), required=True, help="The site's domain.")
@option("--ca", type=Checked("ca", "CA"), help=f"{CA_HELP}.")
@option("--email", type=Checked("email", "ADDRESS"), help="Contact for the authority.")
@option("--force", is_flag=True, help="A new one, also where the old one is good.")
@click.pass_context
def _issue(context: click.Context, /, **typed: Any) -> int:
    """Bring the certificate of a site."""
    spec = Spec(name="cert.issue", single=True)
    return perform(context, spec, issue(where(context), **typed), subject=typed["domain"])


@group.command("status", examples=("vsa cert status", "vsa cert status --exit-code --json"))
@option("--domain", type=Checked("domain", "NAME", complete="domains"), help="Only this site's.")
@option("--exit-code", is_flag=True, help="Exit 7 where one is due, or worse.")
@click.pass_context
def _status(context: click.Context, domain: str | None, exit_code: bool) -> int:
    """Show the certificates of all hosts, the worst first."""
    spec = Spec(
        name="cert.status",
        shows=_detail if domain else _table,
        anywhere=domain is not None,
        due=_due if exit_code else None,
    )
    return perform(context, spec, status(where(context), domain=domain), subject=domain)


def _due(payload: Mapping[str, Any]) -> bool:
    """Say whether a certificate is due or worse, or the proxy does not serve it."""
    return any(
        entry.get("state") != "ok" or entry.get("served") not in (None, "same")
        for entry in payload.get("certificates") or ()
    )


def _detail(hosts: Any) -> Any:
    from vsa.views.cert import certificate_detail

    return certificate_detail(hosts)


def _table(hosts: Any) -> Any:
    from vsa.views.cert import certificate_table

    return certificate_table(hosts)
