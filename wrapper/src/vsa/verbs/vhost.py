"""``vsa vhost``: the generations of the reverse proxy's configuration."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.options import Checked, Group, WholeNumber, global_options, option
from vsa.command.perform import perform, performed
from vsa.command.verb import Spec, confirm, counted, must_ask, silent, where
from vsa.core import worst_exit

__all__ = ("group", "history", "list_vhosts", "restore", "rollback", "show", "sync")


def sync(to: Where, *, removal: str | None = None) -> Run:
    """Return the run that makes the proxy serve what the manifests say. The result names invalid manifests."""
    return to.verb("vhost.sync", invalid_fails=False, removal=removal)


def restore(to: Where) -> Run:
    """Return the run that writes lost manifests again, from what is live."""
    return to.verb("vhost.restore")


def list_vhosts(to: Where) -> Run:
    """Return the run that lists what the proxy serves."""
    return to.verb("vhost.list")


def show(to: Where, *, domain: str) -> Run:
    """Return the run that shows one site's configuration."""
    return to.verb("vhost.show", domain=domain)


def history(to: Where) -> Run:
    """Return the run that lists the generations."""
    return to.verb("vhost.history")


def rollback(to: Where, *, generation: int | None = None, removal: str | None = None, base: int | None = None) -> Run:
    """Return the run that makes a kept generation live again: the given one, or the previous one.

    The run is refused if ``base`` is not the live generation.
    """
    return to.verb("vhost.rollback", to=generation, removal=removal, base=base)


@click.group("vhost", cls=Group)
def group() -> None:
    """The proxy's configuration: what is live, what was, and back."""


@group.command("sync", examples=("vsa vhost sync --check --diff", "vsa vhost sync --limit vps-01"))
@click.pass_context
def _sync(context: click.Context) -> int:
    """Serve what the manifests on a host say, in one transaction; exit 7 if a manifest is not valid."""
    spec = Spec(name="vhost.sync", due=_invalid)
    return _asking(context, spec, lambda removal: sync(where(context), removal=removal))


@group.command("restore", examples=("vsa vhost restore --check", "vsa vhost restore --limit vps-01"))
@click.pass_context
def _restore(context: click.Context) -> int:
    """Write the manifests that a host has lost, from what is live."""
    return perform(context, Spec(name="vhost.restore", single=True), restore(where(context)))


@group.command("list", examples=("vsa vhost list", "vsa vhost list --exit-code --json"))
@option("--exit-code", is_flag=True, help="Exit with 7 if somebody edited a live file.")
@click.pass_context
def _list(context: click.Context, exit_code: bool) -> int:
    """List what the proxy serves, and what was edited since it went live."""
    spec = Spec(name="vhost.list", shows=_table, due=_drifted if exit_code else None)
    return perform(context, spec, list_vhosts(where(context)))


@group.command("show", examples=("vsa vhost show shop.example.com", "vsa vhost show shop.example.com --raw"))
@click.argument("domain", type=Checked("domain", "DOMAIN", complete="domains"))
@option("--raw", is_flag=True, help="Only NGINX's text, as in the live generation.")
@click.pass_context
def _show(context: click.Context, domain: str, raw: bool) -> int:
    """Show a site's live configuration. Each line names its field, default or setting."""
    spec = Spec(name="vhost.show", shows=_raw if raw else _text, anywhere=True)
    return perform(context, spec, show(where(context), domain=domain), subject=domain)


@group.command("history", examples=("vsa vhost history", "vsa vhost history --limit vps-01 --json"))
@click.pass_context
def _history(context: click.Context) -> int:
    """List the generations that a host keeps, and who made them."""
    return perform(context, Spec(name="vhost.history", shows=_generations), history(where(context)))


@group.command("rollback", examples=("vsa vhost rollback --check --diff", "vsa vhost rollback --to 41 --limit vps-01"))
@option("--to", type=WholeNumber(1, 999_999_999), help="The generation; default: the one before the live one.")
@click.pass_context
def _rollback(context: click.Context, to: int | None) -> int:
    """Make an earlier generation live again, with the manifests of all sites. One site: vsa site rollback."""
    spec = Spec(name="vhost.rollback", single=True, due=silent)
    allowed = "allow" if global_options(context).get("yes") else None
    run = rollback(where(context), generation=to, removal=allowed)
    if not must_ask(context, "take back what anybody changed since an earlier generation"):
        return perform(context, spec, run)
    # The question names the sites, so a check runs first.
    seen = performed(context, spec, dataclasses.replace(run, check=True))
    if seen.exit_code or not seen.changed:
        return seen.exit_code
    [(name, host)] = seen.hosts.items()
    base, target = host.payload["base"], host.payload["target"]
    confirm(_rollback_question(name, host.payload))
    # What was seen is what is done: if the host changed meanwhile, the run is refused.
    decided = rollback(where(context), generation=target, removal="allow", base=base)
    return performed(context, spec, decided, began=time.monotonic()).exit_code


def _rollback_question(host: str, payload: Mapping[str, Any]) -> str:
    """Return the question before a rollback of a host, with the names of the sites that go, come and change."""
    affected = payload["affected"]
    words = (("off the air", "off_the_air"), ("new", "new"), ("changed", "changed"))
    named = [f"{word}: {', '.join(affected[key])}" for word, key in words if affected[key]]
    return f"Make generation {payload['target']} of {host} live again ({'; '.join(named) or 'no site changes'})?"


def _asking(context: click.Context, spec: Spec, run: Callable[[str | None], Run]) -> int:
    """Perform a run that may take sites off the air. If the run is refused for that, ask, and perform it again.

    ``-y`` allows it from the start. Without a terminal the refusal stands, and names the sites.
    """
    options = global_options(context)
    if options.get("yes"):
        return perform(context, spec, run("allow"))
    report = performed(context, spec, run(None))
    errors = {name: host.error for name, host in report.hosts.items() if host.error}
    removed = {name: error.get("there_are") or () for name, error in errors.items() if error.get("field") == "removal"}
    if not any(removed.values()) or options.get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return report.exit_code
    confirm(f"Take sites off the air: {counted(removed)}?")
    allowed = run("allow")
    # The hosts that were not refused have done their part, and nobody was asked about them.
    asked = allowed if allowed.local else dataclasses.replace(allowed, limit=",".join(removed))
    others = [host.exit_code for name, host in report.hosts.items() if name not in removed]
    return worst_exit([perform(context, spec, asked), *others])


def _drifted(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("drift"))


def _invalid(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("invalid")) or silent(payload)


def _raw(hosts: Any) -> Any:
    from vsa.views.vhost import vhost_raw

    return vhost_raw(hosts)


def _table(hosts: Any) -> Any:
    from vsa.views.vhost import vhost_table

    return vhost_table(hosts)


def _text(hosts: Any) -> Any:
    from vsa.views.vhost import vhost_text

    return vhost_text(hosts)


def _generations(hosts: Any) -> Any:
    from vsa.views.vhost import history_table

    return history_table(hosts)
