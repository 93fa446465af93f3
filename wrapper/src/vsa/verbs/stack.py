"""``vsa stack``: folders of Compose services on a host."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.first_password import added, first_password
from vsa.command.options import Checked, Group, StackName, Variable, Verb, WholeNumber, global_options, option
from vsa.command.perform import ask_then_perform, perform, performed
from vsa.command.verb import Spec, confirm, confirm_typed, counted, must_ask, silent, where
from vsa.core import EXIT_INTERRUPTED, EXIT_OK, FINDINGS, UsageError, size_words
from vsa.output.text import clean
from vsa.stack_template import TEMPLATES, default_folder, write_stack

if TYPE_CHECKING:
    from vsa.ansible.report import HostResult, Report
    from vsa.output.screen import Screen

__all__ = (
    "backup",
    "backups",
    "down",
    "exec_in",
    "group",
    "list_stacks",
    "logs",
    "ps",
    "restart",
    "restore",
    "rotate",
    "set_variables",
    "up",
)


def up(
    to: Where,
    *,
    name: str,
    tenant: str | None = None,
    env: Mapping[str, str] | None = None,
    env_typed: Sequence[str] = (),
    source: str | None = None,
    pull: bool | None = None,
    build: bool | None = None,
    allow: Sequence[str] = (),
    dns_check: bool | None = None,
    password_file: str | None = None,
) -> Run:
    """Return the run that brings a stack up and waits until it is healthy.

    ``tenant`` is whose stack it is, None if its stack.yml says so. ``env`` are variables to set in the stack's env/.env
    before the start; the values of ``env_typed`` were typed. ``source`` is the directory with the stack's folder, None
    for the collection's own stacks. ``pull`` pulls every image again, ``build`` builds every image again. ``allow`` are
    findings of the policy that are allowed for the stack. ``dns_check`` False: names that a CA could not validate
    are warnings. ``password_file`` has the password of the first user of paths behind basic auth.
    """
    return to.verb(
        "stack.up",
        name=name,
        tenant=tenant,
        env=env,
        env_typed=tuple(env_typed),
        source=source,
        pull=pull,
        build=build,
        allow=tuple(allow),
        dns_check=dns_check,
        password_file=password_file,
    )


def down(
    to: Where,
    *,
    name: str,
    tenant: str | None = None,
    sites: bool | None = None,
    volumes: bool | None = None,
    typed: str | None = None,
) -> Run:
    """Return the run that removes a stack's containers; its data stays.

    ``sites`` unprovisions its sites instead of closing them. ``volumes`` deletes its volumes, if ``typed`` is its name.
    """
    return to.verb("stack.down", name=name, tenant=tenant, sites=sites, volumes=volumes, typed=typed)


def set_variables(
    to: Where,
    *,
    name: str,
    env: Mapping[str, str],
    env_typed: Sequence[str] = (),
    tenant: str | None = None,
    dns_check: bool | None = None,
) -> Run:
    """Return the run that sets variables in the stack's env/.env, and brings the stack to them."""
    return to.verb("stack.set", name=name, tenant=tenant, env=env, env_typed=tuple(env_typed), dns_check=dns_check)


def rotate(
    to: Where, *, name: str, keys: Sequence[str], tenant: str | None = None, dns_check: bool | None = None
) -> Run:
    """Return the run that makes secrets of a stack anew, and brings the stack to them."""
    return to.verb("stack.rotate", name=name, tenant=tenant, rotate=tuple(keys), dns_check=dns_check)


def restart(to: Where, *, name: str, service: str | None = None, tenant: str | None = None) -> Run:
    """Return the run that restarts a stack's containers, or those of one service."""
    return to.verb("stack.restart", name=name, tenant=tenant, service=service)


def exec_in(
    to: Where,
    *,
    name: str,
    command: Sequence[str],
    service: str | None = None,
    stdin: str | None = None,
    tenant: str | None = None,
) -> Run:
    """Return the run that runs a command in a container of a stack. ``stdin`` is what the command reads."""
    return to.verb("stack.exec", name=name, tenant=tenant, service=service, command=tuple(command), stdin=stdin)


