"""``vsa cert``: certificates on disk, and as the proxies serve them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from vsa.ansible.run import Run, Where, given
from vsa.command.flags import fields_as_flags
from vsa.command.options import CA_HELP, Checked, Group, domain_option, option
from vsa.command.perform import ask_then_perform, perform
from vsa.command.verb import Spec, confirm, must_ask, where
from vsa.core import REVOCATION_REASONS, UsageError, refuse_force_for_all, refuse_set_and_unset

__all__ = ("group", "install_cron", "issue", "renew", "revoke", "status")


def issue(to: Where, **fields: Any) -> Run:
    """Return the run that issues a certificate; ``fields`` are options of the role ``cert``.

    A valid certificate is kept, unless ``force`` is true. Raises :class:`UsageError` if a field is given and unset.
    """
    with fields_as_flags(_issue):
        refuse_set_and_unset(given(fields), fields.get("unset") or ())
    return to.verb("cert.issue", **fields)


def renew(to: Where, *, domain: str | None = None, force: bool | None = None) -> Run:
    """Return the run that renews the certificates that are due, or the one of ``domain``.

    Raises :class:`UsageError` for ``force`` without a domain.
    """
    with fields_as_flags(_renew):
        refuse_force_for_all(force=bool(force), domain=domain)
    return to.verb("cert.renew", domain=domain, force=force)


def revoke(to: Where, *, domain: str, reason: str | None = None, replace: bool | None = None) -> Run:
    """Return the run that revokes a certificate. With ``replace`` the site gets another certificate first."""
    return to.verb("cert.revoke", domain=domain, reason=reason, replace=replace)


def install_cron(to: Where, *, cron: bool | None = None, remove: bool | None = None) -> Run:
    """Return the run that installs the renewal which needs no controller, or removes this renewal."""
    return to.verb("cert.install-cron", timer_state="absent" if remove else None, timer_cron=cron)


def status(to: Where, *, domain: str | None = None) -> Run:
    """Return the run that compares the certificates on disk with the certificates that the proxies serve."""
    return to.verb("cert.status", domain=domain)


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
@domain_option()
@option(
    "--san",
    type=Checked("certificate_name", "NAME"),
    multiple=True,
    help="A further name, also *.NAME. Repeatable; VSA remembers it.",
)
@option(
    "--dns", type=Checked("dns_plugin", "PLUGIN"), help="Validate by DNS with this plugin of Certbot. VSA remembers it."
)
@option("--unset", type=click.Choice(["san", "dns"]), multiple=True, help="Forget the remembered names or plugin.")
@option("--ca", type=Checked("ca", "CA"), help=f"{CA_HELP}.")
@option("--email", type=Checked("email", "ADDRESS"), help="Contact address for the CA.")
@option("--force", is_flag=True, help="Issue a new certificate even if the present one is valid.")
@option(
    "--no-dns-check", "dns_check", is_flag=True, flag_value=False, help="Ask the CA although CAA records look wrong."
)
@click.pass_context
def _issue(context: click.Context, /, **typed: Any) -> int:
    """Issue the certificate of a site."""
    spec = Spec(name="cert.issue", single=True, finds=True)
    return perform(context, spec, issue(where(context), **typed), subject=typed["domain"])


@group.command("renew", examples=("vsa cert renew", "vsa cert renew --domain shop.example.com --force"))
@domain_option("Renew only this site's certificate.")
@option("--force", is_flag=True, help="Renew even if the certificate is not due. Needs --domain.")
@click.pass_context
def _renew(context: click.Context, domain: str | None, force: bool) -> int:
    """Renew the certificates that are due, on all hosts, or one site's on the host that has the site."""
    run = renew(where(context), domain=domain, force=force)
    return perform(context, Spec(name="cert.renew", single=domain is not None, finds=True), run, subject=domain)


@group.command(
    "revoke",
    examples=(
        "vsa cert revoke --domain old.example.com",
        "vsa cert revoke --domain shop.example.com --reason keycompromise --replace",
    ),
)
@domain_option()
@option("--reason", type=click.Choice(REVOCATION_REASONS), metavar="REASON", help=f"{', '.join(REVOCATION_REASONS)}.")
@option("--replace", is_flag=True, help="Issue another certificate first, because the site stays.")
@click.pass_context
def _revoke(context: click.Context, domain: str, reason: str | None, replace: bool) -> int:
    """Revoke a certificate at its CA. A certificate that a site serves needs --replace."""
    run = revoke(where(context), domain=domain, reason=reason, replace=replace)
    spec = Spec(name="cert.revoke", single=True, finds=True)
    if not must_ask(context, f"revoke the certificate of {domain}"):
        return perform(context, spec, run, subject=domain)
    return ask_then_perform(
        context,
        spec,
        run,
        lambda hosts, _changes: confirm(f"Revoke the certificate of {domain} on {hosts}?"),
        subject=domain,
    )


@group.command("install-cron", examples=("vsa cert install-cron", "vsa cert install-cron --limit vps-01 --remove"))
@option("--cron", "timer_cron", is_flag=True, help="Use cron instead of a systemd timer.")
@option("--remove", is_flag=True, help="Remove the timer or the cron entry.")
@click.pass_context
def _install_cron(context: click.Context, timer_cron: bool, remove: bool) -> int:
    """Renew on the hosts themselves twice a day, and report what is late."""
    if timer_cron and remove:
        raise UsageError("--remove takes both kinds away", field="--cron", expected="one of the two")
    return perform(
        context, Spec(name="cert.install-cron"), install_cron(where(context), cron=timer_cron, remove=remove)
    )


@group.command("status", examples=("vsa cert status", "vsa cert status --exit-code --json"))
@domain_option("Show only this site's certificate.")
@option("--exit-code", is_flag=True, help="Exit with 7 if a certificate is due, or worse.")
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
