"""``vsa cert``: certificates, as they lie on a host and as they are served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.options import CA_HELP, Checked, Group, option
from vsa.command.perform import perform
from vsa.command.verb import Spec, confirm, where
from vsa.core import UsageError

__all__ = ("group", "install_cron", "issue", "renew", "revoke", "status")

# Those of RFC 5280 that certbot knows.
REASONS = ("unspecified", "keycompromise", "affiliationchanged", "superseded", "cessationofoperation")


def issue(
    to: Where,
    *,
    domain: str,
    san: Sequence[str] = (),
    dns: str | None = None,
    unset: Sequence[str] = (),
    ca: str | None = None,
    email: str | None = None,
    force: bool = False,
) -> Run:
    """Return the run that brings a domain's certificate; one that is good is kept unless ``force``.

    Raises :class:`UsageError` where a field is said and unset.
    """
    told: dict[str, object] = {"san": san, "dns": dns}
    for name in unset:
        if told[name]:
            raise UsageError("a field is both said and unset", field="--unset", value=name, expected="one of the two")
    return to.run(
        "flowbiz.vsa.cert.issue",
        cert_domain=domain,
        cert_san=tuple(san) or None,
        cert_dns=dns,
        cert_unset=tuple(unset) or None,
        cert_ca=ca,
        cert_email=email,
        cert_force=force or None,
    )


def renew(to: Where, *, domain: str | None = None, force: bool = False) -> Run:
    """Return the run that renews what is due, of all certificates or one.

    Raises :class:`UsageError` for ``force`` without a domain: it would use up a CA's rate limits.
    """
    if force and domain is None:
        raise UsageError(
            "to renew everything by force would use up a CA's rate limits",
            field="--force",
            expected="--domain beside it",
        )
    return to.run("flowbiz.vsa.cert.renew", cert_domain=domain, cert_force=force or None)


def revoke(to: Where, *, domain: str, reason: str | None = None, replace: bool = False) -> Run:
    """Return the run that revokes a certificate; with ``replace`` another one takes its place first."""
    return to.run("flowbiz.vsa.cert.revoke", cert_domain=domain, cert_reason=reason, cert_replace=replace or None)


def install_cron(to: Where, *, cron: bool = False, remove: bool = False) -> Run:
    """Return the run that installs, or removes, the renewal that needs no controller."""
    state = "absent" if remove else None
    return to.run("flowbiz.vsa.cert.install_cron", cert_timer_state=state, cert_timer_cron=cron or None)


def status(to: Where, *, domain: str | None = None) -> Run:
    """Return the run that compares what lies on hosts with what they serve."""
    return to.run("flowbiz.vsa.cert.status", cert_domain=domain)


@click.group("cert", cls=Group)
def group() -> None:
    """Certificates: issue, renew and revoke them, and see how long they last."""


@group.command(
    "issue",
    examples=(
        "vsa cert issue --domain shop.example.com --ca staging",
        "vsa cert issue --domain example.com --san '*.example.com' --dns rfc2136",
    ),
)
@option("--domain", type=Checked("domain", "NAME", complete="domains"), required=True, help="The site's domain.")
@option(
    "--san",
    type=Checked("certificate_name", "NAME"),
    multiple=True,
    help="A further name, *.NAME too; repeatable, kept.",
)
@option("--dns", type=Checked("dns_plugin", "PLUGIN"), help="Validate by DNS with this plugin of certbot; kept.")
@option("--unset", type=click.Choice(["san", "dns"]), multiple=True, help="Forget what was kept.")
@option("--ca", type=Checked("ca", "CA"), help=f"{CA_HELP}.")
@option("--email", type=Checked("email", "ADDRESS"), help="Contact for the authority.")
@option("--force", is_flag=True, help="A new one, also where the old one is good.")
@click.pass_context
def _issue(context: click.Context, /, **typed: Any) -> int:
    """Bring the certificate of a site."""
    spec = Spec(name="cert.issue", single=True)
    return perform(context, spec, issue(where(context), **typed), subject=typed["domain"])


@group.command("renew", examples=("vsa cert renew", "vsa cert renew --domain shop.example.com --force"))
@option("--domain", type=Checked("domain", "NAME", complete="domains"), help="Only this one.")
@option("--force", is_flag=True, help="Also where it is not due; one domain at a time.")
@click.pass_context
def _renew(context: click.Context, domain: str | None, force: bool) -> int:
    """Renew the certificates that are due."""
    run = renew(where(context), domain=domain, force=force)
    return perform(context, Spec(name="cert.renew", single=True), run, subject=domain)


@group.command(
    "revoke",
    examples=(
        "vsa cert revoke --domain old.example.com",
        "vsa cert revoke --domain shop.example.com --reason keycompromise --replace",
    ),
)
@option("--domain", type=Checked("domain", "NAME", complete="domains"), required=True, help="Which certificate.")
@option("--reason", type=click.Choice(REASONS), metavar="REASON", help=f"{', '.join(REASONS)}.")
@option("--replace", is_flag=True, help="Bring another one first, for a site that goes on.")
@click.pass_context
def _revoke(context: click.Context, domain: str, reason: str | None, replace: bool) -> int:
    """Revoke a certificate at its authority; one that a site serves only with --replace."""
    run = revoke(where(context), domain=domain, reason=reason, replace=replace)
    confirm(context, f"Revoke the certificate of {domain}?")
    return perform(context, Spec(name="cert.revoke", single=True), run, subject=domain)


@group.command("install-cron", examples=("vsa cert install-cron", "vsa cert install-cron --limit vps-01 --remove"))
@option("--cron", "timer_cron", is_flag=True, help="By cron instead of a systemd timer.")
@option("--remove", is_flag=True, help="Take it away.")
@click.pass_context
def _install_cron(context: click.Context, timer_cron: bool, remove: bool) -> int:
    """Renew on the hosts themselves twice a day, and tell of what is late."""
    if timer_cron and remove:
        raise UsageError("--remove takes both kinds away", field="--cron", expected="one of the two")
    return perform(
        context, Spec(name="cert.install-cron"), install_cron(where(context), cron=timer_cron, remove=remove)
    )


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