def backup(to: Where, *, name: str, tenant: str | None = None) -> Run:
    """Return the run that saves a stack to the repository of its host."""
    return to.verb("stack.backup", name=name, tenant=tenant)


def backups(to: Where, *, name: str | None = None, tenant: str | None = None) -> Run:
    """Return the run that lists the backups in the repositories of hosts, or those of one stack."""
    return to.verb("stack.backups", name=name, tenant=tenant)


def restore(
    to: Where,
    *,
    name: str,
    tenant: str | None = None,
    run: str | None = None,
    new_name: str | None = None,
    allow: Sequence[str] = (),
    dns_check: bool | None = None,
) -> Run:
    """Return the run that restores a stack as a backup has it, the newest one if ``run`` is None."""
    fields = {"run": run, "new_name": new_name, "allow": tuple(allow), "dns_check": dns_check}
    return to.verb("stack.restore", name=name, tenant=tenant, **fields)


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
    follow: int | None = None,
    cursor: str | None = None,
) -> Run:
    """Return the run that reads the last lines of a stack's containers, or those since a time.

    With ``follow`` it returns a slice: the first one at once, and after a ``cursor`` the next lines, for which it waits
    so many seconds.
    """
    fields = {"tail": lines, "since": since, "follow": follow, "cursor": cursor}
    return to.verb("stack.logs", name=name, tenant=tenant, service=service, **fields)


_COMMAND = "vsa.stack.command"
_MOST_STDIN = 1 << 20
# A slice of a followed log waits so long for a line. The next slice sees the containers that were made meanwhile.
_SLICE_SECONDS = 15
_POLICY = "What the policy of stacks refuses"
_NAME = click.argument("name", type=StackName())
_TENANT = option(
    "--tenant", type=Checked("tenant", "TENANT"), help="Whose stack it is, if several tenants have one of this name."
)
_NO_DNS_CHECK = option(
    "--no-dns-check", "dns_check", is_flag=True, flag_value=False, help="Ask the CA although DNS looks wrong from here."
)


@click.group("stack", cls=Group)
def group() -> None:
    """Stacks: the reverse proxy, and other folders of Compose services."""


def _allowing(verb: str) -> Callable[[Any], Any]:
    """Return the decorator that gives a verb the options --allow and --typed."""
    allow = option(
        "--allow",
        type=click.Choice(FINDINGS),
        metavar="FINDING",
        multiple=True,
        heading=_POLICY,
        help=f"Allow a finding that {verb} refused, for this stack, repeatable. Asks for its name.",
    )
    typed = option(
        "--typed",
        type=click.Choice(FINDINGS),
        metavar="FINDING",
        multiple=True,
        heading=_POLICY,
        help="Instead of the answer to --allow: the same name again, for scripts. -y is not enough.",
    )
    return lambda function: allow(typed(function))


