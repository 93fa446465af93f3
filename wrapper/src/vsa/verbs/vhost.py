"""``vsa vhost``: the generations of the reverse proxy's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.options import Checked, Group, WholeNumber, option
from vsa.command.perform import perform
from vsa.command.verb import Spec, where

__all__ = ("group", "history", "list_vhosts", "rollback", "show", "sync")


def sync(to: Where) -> Run:
    """Return the run that makes the proxy serve what the manifests say. The result names invalid manifests."""
    return to.verb("vhost.sync", invalid_fails=False)


def list_vhosts(to: Where) -> Run:
    """Return the run that lists what the proxy serves."""
    return to.verb("vhost.list")


def show(to: Where, *, domain: str) -> Run:
    """Return the run that shows one site's configuration."""
    return to.verb("vhost.show", domain=domain)


def history(to: Where) -> Run:
    """Return the run that lists the generations."""
    return to.verb("vhost.history")


def rollback(to: Where, *, generation: int | None = None) -> Run:
    """Return the run that makes a kept generation live again: the given one, or the previous one."""
    return to.verb("vhost.rollback", to=generation)


@click.group("vhost", cls=Group)
def group() -> None:
    """The proxy's configuration: what is live, what was, and back."""


@group.command("sync", examples=("vsa vhost sync --check --diff", "vsa vhost sync --limit vps-01"))
@click.pass_context
def _sync(context: click.Context) -> int:
    """Serve what the manifests on a host say, in one transaction; exit 7 if a manifest is not valid."""
    return perform(context, Spec(name="vhost.sync", single=True, due=_invalid), sync(where(context)))


@group.command("list", examples=("vsa vhost list", "vsa vhost list --exit-code --json"))
@option("--exit-code", is_flag=True, help="Exit 7 if a live file was edited.")
@click.pass_context
def _list(context: click.Context, exit_code: bool) -> int:
    """List what the proxy serves, and what was edited since it went live."""
    spec = Spec(name="vhost.list", shows=_table, due=_drifted if exit_code else None)
    return perform(context, spec, list_vhosts(where(context)))


@group.command("show", examples=("vsa vhost show shop.example.com", "vsa vhost show shop.example.com --raw"))
@click.argument("domain", type=Checked("domain", "DOMAIN", complete="domains"))
@option("--raw", is_flag=True, help="NGINX's text alone, as it lies in the live generation.")
@click.pass_context
def _show(context: click.Context, domain: str, raw: bool) -> int:
    """Show a site's live configuration, and which field, default or setting each line comes from."""
    spec = Spec(name="vhost.show", shows=_raw if raw else _text, anywhere=True)
    return perform(context, spec, show(where(context), domain=domain), subject=domain)


@group.command("history", examples=("vsa vhost history", "vsa vhost history --limit vps-01 --json"))
@click.pass_context
def _history(context: click.Context) -> int:
    """List the generations that a host keeps, and who made them."""
    return perform(context, Spec(name="vhost.history", shows=_generations), history(where(context)))


@group.command("rollback", examples=("vsa vhost rollback --check --diff", "vsa vhost rollback --to 41 --limit vps-01"))
@option("--to", type=WholeNumber(1, 999_999_999), help="Which; else the one before the live one.")
@click.pass_context
def _rollback(context: click.Context, to: int | None) -> int:
    """Make a generation live again that was live before, manifests and all."""
    run = rollback(where(context), generation=to)
    return perform(context, Spec(name="vhost.rollback", single=True), run)


def _drifted(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("drift"))


def _invalid(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("invalid"))


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
