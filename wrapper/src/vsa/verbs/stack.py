"""``vsa stack``: folders of Compose services on a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.options import Group, StackName, Variable, WholeNumber, option
from vsa.command.perform import perform
from vsa.command.verb import Spec, confirm, where

__all__ = ("down", "group", "list_stacks", "logs", "ps", "up")


def up(to: Where, *, name: str, env: Mapping[str, str] | None = None) -> Run:
    """Return the run that brings a stack up and waits until it is healthy.

    ``env`` are variables to set in the stack's env/.env before the start.
    """
    return to.verb("stack.up", name=name, env=env)


def down(to: Where, *, name: str) -> Run:
    """Return the run that removes a stack's containers; its data and volumes stay."""
    return to.verb("stack.down", name=name)


def list_stacks(to: Where) -> Run:
    """Return the run that lists the stacks of hosts."""
    return to.verb("stack.list")


def ps(to: Where, *, name: str | None = None) -> Run:
    """Return the run that lists the containers of one stack, or of all."""
    return to.verb("stack.ps", name=name)


def logs(to: Where, *, name: str, service: str | None = None, lines: int | None = None) -> Run:
    """Return the run that reads the last lines of a stack's containers."""
    return to.verb("stack.logs", name=name, service=service, tail=lines)


_NAME = click.argument("name", type=StackName())


@click.group("stack", cls=Group)
def group() -> None:
    """Stacks: the reverse proxy, and other folders of Compose services."""


@group.command(
    "up",
    examples=(
        "vsa stack up reverse-proxy --limit vps-01 --check",
        "vsa stack up reverse-proxy --set NGINX_IMAGE=nginx:1.31.0",
    ),
)
@_NAME
@option(
    "--set",
    "env",
    type=Variable(),
    multiple=True,
    help="Set a variable of env/.env on the host, repeatable. Not for secrets: other users of this machine can see it.",
)
@click.pass_context
def _up(context: click.Context, name: str, env: tuple[tuple[str, str], ...]) -> int:
    """Bring a stack up, or change it to what its files say, and wait until it is healthy."""
    run = up(where(context), name=name, env=dict(env))
    return perform(context, Spec(name="stack.up"), run, subject=name)


@group.command("down", examples=("vsa stack down reverse-proxy --limit vps-01", "vsa stack down reverse-proxy -y"))
@_NAME
@click.pass_context
def _down(context: click.Context, name: str) -> int:
    """Stop a stack and remove its containers; its data stays."""
    run = down(where(context), name=name)
    confirm(context, f"Stop {name} and remove its containers?")
    return perform(context, Spec(name="stack.down", single=True), run, subject=name)


@group.command("list", examples=("vsa stack list", "vsa stack list --json"))
@click.pass_context
def _list(context: click.Context) -> int:
    """List the stacks of all hosts."""
    return perform(context, Spec(name="stack.list", shows=_table, names=_names), list_stacks(where(context)))


@group.command("ps", examples=("vsa stack ps", "vsa stack ps reverse-proxy"))
@click.argument("name", type=StackName(), required=False)
@click.pass_context
def _ps(context: click.Context, name: str | None) -> int:
    """List the containers of a stack, or of all."""
    return perform(context, Spec(name="stack.ps", shows=_containers), ps(where(context), name=name))


@group.command(
    "logs", examples=("vsa stack logs reverse-proxy", "vsa stack logs reverse-proxy --service nginx --lines 50")
)
@_NAME
@option("--service", type=StackName(), metavar="NAME", help="Only this service.")
@option("--lines", "tail", type=WholeNumber(1, 10_000), help="How many lines of each container.")
@click.pass_context
def _logs(context: click.Context, name: str, service: str | None, tail: int | None) -> int:
    """Print the last log lines of a stack's containers."""
    run = logs(where(context), name=name, service=service, lines=tail)
    return perform(context, Spec(name="stack.logs", shows=_lines), run, subject=name)


def _table(hosts: Any) -> Any:
    from vsa.views.stack import stack_table

    return stack_table(hosts)


def _containers(hosts: Any) -> Any:
    from vsa.views.stack import container_table

    return container_table(hosts)


def _lines(hosts: Any) -> Any:
    from vsa.views.stack import log_lines

    return log_lines(hosts)


def _names(payload: Mapping[str, Any]) -> dict[str, list[str]]:
    return {"stacks": [str(stack["name"]) for stack in payload.get("stacks") or () if stack.get("name")]}
