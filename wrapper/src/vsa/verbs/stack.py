"""``vsa stack``: folders of Compose services on a host."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.first_password import added, first_password
from vsa.command.options import Checked, Group, StackName, Variable, WholeNumber, global_options, option
from vsa.command.perform import ask_then_perform, perform
from vsa.command.verb import Spec, confirm, confirm_typed, counted, must_ask, silent, where
from vsa.core import EXIT_OK, FINDINGS, UsageError
from vsa.stack_template import TEMPLATES, default_folder, write_stack

__all__ = ("down", "group", "list_stacks", "logs", "ps", "restart", "rotate", "set_variables", "up")


def up(
    to: Where,
    *,
    name: str,
    tenant: str | None = None,
    env: Mapping[str, str] | None = None,
    source: str | None = None,
    pull: bool | None = None,
    allow: Sequence[str] = (),
    password_file: str | None = None,
) -> Run:
    """Return the run that brings a stack up and waits until it is healthy.

    ``tenant`` is whose stack it is, None if its stack.yml says so. ``env`` are variables to set in the stack's env/.env
    before the start. ``source`` is the directory with the stack's folder, None for the collection's own stacks.
    ``pull`` pulls every image again. ``allow`` are findings of the policy that are allowed for the stack.
    ``password_file`` has the password of the first user of paths behind basic auth.
    """
    return to.verb(
        "stack.up",
        name=name,
        tenant=tenant,
        env=env,
        source=source,
        pull=pull,
        allow=tuple(allow),
        password_file=password_file,
    )


def down(to: Where, *, name: str, tenant: str | None = None) -> Run:
    """Return the run that removes a stack's containers; its data and volumes stay."""
    return to.verb("stack.down", name=name, tenant=tenant)


def set_variables(to: Where, *, name: str, env: Mapping[str, str], tenant: str | None = None) -> Run:
    """Return the run that sets variables in the stack's env/.env, and brings the stack to them."""
    return to.verb("stack.set", name=name, tenant=tenant, env=env)


def rotate(to: Where, *, name: str, keys: Sequence[str], tenant: str | None = None) -> Run:
    """Return the run that makes secrets of a stack anew, and brings the stack to them."""
    return to.verb("stack.rotate", name=name, tenant=tenant, rotate=tuple(keys))


def restart(to: Where, *, name: str, service: str | None = None, tenant: str | None = None) -> Run:
    """Return the run that restarts a stack's containers, or those of one service."""
    return to.verb("stack.restart", name=name, tenant=tenant, service=service)


def list_stacks(to: Where, *, tenant: str | None = None) -> Run:
    """Return the run that lists the stacks of hosts, or those of one tenant."""
    return to.verb("stack.list", tenant=tenant)


def ps(to: Where, *, name: str | None = None, tenant: str | None = None) -> Run:
    """Return the run that lists the containers of one stack, or of all."""
    return to.verb("stack.ps", name=name, tenant=tenant)


def logs(
    to: Where,
    *,
    name: str,
    tenant: str | None = None,
    service: str | None = None,
    lines: int | None = None,
    since: str | None = None,
) -> Run:
    """Return the run that reads the last lines of a stack's containers, or those since a time."""
    return to.verb("stack.logs", name=name, tenant=tenant, service=service, tail=lines, since=since)


_POLICY = "What the policy of stacks refuses"
_NAME = click.argument("name", type=StackName())
_TENANT = option(
    "--tenant", type=Checked("tenant", "TENANT"), help="Whose stack it is, if several tenants have one of this name."
)


@click.group("stack", cls=Group)
def group() -> None:
    """Stacks: the reverse proxy, and other folders of Compose services."""