@group.command(
    "up",
    examples=(
        "vsa stack up reverse-proxy --limit vps-01 --check",
        "vsa stack up shop --from ./stacks --allow published-port",
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
@option(
    "--from",
    "source",
    type=click.Path(path_type=str),
    metavar="DIR",
    help="The directory with its folder, if that is not the collection or stacks/ beside the inventory.",
)
@option("--build", is_flag=True, help="Build the images of services with a build again, also if no file changed.")
@option("--pull", is_flag=True, help="Pull every image again, also if its tag names another image now.")
@option(
    "--password-file",
    type=click.Path(path_type=str),
    metavar="FILE",
    help="The password of a site's first user, admin; a new file is made with mode 0600. Default: show it once.",
)
@_NO_DNS_CHECK
@_allowing("up")
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
            **_variables(given["env"]),
            source=_absolute(given["source"]),
            pull=given["pull"],
            build=given["build"],
            allow=allow,
            dns_check=given["dns_check"],
            password_file=password.path,
        )

        def after(report: Any, _screen: Any) -> None:
            password.used = added(report)

        reveals = {"password": password.shown} if password.shown else {}
        spec = Spec(name="stack.up", due=silent, reveals=reveals, reveals_if=added, after=after)
        return perform(context, spec, run, subject=name)


def _variables(given: Sequence[tuple[str, str, bool]]) -> dict[str, Any]:
    """Return the variables to set, and the names of those whose value was typed. The last value of a name counts."""
    last = {name: (value, typed) for name, value, typed in given}
    return {
        "env": {name: value for name, (value, _typed) in last.items()},
        "env_typed": [name for name, (_value, typed) in last.items() if typed],
    }


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
    click.echo("\n".join([*lines, f"next: edit them, then vsa stack up {name} --from {folder} --check"]))
    return EXIT_OK


@group.command("down", examples=("vsa stack down shop", "vsa stack down shop --volumes --check"))
@_NAME
@_TENANT
@option("--sites", is_flag=True, help="Unprovision its sites, instead of closing them until the next up.")
@option("--volumes", is_flag=True, help="Delete its volumes too, for ever. Asks for the name of the stack.")
@option("--typed", type=StackName(), help="Instead of the answer to --volumes: the name again, for scripts.")
@click.pass_context
def _down(
    context: click.Context, name: str, tenant: str | None, sites: bool | None, volumes: bool | None, typed: str | None
) -> int:
    """Stop a stack and remove its containers; its data stays. Its sites are closed until the next up."""
    spec = Spec(name="stack.down", single=True)
    run = down(where(context), name=name, tenant=tenant, sites=sites, volumes=volumes, typed=typed)
    if typed is not None and (typed != name or not volumes):
        expected = name if volumes else "--volumes first"
        raise UsageError("this is not the name of what is deleted", field="--typed", value=typed, expected=expected)
    if volumes and typed is None:
        return _delete_volumes(context, spec, run, name)
    # Who typed the name answered the question already.
    if typed is not None or not must_ask(context, f"stop {name} and remove its containers"):
        return perform(context, spec, run, subject=name)

    def ask(hosts: str, changes: Mapping[str, HostResult]) -> None:
        confirm(f"Stop {name} on {hosts} and remove its containers?{_off_the_air(changes)}")

    return ask_then_perform(context, spec, run, ask, subject=name)


def _delete_volumes(context: click.Context, spec: Spec, run: Run, name: str) -> int:
    """Ask for the name of the stack whose volumes go, and take the stack down. ``-y`` is not enough.

    Raises :class:`UsageError` if nobody can be asked.
    """
    options = global_options(context)
    if options.get("check"):
        return perform(context, spec, run, subject=name)
    if options.get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"to delete the volumes of {name} its name has to be typed, and nobody can be asked",
            field="--typed",
            value="(not given)",
            expected=f"--typed {name}",
        )

    def ask(hosts: str, changes: Mapping[str, HostResult]) -> None:
        volumes = ", ".join(_volumes(changes)) or "no volume"
        words = f"Stop {name} on {hosts}, remove its containers and delete {volumes}? This cannot be undone."
        confirm_typed(f"{words}{_off_the_air(changes)} Type {name}", name)

    typed = dataclasses.replace(run, extravars={**run.extravars, "stack_typed": name})
    return ask_then_perform(context, spec, typed, ask, subject=name)


def _volumes(changes: Mapping[str, HostResult]) -> list[str]:
    """Return each volume that would be deleted, with its size, for a question."""
    found = [volume for result in changes.values() for volume in result.payload.get("volumes") or ()]
    return [f"{clean(volume['name'])} ({size_words(volume.get('size'))})" for volume in found]


def _off_the_air(changes: Mapping[str, HostResult]) -> str:
    sites = counted({host: result.payload.get("serves") or () for host, result in changes.items()})
    return f" Off the air: {sites}." if sites else ""


@group.command("set", examples=("vsa stack set shop TAG=2.1", "vsa stack set shop TAG=2.1 --tenant acme"))
@_NAME
@click.argument("env", type=Variable(), nargs=-1, required=True, metavar="NAME=VALUE...")
@_TENANT
@_NO_DNS_CHECK
@click.pass_context
def _set(
    context: click.Context,
    name: str,
    env: tuple[tuple[str, str, bool], ...],
    tenant: str | None,
    dns_check: bool | None,
) -> int:
    """Set variables of env/.env on the host, and bring the stack to them.

    NAME=- reads the value from standard input: other users of this machine can see what is typed. So a secret that is
    typed is refused.
    """
    run = set_variables(where(context), name=name, tenant=tenant, dns_check=dns_check, **_variables(env))
    return perform(context, Spec(name="stack.set", due=silent), run, subject=name)


