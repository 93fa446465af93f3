"""``vsa agent``: what reports a host to the hub of its fleet."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from vsa.ansible.private import secret_file
from vsa.ansible.run import Run, Where
from vsa.command.fleet import NODE_ID, fleet_of
from vsa.command.hub import HubHost, kept_token, on_hub, require_hub
from vsa.command.options import Group, global_options, option
from vsa.command.perform import ask_then_perform, perform
from vsa.command.verb import Spec, confirm, must_ask, where
from vsa.core import EXIT_OK, RefusedError, UsageError, hub_base, node_of_token

__all__ = ("group", "register", "start", "status", "stop", "unregister")

_MOST_BYTES = 4096


def register(to: Where, *, hub_url: str, token_file: str) -> Run:
    """Return the run that registers a host at a hub. The token is the only line of a file of this machine."""
    return to.verb("agent.register", hub_url=hub_url, token_file=token_file)


def start(to: Where) -> Run:
    """Return the run that lets registered agents run."""
    return to.verb("agent.start")


def stop(to: Where) -> Run:
    """Return the run that stops agents."""
    return to.verb("agent.stop")


def unregister(to: Where) -> Run:
    """Return the run that removes agents with their tokens."""
    return to.verb("agent.unregister")


def status(to: Where) -> Run:
    """Return the run that reads the state of agents."""
    return to.verb("agent.status")


@click.group("agent", cls=Group)
def group() -> None:
    """The agents: what reports each host to the hub of the fleet, every 30 seconds."""


@group.command(
    "register",
    examples=(
        "vsa agent register --hub-url https://dashboard.example.com --token-file token --limit vps-01",
        "vsa agent register --hub-url https://dashboard.example.com/api --token-file vps-02.token -l vps-02",
    ),
)
@option("--hub-url", metavar="URL", required=True, help="The address of the hub, with or without a final /api.")
@option("--token-file", metavar="FILE", heading="Token", help="A file with the token of the node; - for stdin.")
@option("--token", metavar="TOKEN", heading="Token", help="The token itself; everybody on this machine can see it.")
@click.pass_context
def _register(context: click.Context, hub_url: str, token_file: str | None, token: str | None) -> int:
    """Register a host at the hub, and prove it by one real beat."""
    if (token is None) == (token_file is None):
        raise UsageError("the token is missing" if token is None else "say the token once", field="--token-file")
    to = where(context)
    with _usage():
        base = hub_base(hub_url, field="--hub-url")
    if token is not None:
        click.echo("warning: every user of this machine can see a token in a command line: use --token-file", err=True)
    with _file_with_token(token, token_file) as path:
        return perform(context, Spec(name="agent.register", single=True), register(to, hub_url=base, token_file=path))


@contextlib.contextmanager
def _file_with_token(token: str | None, chosen: str | None) -> Iterator[str]:
    """Yield the path of a file with the token: the operator's own, or a private one that is removed afterwards."""
    if chosen is not None and chosen != "-":
        path = Path(chosen).expanduser().resolve()
        _require_token(_read(path), field="--token-file")
        yield str(path)
        return
    if token is None:
        token = sys.stdin.buffer.read(_MOST_BYTES).decode("ascii", "replace")
    text = token.strip()
    _require_token(text, field="--token" if chosen is None else "--token-file")
    with secret_file(text) as private:
        yield private


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES).decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise UsageError("the file with the token is not there", field="--token-file", value=str(path)) from None
    except OSError as error:
        raise UsageError(
            f"the token could not be read: {error.strerror}", field="--token-file", value=str(path)
        ) from error


def _require_token(text: str, *, field: str) -> None:
    with _usage():
        node_of_token(text, field=field)


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """Turn a value without its form into a usage error: no host was asked. The value of a token is not shown."""
    try:
        yield
    except RefusedError as error:
        raise UsageError(error.message, field=error.field, value=error.value, expected=error.expected) from error


@group.command("start", examples=("vsa agent start", "vsa agent start --limit vps-01"))
@click.pass_context
def _start(context: click.Context) -> int:
    """Let registered agents run, with the program of this version."""
    return perform(context, Spec(name="agent.start"), start(where(context)))