@group.command(
    "up",
    examples=(
        "vsa stack up reverse-proxy --limit vps-01 --check",
        "vsa stack up shop --source ./stacks --allow published-port",
    ),
)
@_NAME
@option("--tenant", type=Checked("tenant", "TENANT"), help="Whose stack it is, instead of what stack.yml says.")
@option(
    "--set",
    "env",
    type=Variable(),
    multiple=True,
    help="Set a variable of env/.env on the host, repeatable. NAME=- reads stdin: what is typed, others can see.",
)
@option("--source", type=click.Path(path_type=str), metavar="DIR", help="The directory with the folder of the stack.")
@option("--pull", is_flag=True, help="Pull every image again, also if its tag names another image now.")
@option(
    "--password-file",
    type=click.Path(path_type=str),
    metavar="FILE",
    help="The password of a site's first user, admin; a new file is made with mode 0600. Default: show it once.",
)
@option(
    "--allow",
    type=click.Choice(FINDINGS),
    metavar="FINDING",
    multiple=True,
    heading=_POLICY,
    help="Allow a finding that up refused, for this stack, repeatable. Asks for its name.",
)
@option(
    "--typed",
    type=click.Choice(FINDINGS),
    metavar="FINDING",
    multiple=True,
    heading=_POLICY,
    help="Instead of the answer to --allow: the same name again, for scripts. -y is not enough.",
)
@click.pass_context
def _up(context: click.Context, /, **given: Any) -> int:
    """Bring a stack up, or change it to what its files say, and wait until it is healthy."""
    name, allow = given["name"], given["allow"]
    to = where(context)
    _confirm_allowed(context, name, allow, typed=given["typed"])
    with first_password(given["password_file"], check=to.check) as password:
        run = up(
            to,
            name=name,
            tenant=given["tenant"],
            env=dict(given["env"]),
            source=_absolute(given["source"]),
            pull=given["pull"],
            allow=allow,
            password_file=password.path,
        )

        def after(report: Any, _screen: Any) -> None:
            password.used = added(report)

        reveals = {"password": password.shown} if password.shown else {}
        spec = Spec(name="stack.up", due=silent, reveals=reveals, reveals_if=added, after=after)
        return perform(context, spec, run, subject=name)


def _absolute(source: str | None) -> str | None:
    return None if source is None else str(Path(source).expanduser().resolve())


def _confirm_allowed(context: click.Context, name: str, allow: Sequence[str], *, typed: Sequence[str]) -> None:
    """Ask for the name of each finding that is to be allowed. A check allows nothing, so it asks nothing.

    Raises :class:`UsageError` if nobody can be asked, or if a name was repeated that is not to be allowed.
    """
    for finding in sorted(set(typed) - set(allow)):
        raise UsageError("this finding is not to be allowed", field="--typed", value=finding, expected="--allow first")
    for finding in () if global_options(context).get("check") else allow:
        if finding in typed:
            continue
        if global_options(context).get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                f"to allow {finding} its name has to be typed, and nobody can be asked",
                field="--typed",
                value="(not given)",
                expected=f"--typed {finding}",
            )
        confirm_typed(f"{name} will be able to reach beyond its tenant. Type {finding} to allow it", finding)


@group.command(
    "new",
    examples=("vsa stack new shop --template web-postgres", "vsa stack new shop --template static --to ./stacks"),
)
@_NAME
@option("--template", type=click.Choice(TEMPLATES), required=True, help="What the stack is made of.")
@option("--tenant", type=Checked("tenant", "TENANT"), help="Whose stack it is; default: platform.")
@option(
    "--to",
    type=click.Path(path_type=str),
    metavar="DIR",
    help="The directory of your stacks; default: stacks/ beside the inventory.",
)
@click.pass_context
def _new(context: click.Context, name: str, template: str, tenant: str | None, to: str | None) -> int:
    """Write the folder of a new stack from a template. No host is asked, and nothing is overwritten."""
    folder = Path(to).expanduser() if to else default_folder(where(context).inventory, here=Path.cwd())
    files = write_stack(template, name=name, to=folder, tenant=tenant)
    lines = [f"wrote {file}" for file in files]
    click.echo("\n".join([*lines, f"next: edit them, then vsa stack up {name} --source {folder} --check"]))
    return EXIT_OK