@group.command("rotate", examples=("vsa stack rotate shop API_KEY", "vsa stack rotate shop API_KEY --tenant acme"))
@_NAME
@click.argument("keys", type=Checked("variable", "KEY"), nargs=-1, required=True, metavar="KEY...")
@_TENANT
@_NO_DNS_CHECK
@click.pass_context
def _rotate(
    context: click.Context, name: str, keys: tuple[str, ...], tenant: str | None, dns_check: bool | None
) -> int:
    """Make secrets of a stack anew that stack.yml calls rotatable, and bring the stack to them."""
    run = rotate(where(context), name=name, keys=keys, tenant=tenant, dns_check=dns_check)
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


class _Exec(Verb):
    """A verb with a command after two dashes, which are no options and arguments of the verb itself."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the command out of the words before Click reads them."""
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the words of the usage, with those of the command."""
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


@group.command(
    "exec",
    cls=_Exec,
    examples=("vsa stack exec shop db -- psql -U app -c 'select 1'", "vsa stack exec shop db -- pg_isready"),
)
@_NAME
@click.argument("service", type=StackName(), required=False)
@_TENANT
@option("--stdin", is_flag=True, help="Hand the standard input of vsa to the command: text, at most 1 MiB.")
@click.pass_context
def _exec(context: click.Context, name: str, service: str | None, tenant: str | None, stdin: bool | None) -> int:
    """Run a command in a container of a stack, without a terminal. The exit code is that of the command.

    The trail keeps the command. Its output is shown without secrets and control characters.
    """
    command = context.meta[_COMMAND]
    if not command:
        raise UsageError(
            "no command was given", field="COMMAND", value="(not given)", expected="-- PROGRAM ARGUMENT..."
        )
    run = exec_in(
        where(context), name=name, service=service, tenant=tenant, command=command, stdin=_stdin() if stdin else None
    )
    spec = Spec(name="stack.exec", single=True, shows=None if run.check else _output, after=_show_errors)
    report = performed(context, spec, run, subject=name)
    codes = [int(host.payload.get("command_exit_code") or 0) for host in report.hosts.values()]
    return report.exit_code or max(codes, default=0)


def _stdin() -> str:
    """Return what the command is to read. Raises :class:`UsageError` if it is no text, or too long."""
    content = sys.stdin.buffer.read(_MOST_STDIN + 1)
    way = "for other input: ssh HOST docker exec -i CONTAINER COMMAND"
    if len(content) > _MOST_STDIN:
        raise UsageError("the standard input is too long", field="--stdin", expected="at most 1 MiB", hint=way)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError("the standard input is no text", field="--stdin", expected="UTF-8", hint=way) from error


def _output(hosts: Mapping[str, HostResult]) -> Any:
    from rich.console import Group as Parts

    said = "".join(str(host.payload.get("stdout") or "") for host in hosts.values())
    # A text is printed as it is, while Rich would break its lines.
    return clean(said.removesuffix("\n")) if said else Parts()


def _show_errors(report: Report, screen: Screen) -> None:
    """Print what the command wrote to its standard error, and how much of its output is missing."""
    for host in () if screen.json else report.hosts.values():
        said, missing = str(host.payload.get("stderr") or ""), host.payload.get("left_out_bytes")
        if said:
            screen.error(clean(said.removesuffix("\n")))
        if missing:
            screen.error(f"warning: {missing} more bytes of the output are left out")


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
@option("-f", "--follow", is_flag=True, help="Go on with new lines, of one host, until Ctrl+C (exit code 130).")
@click.pass_context
def _logs(
    context: click.Context,
    name: str,
    tenant: str | None,
    service: str | None,
    tail: int | None,
    since: str | None,
    follow: bool | None,
) -> int:
    """Print the last log lines of a stack's containers."""
    to = where(context)
    if follow:
        return _follow(context, logs(to, name=name, tenant=tenant, service=service, lines=tail, since=since), name)
    run = logs(to, name=name, tenant=tenant, service=service, lines=tail, since=since)
    return perform(context, Spec(name="stack.logs", shows=_lines), run, subject=name)


