"""``vsa site``: the domains that a host serves."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.run import Run, Where, given
from vsa.command.flags import fields_as_flags
from vsa.command.options import CA_HELP, Checked, Group, Setting, WholeNumber, domain_option, global_options, option
from vsa.command.perform import ask_then_perform, perform
from vsa.command.verb import Spec, confirm, confirm_typed, counted, must_ask, silent, where
from vsa.core import PROFILES, UsageError, refuse_contradictions, refuse_purge_with_kept_container, site_fields
from vsa.output.text import clean

if TYPE_CHECKING:
    from vsa.ansible.report import HostResult, Report
    from vsa.output.screen import Screen

__all__ = (
    "apply",
    "export",
    "group",
    "list_sites",
    "maintenance",
    "provision",
    "rename",
    "rollback",
    "show",
    "unprovision",
)

_WHAT = "What to serve"
_CERTIFICATE = "Certificate"
_CHANGE = "Change"
_STAYS = "What stays, and what goes"

_no_dns_check = option(
    "--no-dns-check",
    "dns_check",
    is_flag=True,
    flag_value=False,
    heading=_CERTIFICATE,
    help="Ask the CA although DNS looks wrong from here.",
)
_force = option("--force", is_flag=True, heading=_CHANGE, help="Keep a change after which the site does not answer.")


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


def rename(
    hosts: Where,
    *,
    domain: str,
    to: str,
    redirect: bool | None = None,
    dns_check: bool | None = None,
    force: bool | None = None,
) -> Run:
    """Return the run that serves a site under another domain. If ``redirect`` is False, its old names are refused."""
    return hosts.verb("site.rename", domain=domain, to=to, redirect=redirect, dns_check=dns_check, force=force)


def rollback(to: Where, *, domain: str, generation: int | None = None, force: bool | None = None) -> Run:
    """Return the run that brings one site back to what it was in a generation, by default the last other one."""
    return to.verb("site.rollback", domain=domain, generation=generation, force=force)


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
        refuse_purge_with_kept_container(purge=bool(purge), keep_container=bool(keep_container))
    return to.verb("site.unprovision", domain=domain, keep_container=keep_container, keep_cert=keep_cert, purge=purge)


def maintenance(to: Where, *, domain: str, closed: bool, allow: Sequence[str] = ()) -> Run:
    """Return the run that closes a site for maintenance, or opens it again. Raises :class:`UsageError`."""
    if allow and not closed:
        raise UsageError("a site that is open needs nobody let through", field="--allow", value=allow[0], expected="on")
    return to.verb("site.maintenance", domain=domain, maintenance=closed, maintenance_allow=tuple(allow))


def list_sites(to: Where, *, probe: bool | None = None, fresh: bool | None = None) -> Run:
    """Return the run that lists the sites of hosts. Without ``probe`` none is asked; ``fresh`` asks the DNS anew."""
    return to.verb("site.list", probe=probe, fresh=fresh)


def show(to: Where, *, domain: str, probe: bool | None = None, fresh: bool | None = None) -> Run:
    """Return the run that shows one site."""
    return to.verb("site.show", domain=domain, probe=probe, fresh=fresh)


def apply(to: Where, *, prune: bool | None = None, dns_check: bool | None = None) -> Run:
    """Return the run that gives hosts the sites of their inventory. With ``prune`` all other sites go."""
    return to.verb("site.apply", prune=prune, dns_check=dns_check)


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
@domain_option(heading=_WHAT)
@option(
    "--container",
    type=Checked("container", "NAME", complete="containers"),
    heading=_WHAT,
    help="The container that answers.",
)
@option("--port", type=Checked("port", "NUMBER"), heading=_WHAT, help="The port on which the container answers.")
@option("--detect", is_flag=True, heading=_WHAT, help="Find the container that publishes --external-port.")
@option("--external-port", type=Checked("port", "NUMBER"), heading=_WHAT, help="The published port, for --detect.")
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
@option(
    "--tenant", type=Checked("tenant", "NAME"), heading=_WHAT, help="The tenant whose edge network the containers use."
)
@option("--profile", type=click.Choice(PROFILES), heading=_WHAT, help="Timeouts, buffering and body size.")
@option("--ca", type=Checked("ca", "CA"), heading=_CERTIFICATE, help=f"{CA_HELP}.")
@option("--email", type=Checked("email", "ADDRESS"), heading=_CERTIFICATE, help="Contact address for the CA.")
@_no_dns_check
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
@_force
@click.pass_context
def _provision(context: click.Context, /, **typed: Any) -> int:
    """Serve a domain over HTTPS from containers, or change how; fields that are not given stay."""
    spec = Spec(name="site.provision", single=True, finds=True, due=silent)
    return perform(context, spec, provision(where(context), **typed), subject=typed["domain"])


@group.command(
    "rename",
    examples=(
        "vsa site rename --domain shop.example.com --to store.example.com",
        "vsa site rename --domain shop.example.com --to store.example.com --check --diff",
    ),
)
@domain_option()
@option("--to", type=Checked("domain", "NAME"), required=True, help="The new domain.")
@option(
    "--no-redirect",
    "redirect",
    is_flag=True,
    flag_value=False,
    help="Refuse the old names instead of redirecting them.",
)
@_no_dns_check
@_force
@click.pass_context
def _rename(context: click.Context, /, **typed: Any) -> int:
    """Serve a site under another domain, with its users, its logs and a certificate for the new name.

    If the certificate or the proxy fails, the site is served as before. It may be interrupted and repeated.
    """
    spec = Spec(name="site.rename", single=True, finds=True, due=silent)
    return perform(context, spec, rename(where(context), **typed), subject=typed["domain"])


@group.command(
    "rollback",
    examples=(
        "vsa site rollback --domain shop.example.com --check --diff",
        "vsa site rollback --domain shop.example.com --to 41",
    ),
)
@domain_option()
@option(
    "--to",
    "generation",
    type=WholeNumber(1, 999_999_999),
    help="The generation; default: the last one with another version.",
)
@_force
@click.pass_context
def _rollback(context: click.Context, /, **typed: Any) -> int:
    """Bring one site back to an earlier generation; all other sites stay as they are.

    Users, containers, data and certificates are not changed.
    """
    spec = Spec(name="site.rollback", single=True, finds=True, due=silent)
    return perform(context, spec, rollback(where(context), **typed), subject=typed["domain"])


@group.command(
    "unprovision",
    examples=(
        "vsa site unprovision --domain shop.example.com --check",
        "vsa site unprovision --domain shop.example.com --keep-container -y",
    ),
)
@domain_option()
@option("--keep-container", is_flag=True, heading=_STAYS, help="Keep the containers of the site.")
@option("--keep-cert", is_flag=True, heading=_STAYS, help="Keep the certificate, and keep renewing it.")
@option(
    "--purge",
    is_flag=True,
    heading=_STAYS,
    help="Remove data too: volumes and /srv directories only its containers use.",
)
@click.pass_context
def _unprovision(context: click.Context, /, **typed: Any) -> int:
    """Remove a site: proxy, auth, certificate, containers, logs and manifest.

    Its containers go too, whoever started them; --check names them, and --keep-container keeps them. Containers that
    others use are never touched, and volumes stay unless --purge. It may be interrupted and repeated.
    """
    domain, run = typed["domain"], unprovision(where(context), **typed)
    after = functools.partial(_say_where_it_lives, context, domain)
    spec = Spec(name="site.unprovision", single=True, finds=True, after=after)
    if not must_ask(context, f"remove {domain}"):
        return perform(context, spec, run, subject=domain)

    def ask(hosts: str, changes: Mapping[str, HostResult]) -> None:
        if typed["purge"]:
            confirm_typed(f"Type {domain} to remove it from {hosts} with its data{_with_containers(changes)}", domain)
        else:
            confirm(f"Remove {domain} from {hosts}{_with_containers(changes)}?")

    return ask_then_perform(context, spec, run, ask, subject=domain)


def _with_containers(changes: Mapping[str, HostResult]) -> str:
    """Return the part of the question that names the containers that would go, each with its origin."""
    found = [entry for host in changes.values() for entry in host.payload.get("containers") or ()]
    named = [f"{clean(entry['name'])} ({clean(entry.get('origin') or 'unknown origin')})" for entry in found]
    if not named:
        return ", and no container"
    many = "s" if len(named) > 1 else ""
    return f" and the container{many} {', '.join(named)}"


def _say_where_it_lives(context: click.Context, domain: str, report: Report, screen: Screen) -> None:
    """If the asked host never had the site, say which other host has it."""
    never = [host for host in report.hosts.values() if host.payload.get("presence") == "never"]
    if not never:
        return
    from vsa.command.elsewhere import hosts_with

    found = hosts_with(context, domain, besides=report.hosts)
    for host in never:
        host.payload["elsewhere"] = found
    for name in found:
        command = f"vsa site unprovision --domain {shlex.quote(domain)} --limit {shlex.quote(name)}"
        screen.line(f"{domain} is on {name}: {command}")


def _looking(command: Any) -> Any:
    """Add the options of the verbs that look at sites as a visitor does."""
    for add in (
        option("--no-probe", is_flag=True, help="Do not ask the sites: what is not seen is not checked."),
        option("--fresh", is_flag=True, help="Ask the DNS anew; else answers are kept for ten minutes."),
        option("--exit-code", is_flag=True, help="Exit 7 if a site is not ok."),
    ):
        command = add(command)
    return command


@group.command("list", examples=("vsa site list", "vsa site list --exit-code --json"))
@_looking
@click.pass_context
def _list(context: click.Context, exit_code: bool, fresh: bool | None, no_probe: bool) -> int:
    """List the sites of all hosts as a visitor gets them, the ones with problems first."""
    spec = Spec(name="site.list", shows=_table, names=_names, due=_due if exit_code else None)
    return perform(context, spec, list_sites(where(context), probe=False if no_probe else None, fresh=fresh))


@group.command("show", examples=("vsa site show shop.example.com", "vsa site show shop.example.com --json"))
@click.argument("domain", type=Checked("domain", "DOMAIN", complete="domains"))
@_looking
@click.pass_context
def _show(context: click.Context, domain: str, exit_code: bool, fresh: bool | None, no_probe: bool) -> int:
    """Show one site in full, on the host that has the site."""
    spec = Spec(name="site.show", shows=_detail, anywhere=True, due=_due if exit_code else None)
    run = show(where(context), domain=domain, probe=False if no_probe else None, fresh=fresh)
    return perform(context, spec, run, subject=domain)


def _due(payload: Mapping[str, Any]) -> bool:
    """Say whether a site of a host is not ok, or the host has a cause for it."""
    return bool(payload.get("causes")) or any(entry.get("state") != "ok" for entry in payload.get("sites") or ())


@group.command(
    "maintenance",
    examples=(
        "vsa site maintenance on --domain shop.example.com --allow 203.0.113.7",
        "vsa site maintenance off --domain shop.example.com",
    ),
)
@click.argument("maintenance", metavar="{on|off}", type=click.Choice(("on", "off")))
@domain_option()
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
    return perform(context, Spec(name="site.maintenance", single=True, finds=True), run, subject=domain)


@group.command("apply", examples=("vsa site apply --check --diff", "vsa site apply --limit vps-01 --prune -y"))
@option("--prune", is_flag=True, help="Remove sites that are not declared from the proxy.")
@_no_dns_check
@click.pass_context
def _apply(context: click.Context, prune: bool, dns_check: bool | None) -> int:
    """Make the sites of all hosts what the inventory declares (vsa_sites)."""
    spec, run = Spec(name="site.apply", due=silent), apply(where(context), prune=prune, dns_check=dns_check)
    if not prune or not must_ask(context, "take sites off the air that are not declared"):
        return perform(context, spec, run)

    def ask(_hosts: str, changes: Any) -> None:
        pruned = {name: host.payload.get("pruned") or () for name, host in changes.items()}
        if any(pruned.values()):
            confirm(f"Take sites off the air: {counted(pruned)}?")

    return ask_then_perform(context, spec, run, ask)


@group.command("export", examples=("vsa site export --limit vps-01 --write", "vsa site export --json"))
@option("--write", is_flag=True, help="Write them to host_vars/HOST/sites.yml beside the inventory.")
@click.pass_context
def _export(context: click.Context, write: bool) -> int:
    """Print the manifests of hosts as vsa_sites, for their variables. Each host is a YAML document of its own."""
    run = export(where(context))
    if write and global_options(context).get("json"):
        raise UsageError("--write writes YAML", field="--json", expected="one of the two")
    shows = functools.partial(_written, inventory=run.inventory) if write and not run.check else _declaration
    spec = Spec(name="site.export", shows=shows, due=_unreadable)
    return perform(context, spec, run)


def _written(hosts: Mapping[str, Any], *, inventory: str | None) -> str:
    """Write the declarations of the hosts that were read, and return what was written."""
    from vsa.host_vars import write_declarations
    from vsa.views.declaration import declaration

    texts = {name: declaration({name: host}) for name, host in hosts.items() if host.error is None}
    files = write_declarations(texts, inventory=inventory)
    return "\n".join(f"wrote {file}" for file in files)


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
