"""``vsa site``: the domains that a host serves."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from vsa.ansible.run import Run, Where, given
from vsa.command.flags import fields_as_flags
from vsa.command.options import CA_HELP, Checked, Group, Setting, option
from vsa.command.perform import perform, performed
from vsa.command.verb import Spec, confirm, confirm_typed, must_ask, where
from vsa.core import PROFILES, UsageError, refuse_contradictions, refuse_purge_of_what_stays, site_fields

__all__ = ("apply", "export", "group", "list_sites", "maintenance", "provision", "rename", "show", "unprovision")

_WHAT = "What to serve"
_CERTIFICATE = "Certificate"
_CHANGE = "Change"
_STAYS = "What stays, and what goes"


def provision(to: Where, *, settings: Sequence[tuple[str, Any]] = (), **fields: Any) -> Run:
    """Return the run that makes a site or changes one. Fields that are not given stay as the site's manifest has them.

    ``fields`` are options of the role ``site``, ``settings`` are further ones, typed as ``--set FIELD=VALUE``. Raises
    :class:`UsageError` if the fields contradict each other, or if one is given twice.
    """
    request = given(fields)
    for name, value in settings:
        if name in request:
            raise UsageError("a field is given twice", field="--set", value=name, expected="once")
        request[name] = tuple(value) if isinstance(value, list) else value
    with fields_as_flags(_provision):
        refuse_contradictions(request)
    return to.verb("site.provision", **request)


def rename(hosts: Where, *, domain: str, to: str, redirect: bool | None = None) -> Run:
    """Return the run that serves a site under another domain. If ``redirect`` is False, its old names are refused."""
    return hosts.verb("site.rename", domain=domain, to=to, redirect=redirect)


def unprovision(
    to: Where,
    *,
    domain: str,
    keep_container: bool | None = None,
    keep_cert: bool | None = None,
    purge: bool | None = None,
) -> Run:
    """Return the run that removes a site. Raises :class:`UsageError` if data is to go whose container stays."""
    with fields_as_flags(_unprovision):
        refuse_purge_of_what_stays(purge=bool(purge), keep_container=bool(keep_container))
    return to.verb("site.unprovision", domain=domain, keep_container=keep_container, keep_cert=keep_cert, purge=purge)


def maintenance(to: Where, *, domain: str, closed: bool, allow: Sequence[str] = ()) -> Run:
    """Return the run that closes a site for maintenance, or opens it again. Raises :class:`UsageError`."""
    if allow and not closed:
        raise UsageError("a site that is open needs nobody let through", field="--allow", value=allow[0], expected="on")
    return to.verb("site.maintenance", domain=domain, maintenance=closed, maintenance_allow=tuple(allow))


def list_sites(to: Where) -> Run:
    """Return the run that lists the sites of hosts."""
    return to.verb("site.list")


def show(to: Where, *, domain: str) -> Run:
    """Return the run that shows one site."""
    return to.verb("site.show", domain=domain)


def apply(to: Where, *, prune: bool | None = None) -> Run:
    """Return the run that gives hosts the sites of their inventory. With ``prune`` all other sites go."""
    return to.verb("site.apply", prune=prune)


def export(to: Where) -> Run:
    """Return the run that reads the manifests of a host."""
    return to.verb("site.export")


@click.group("site", cls=Group)
def group() -> None:
    """Sites: a domain, its routes to containers, its certificate."""


@group.command(
    "provision",
    examples=(
        "vsa site provision --domain shop.example.com --container web-1 --port 3000",
        "vsa site provision --domain shop.example.com --route /=web-1:3000 --route /api/=api-1:8000",
    ),
)
@option(
    "--domain",
    type=Checked("domain", "NAME", complete="domains"),
    required=True,
    heading=_WHAT,
    help="The site's domain.",
)
@option(
    "--container", type=Checked("container", "NAME", complete="containers"), heading=_WHAT, help="What answers for it."
)
@option("--port", type=Checked("port", "NUMBER"), heading=_WHAT, help="The port on which it answers.")
@option("--detect", is_flag=True, heading=_WHAT, help="Take the container that publishes --external-port.")
@option("--external-port", type=Checked("port", "NUMBER"), heading=_WHAT, help="The host's port to detect it by.")
@option(
    "--route",
    "routes",
    type=Checked("route", "PATH=NAME:PORT[:PROFILE]"),
    multiple=True,
    heading=_WHAT,
    help="A path and its container; repeatable. They replace the old routes.",
)
@option(
    "--strip-prefix",
    type=Checked("path", "PATH"),
    multiple=True,
    heading=_WHAT,
    help="The route whose backend gets /x for PATHx.",
)
@option(
    "--alias",
    "aliases",
    type=Checked("domain", "NAME"),
    multiple=True,
    heading=_WHAT,
    help="Redirects here; repeatable.",
)
@option("--tenant", type=Checked("tenant", "NAME"), heading=_WHAT, help="Whose edge network the containers are on.")
@option("--profile", type=click.Choice(PROFILES), heading=_WHAT, help="Timeouts, buffering and body size.")
@option("--ca", type=Checked("ca", "CA"), heading=_CERTIFICATE, help=f"{CA_HELP}.")
@option("--email", type=Checked("email", "ADDRESS"), heading=_CERTIFICATE, help="Contact for the authority.")
@option("--strict-dns", is_flag=True, heading=_CERTIFICATE, help="Refuse a domain that does not lead to this host.")
@option(
    "--set",
    "settings",
    type=Setting(),
    multiple=True,
    heading=_CHANGE,
    help="Another field: body_size=1g, hsts=off, allow=10.0.0.0/8 …",
)
@option(
    "--unset",
    type=click.Choice(site_fields()),
    metavar="FIELD",
    multiple=True,
    heading=_CHANGE,
    help="Back to its default.",
)
@click.pass_context
def _provision(context: click.Context, /, **typed: Any) -> int:
    """Serve a domain over HTTPS from containers, or change how; fields that are not given stay."""
    spec = Spec(name="site.provision", single=True)
    return perform(context, spec, provision(where(context), **typed), subject=typed["domain"])


@group.command(
    "rename",
    examples=(
        "vsa site rename --domain shop.example.com --to store.example.com",
        "vsa site rename --domain shop.example.com --to store.example.com --check --diff",
    ),
)
@option("--domain", type=Checked("domain", "NAME", complete="domains"), required=True, help="The site's domain.")
@option("--to", type=Checked("domain", "NAME"), required=True, help="Its new domain.")
@option(
    "--no-redirect", "redirect", is_flag=True, flag_value=False, help="Refuse the old names, instead of a redirect."
)
@click.pass_context
def _rename(context: click.Context, /, **typed: Any) -> int:
    """Serve a site under another domain, with its users, its logs and a certificate for the new name.

    If the certificate or the proxy fails, the site is served as before. It may be interrupted and repeated.
    """
    spec = Spec(name="site.rename", single=True)
    return perform(context, spec, rename(where(context), **typed), subject=typed["domain"])


@group.command(
    "unprovision",
    examples=(
        "vsa site unprovision --domain shop.example.com --check",
        "vsa site unprovision --domain shop.example.com --keep-container -y",
    ),
)
@option("--domain", type=Checked("domain", "NAME", complete="domains"), required=True, help="The site's domain.")
@option("--keep-container", is_flag=True, heading=_STAYS, help="Its containers stay as they are.")
@option("--keep-cert", is_flag=True, heading=_STAYS, help="Its certificate stays, and is renewed further on.")
@option(
    "--purge",
    is_flag=True,
    heading=_STAYS,
    help="Its data goes too: volumes, and directories below /srv, that are its containers' alone.",
)
@click.pass_context
def _unprovision(context: click.Context, /, **typed: Any) -> int:
    """Remove a site: proxy, auth, certificate, containers, logs and manifest.

    Containers that others use are never touched, and volumes stay unless --purge. It may be interrupted and repeated.
    """
    spec = Spec(name="site.unprovision", single=True)
    domain, run = typed["domain"], unprovision(where(context), **typed)
    if not must_ask(context):
        return perform(context, spec, run, subject=domain)
    # The question names what would go, so a check runs first.
    seen = performed(context, spec, dataclasses.replace(run, check=True), subject=domain)
    if seen.exit_code or not seen.changed:
        return seen.exit_code
    if typed["purge"]:
        confirm_typed(f"Type {domain} to remove it with its data", domain)
    else:
        confirm(context, f"Remove {domain}?")
    return performed(context, spec, run, subject=domain, began=time.monotonic()).exit_code


@group.command("list", examples=("vsa site list", "vsa site list --limit vps-01 --json"))
@click.pass_context
def _list(context: click.Context) -> int:
    """List the sites of all hosts, the ones with problems first."""
    return perform(context, Spec(name="site.list", shows=_table, names=_names), list_sites(where(context)))


@group.command("show", examples=("vsa site show shop.example.com", "vsa site show shop.example.com --json"))
@click.argument("domain", type=Checked("domain", "DOMAIN", complete="domains"))
@click.pass_context
def _show(context: click.Context, domain: str) -> int:
    """Show one site in full, on whichever host has it."""
    spec = Spec(name="site.show", shows=_detail, anywhere=True)
    return perform(context, spec, show(where(context), domain=domain), subject=domain)


@group.command(
    "maintenance",
    examples=(
        "vsa site maintenance on --domain shop.example.com --allow 203.0.113.7",
        "vsa site maintenance off --domain shop.example.com",
    ),
)
@click.argument("maintenance", metavar="{on|off}", type=click.Choice(("on", "off")))
@option("--domain", type=Checked("domain", "NAME", complete="domains"), required=True, help="The site's domain.")
@option(
    "--allow",
    "maintenance_allow",
    type=Checked("cidr", "NETWORK"),
    multiple=True,
    help="A network that still sees the site; repeatable. They replace the old networks.",
)
@click.pass_context
def _maintenance(context: click.Context, /, **typed: Any) -> int:
    """Show visitors a page instead of the site (503), or the site again."""
    domain, closed = typed["domain"], typed["maintenance"] == "on"
    run = maintenance(where(context), domain=domain, closed=closed, allow=typed["maintenance_allow"])
    return perform(context, Spec(name="site.maintenance", single=True), run, subject=domain)


@group.command("apply", examples=("vsa site apply --check --diff", "vsa site apply --limit vps-01 --prune -y"))
@option("--prune", is_flag=True, help="Take sites out of the proxy that are not declared.")
@click.pass_context
def _apply(context: click.Context, prune: bool) -> int:
    """Make the sites of all hosts what the inventory declares (vsa_sites)."""
    run = apply(where(context), prune=prune)
    if prune:
        confirm(context, "Take every site out of the proxy that vsa_sites does not declare?")
    return perform(context, Spec(name="site.apply"), run)


@group.command("export", examples=("vsa site export --limit vps-01 > host_vars/vps-01.yml", "vsa site export --json"))
@click.pass_context
def _export(context: click.Context) -> int:
    """Print a host's manifests as vsa_sites, for its variables."""
    spec = Spec(name="site.export", single=True, shows=_declaration, due=_unreadable)
    return perform(context, spec, export(where(context)))


def _declaration(hosts: Any) -> Any:
    from vsa.views.declaration import declaration

    return declaration(hosts)


def _unreadable(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("unreadable"))


def _table(hosts: Any) -> Any:
    from vsa.views.site import site_table

    return site_table(hosts)


def _detail(hosts: Any) -> Any:
    from vsa.views.site import site_detail

    return site_detail(hosts)


def _names(payload: Mapping[str, Any]) -> dict[str, list[str]]:
    sites = payload.get("sites") or []
    routes = [route for site in sites for route in site.get("routes") or ()]
    return {
        "domains": [str(site["domain"]) for site in sites if site.get("domain")],
        "containers": [str(route["container"]) for route in routes if route.get("container")],
    }