def _follow(context: click.Context, run: Run, name: str) -> int:
    """Print slices of the logs one after the other. Only the first one leaves a record.

    Raises :class:`UsageError` if one document is wanted, which would have no end.
    """
    if global_options(context).get("json"):
        raise UsageError(
            "a log that is followed has no end", field="--json", value="--follow", expected="one of the two"
        )
    global_options(context).note("quiet", True)
    cursor = ""
    try:
        while True:
            more = {"stack_follow": _SLICE_SECONDS, **({"stack_cursor": cursor} if cursor else {})}
            spec = Spec(name="stack.logs", single=True, shows=_lines, recorded=not cursor, after=_end_quietly)
            report = performed(
                context, spec, dataclasses.replace(run, extravars={**run.extravars, **more}), subject=name
            )
            cursors = [str(host.payload.get("cursor") or "") for host in report.hosts.values()]
            if report.exit_code or not any(cursors):
                return report.exit_code
            cursor = cursors[0]
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _end_quietly(report: Report, _screen: Screen) -> None:
    """Print no error if somebody ended a log that is followed: that is its only end."""
    if report.error_exit == EXIT_INTERRUPTED:
        report.error, report.hosts = None, {}


@group.command("backup", examples=("vsa stack backup shop", "vsa stack backup shop --tenant acme --check"))
@_NAME
@_TENANT
@click.pass_context
def _backup(context: click.Context, name: str, tenant: str | None) -> int:
    """Save a stack's databases, volumes and files to the repository in /etc/vsa/backup.yml of its host."""
    run = backup(where(context), name=name, tenant=tenant)
    return perform(context, Spec(name="stack.backup"), run, subject=name)


@group.command("backups", examples=("vsa stack backups", "vsa stack backups shop --json"))
@click.argument("name", type=StackName(), required=False)
@option("--tenant", type=Checked("tenant", "TENANT"), help="Only the backups of this tenant.")
@click.pass_context
def _backups(context: click.Context, name: str | None, tenant: str | None) -> int:
    """List the backups in the repository of each host, newest first."""
    run = backups(where(context), name=name, tenant=tenant)
    return perform(context, Spec(name="stack.backups", shows=_runs), run)


@group.command(
    "restore",
    examples=(
        "vsa stack restore shop --limit vps-02",
        "vsa stack restore shop --run 20261129t030000z-1f2e --as shop-2",
    ),
)
@_NAME
@_TENANT
@option("--run", metavar="ID", help="The run to restore, as `stack backups` lists it; else the newest one.")
@option("--as", "new_name", type=StackName(), metavar="NAME", help="Restore as another stack, without its sites.")
@_NO_DNS_CHECK
@_allowing("restore")
@click.pass_context
def _restore(context: click.Context, /, **given: Any) -> int:
    """Bring a stack back as a backup has it, on its host or on a fresh one. The data that are there stay beside."""
    name = given["name"]
    target = given["new_name"] or name
    run = restore(
        where(context),
        name=name,
        tenant=given["tenant"],
        run=given["run"],
        new_name=given["new_name"],
        allow=given["allow"],
        dns_check=given["dns_check"],
    )
    _confirm_allowed(context, target, given["allow"], typed=given["typed"])
    spec = Spec(name="stack.restore", single=True, due=silent)
    if not must_ask(context, f"replace the data of {target}"):
        return perform(context, spec, run, subject=target)

    def ask(hosts: str, changes: Any) -> None:
        runs = sorted({str(result.payload.get("run")) for result in changes.values()})
        confirm(f"Replace the data of {target} on {hosts} by those of {', '.join(runs)}?")

    return ask_then_perform(context, spec, run, ask, subject=target)


def _runs(hosts: Any) -> Any:
    from vsa.views.stack import backup_table

    return backup_table(hosts)


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