@group.command("down", examples=("vsa stack down reverse-proxy --limit vps-01", "vsa stack down reverse-proxy -y"))
@_NAME
@_TENANT
@click.pass_context
def _down(context: click.Context, name: str, tenant: str | None) -> int:
    """Stop a stack and remove its containers; its data stays."""
    spec, run = Spec(name="stack.down", single=True), down(where(context), name=name, tenant=tenant)
    if not must_ask(context, f"stop {name} and remove its containers"):
        return perform(context, spec, run, subject=name)

    def ask(hosts: str, changes: Any) -> None:
        sites = counted({host: result.payload.get("serves") or () for host, result in changes.items()})
        confirm(f"Stop {name} on {hosts} and remove its containers?" + (f" Off the air: {sites}" if sites else ""))

    return ask_then_perform(context, spec, run, ask, subject=name)


@group.command("set", examples=("vsa stack set shop TAG=2.1", "vsa stack set shop TAG=2.1 --tenant acme"))
@_NAME
@click.argument("variables", type=Variable(), nargs=-1, required=True, metavar="NAME=VALUE...")
@_TENANT
@click.pass_context
def _set(context: click.Context, name: str, variables: tuple[tuple[str, str], ...], tenant: str | None) -> int:
    """Set variables of env/.env on the host, and bring the stack to them.

    NAME=- reads the value from standard input: other users of this machine can see what is typed.
    """
    run = set_variables(where(context), name=name, env=dict(variables), tenant=tenant)
    return perform(context, Spec(name="stack.set", due=silent), run, subject=name)


@group.command("rotate", examples=("vsa stack rotate shop API_KEY", "vsa stack rotate shop API_KEY --tenant acme"))
@_NAME
@click.argument("keys", type=Checked("variable", "KEY"), nargs=-1, required=True, metavar="KEY...")
@_TENANT
@click.pass_context
def _rotate(context: click.Context, name: str, keys: tuple[str, ...], tenant: str | None) -> int:
    """Make secrets of a stack anew that stack.yml calls rotatable, and bring the stack to them."""
    run = rotate(where(context), name=name, keys=keys, tenant=tenant)
    return perform(context, Spec(name="stack.rotate", due=silent), run, subject=name)


@group.command("restart", examples=("vsa stack restart shop", "vsa stack restart shop web --tenant acme"))
@_NAME
@click.argument("service", type=StackName(), required=False)
@_TENANT
@click.pass_context
def _restart(context: click.Context, name: str, service: str | None, tenant: str | None) -> int:
    """Restart the containers of a stack, or of one service, and wait until all are healthy."""
    run = restart(where(context), name=name, service=service, tenant=tenant)
    return perform(context, Spec(name="stack.restart"), run, subject=name)


@group.command("list", examples=("vsa stack list", "vsa stack list --json"))
@option("--tenant", type=Checked("tenant", "TENANT"), help="Only the stacks of this tenant.")
@click.pass_context
def _list(context: click.Context, tenant: str | None) -> int:
    """List the stacks of all hosts."""
    return perform(
        context, Spec(name="stack.list", shows=_table, names=_names), list_stacks(where(context), tenant=tenant)
    )


@group.command("ps", examples=("vsa stack ps", "vsa stack ps reverse-proxy"))
@click.argument("name", type=StackName(), required=False)
@_TENANT
@click.pass_context
def _ps(context: click.Context, name: str | None, tenant: str | None) -> int:
    """List the containers of a stack, or of all."""
    return perform(context, Spec(name="stack.ps", shows=_containers), ps(where(context), name=name, tenant=tenant))


@group.command(
    "logs", examples=("vsa stack logs reverse-proxy", "vsa stack logs reverse-proxy --service nginx --lines 50")
)
@_NAME
@_TENANT
@option("--service", type=StackName(), metavar="NAME", help="Only this service.")
@option("--lines", "--tail", "tail", type=WholeNumber(1, 10_000), help="Number of lines per container.")
@option("--since", metavar="TIME", help="Only lines since: 2h, 3d, 2026-11-24, or a time.")
@click.pass_context
def _logs(
    context: click.Context,
    name: str,
    tenant: str | None,
    service: str | None,
    tail: int | None,
    since: str | None,
) -> int:
    """Print the last log lines of a stack's containers."""
    run = logs(where(context), name=name, tenant=tenant, service=service, lines=tail, since=since)
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