@group.command("stop", examples=("vsa agent stop --limit vps-01", "vsa agent stop --limit kamatera"))
@click.pass_context
def _stop(context: click.Context) -> int:
    """Stop agents. The hub calls their nodes silent; the sites go on."""
    return perform(context, Spec(name="agent.stop"), stop(where(context)))


@group.command("status", examples=("vsa agent status", "vsa agent status --exit-code --json"))
@option("--exit-code", is_flag=True, help="Exit with 7 if the hub took no beat for 75 seconds.")
@click.pass_context
def _status(context: click.Context, exit_code: bool) -> int:
    """Show the last beats of the agents, what the hub said, and what waits."""
    return perform(
        context, Spec(name="agent.status", shows=_table, due=_due if exit_code else None), status(where(context))
    )


@group.command("unregister", examples=("vsa agent unregister --limit vps-01", "vsa agent unregister --limit vps-01 -y"))
@click.pass_context
def _unregister(context: click.Context) -> int:
    """Remove agents with their tokens. What the hub knows stays there."""
    run, spec = unregister(where(context)), Spec(name="agent.unregister")
    if not must_ask(context, "remove the agent with its token"):
        return perform(context, spec, run)
    return ask_then_perform(
        context, spec, run, lambda hosts, _changes: confirm(f"Remove the agent of {hosts} with its token?")
    )


@group.command(
    "rotate",
    examples=("vsa agent rotate --id vps-02", "vsa agent rotate --id vps-02 --token-file vps-02.token"),
)
@NODE_ID
@option("--token-file", metavar="FILE", help="Only write the token into this new file; the agent is left as it is.")
@click.pass_context
def _rotate(context: click.Context, name: str, token_file: str | None) -> int:
    """Give the agent of a host a new token, and hand the token over, so that nobody sees it.

    The token in use stays valid until the first beat with the new one, or for 24 hours. No beat is lost.
    """
    to = where(context)
    hub = _hub_of_member(to, name)
    if token_file is None and global_options(context).get("json"):
        raise UsageError(
            "two verbs run, and --json prints one document", field="--json", expected="--token-file FILE as well"
        )
    with kept_token(token_file) as place:
        run = on_hub(to, hub, "agent.rotate", node=name, token_file=str(place))
        code = perform(context, Spec(name="agent.rotate", single=True), run, subject=name)
        if code == EXIT_OK and token_file is None and not to.check:
            handed = register(dataclasses.replace(to, limit=name), hub_url=hub.url, token_file=str(place))
            code = perform(context, Spec(name="agent.register", single=True), handed)
    return code


@group.command("revoke", examples=("vsa agent revoke --id vps-02", "vsa agent revoke --id vps-02 -y"))
@NODE_ID
@click.pass_context
def _revoke(context: click.Context, name: str) -> int:
    """Revoke the tokens of a host at once. The hub refuses its agent from then on, and keeps what it knows."""
    to = where(context)
    run = on_hub(to, _hub_of_member(to, name), "agent.revoke", node=name)
    spec = Spec(name="agent.revoke", single=True)
    if not must_ask(context, f"revoke the tokens of {name}"):
        return perform(context, spec, run, subject=name)
    return ask_then_perform(
        context, spec, run, lambda _hosts, _changes: confirm(f"Revoke the tokens of {name}?"), subject=name
    )


def _hub_of_member(to: Where, name: str) -> HubHost:
    """Return the hub of the fleet that has a host. RefusedError if the inventory has no such host."""
    fleet = fleet_of(to)
    if name not in fleet.hosts:
        raise RefusedError(
            "the inventory has no such host",
            field="--id",
            value=name,
            there_are=list(fleet.hosts)[:20],
            hint="vsa vps list",
        )
    return require_hub(fleet)


def _due(payload: Mapping[str, Any]) -> bool:
    """Say whether the hub does not call the node of a registered agent fresh."""
    from vsa.views.columns import LATE_STATES

    return (payload.get("agent") or {}).get("state") in LATE_STATES


def _table(hosts: Any) -> Any:
    from vsa.views.agent import agent_table

    return agent_table(hosts)
