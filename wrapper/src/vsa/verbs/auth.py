"""``vsa auth``: the users of sites that ask for a password."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from typing import Any

import click

from vsa.ansible.private import secret_file
from vsa.ansible.run import Run, Where
from vsa.command.options import Checked, Group, domain_option, option
from vsa.command.perform import ask_then_perform, perform
from vsa.command.verb import Spec, confirm, must_ask, where
from vsa.core import UsageError, checked

__all__ = ("add", "group", "list_users", "remove")

_MOST_BYTES = 4096
_RANDOM_BYTES = 18


def add(to: Where, *, domain: str, user: str, password_file: str, route: str | None = None) -> Run:
    """Return the run that adds a user. The password is the only line of a file of this machine."""
    return to.verb("auth.add", domain=domain, user=user, route=route, password_file=password_file)


def remove(to: Where, *, domain: str, user: str | None = None, route: str | None = None) -> Run:
    """Return the run that removes a user. Without a user it opens the paths to everybody."""
    return to.verb("auth.remove", domain=domain, user=user, route=route)


def list_users(to: Where, *, domain: str | None = None) -> Run:
    """Return the run that lists the users of sites."""
    return to.verb("auth.list", domain=domain)


@click.group("auth", cls=Group)
def group() -> None:
    """Basic auth: the users of sites that ask for a password."""


@group.command(
    "add",
    examples=(
        "vsa auth add --domain shop.example.com --user alice --route /admin/",
        "vsa auth add --domain shop.example.com --user ci --generate",
    ),
)
@domain_option()
@option("--user", type=Checked("user", "NAME"), required=True, help="The user to add, or to give a new password.")
@option("--route", type=Checked("path", "PATH"), help="Protect only this path and below; default: the whole site.")
@option("--password-stdin", is_flag=True, heading="Password", help="Read the password from stdin; default: ask.")
@option("--generate", is_flag=True, heading="Password", help="Generate a password, and show it once.")
@click.pass_context
def _add(context: click.Context, /, password_stdin: bool, generate: bool, **typed: Any) -> int:
    """Add a user, and ask everybody else for a password."""
    if password_stdin and generate:
        raise UsageError("say either --password-stdin or --generate", field="--generate", expected="one of the two")
    to = where(context)
    password = _password(generate=generate, from_stdin=password_stdin)
    spec = Spec(name="auth.add", single=True, finds=True, reveals={"password": password} if generate else {})
    with secret_file(password) as path:
        return perform(context, spec, add(to, password_file=path, **typed), subject=typed["domain"])


@group.command(
    "remove",
    examples=(
        "vsa auth remove --domain shop.example.com --user alice",
        "vsa auth remove --domain shop.example.com --route /admin/ -y",
    ),
)
@domain_option()
@option("--user", type=Checked("user", "NAME"), help="The user to remove; default: open the paths to all.")
@option("--route", type=Checked("path", "PATH"), help="Only at this path; default: at every path of the site.")
@click.pass_context
def _remove(context: click.Context, /, **typed: Any) -> int:
    """Remove a user at once, or open paths to everybody."""
    domain, run = typed["domain"], remove(where(context), **typed)
    spec = Spec(name="auth.remove", single=True, finds=True)
    if typed["user"] is not None or not must_ask(context, "open paths to everybody"):
        return perform(context, spec, run, subject=domain)
    what = f"{domain}{typed['route'] or ''}"
    return ask_then_perform(
        context,
        spec,
        run,
        lambda hosts, _changes: confirm(f"Open {what} on {hosts} to everybody, and forget its users?"),
        subject=domain,
    )


@group.command("list", examples=("vsa auth list", "vsa auth list --domain shop.example.com --json"))
@domain_option("Only this site.")
@click.pass_context
def _list(context: click.Context, domain: str | None) -> int:
    """List the users of all sites, or of one site."""
    spec = Spec(name="auth.list", shows=_table, anywhere=domain is not None)
    return perform(context, spec, list_users(where(context), domain=domain), subject=domain)


def _password(*, generate: bool, from_stdin: bool) -> str:
    if generate:
        return secrets.token_urlsafe(_RANDOM_BYTES)
    return _read() if from_stdin else _ask()


def _read() -> str:
    """Return the password on stdin. A newline at its end is not part of the password."""
    content = sys.stdin.buffer.read(_MOST_BYTES)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UsageError("the password is not text", field="--password-stdin", expected="UTF-8") from None
    return _fit(text.removesuffix("\n").removesuffix("\r"))


def _ask() -> str:
    """Ask for the password twice, without an echo."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("a password is missing, and nobody can be asked", expected="--password-stdin or --generate")
    return _fit(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _fit(password: str) -> str:
    fitting: str = checked("password", password, field="password")
    return fitting


def _table(hosts: Mapping[str, Any]) -> Any:
    from vsa.views.auth import auth_table

    return auth_table(hosts)
