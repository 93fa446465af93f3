"""What a verb about a node does besides the inventory: at the hub, which registers the node, and with its agent."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.run import Run, Where
from vsa.command.hub import HubHost, on_hub
from vsa.command.options import global_options
from vsa.command.perform import perform, quiet_report, screen_of
from vsa.command.verb import Spec
from vsa.core import EXIT_OK, EXIT_UNREACHABLE, RefusedError, UsageError, VsaError, is_address, worst_exit

if TYPE_CHECKING:
    from vsa.fleet.read import Fleet

__all__ = ("HubNode", "forget_node", "hub_node", "refuse_lost_token", "register_node", "set_up_node", "show_token")


def refuse_lost_token(context: click.Context, hub: HubHost | None, *, bootstrap: bool, token_file: str | None) -> None:
    """Raise UsageError if the token of the agent would be lost, or if there is no hub that takes one."""
    if hub is None:
        if token_file is not None:
            raise UsageError(
                "this fleet has no hub, and so no tokens",
                field="--token-file",
                value=token_file,
                expected="hub_url in the variables of the fleet",
            )
        return
    is_shown = sys.stdout.isatty() and not global_options(context).get("json")
    if not (bootstrap or token_file or is_shown or global_options(context).get("check")):
        raise UsageError(
            "nobody can be shown the token of the agent",
            field="--token-file",
            value="(not given)",
            expected="--token-file FILE for a new file, or --bootstrap",
        )


@dataclasses.dataclass(frozen=True)
class HubNode:
    """What the hub is handed about a host. ``address`` is None if neither the inventory nor the operator names one."""

    name: str
    hostname: str
    address: str | None
    provider: str | None


def hub_node(
    fleet: Fleet, name: str, *, hostname: str | None, address: str | None, provider: str | None, **_other: object
) -> HubNode:
    """Return a host as the hub registers it: by the inventory, else by the typed values of a new host.

    ``provider`` is the typed group. RefusedError if the inventory has a name of DNS for an address: the hub asks the
    sites of a silent host by its address.
    """
    from vsa.fleet.members import stands_in

    if not stands_in(fleet, name):
        return HubNode(name, hostname or name, address, fleet.providers().get(provider or ""))
    place = fleet.address(name)
    if place is not None and not is_address(place[0]):
        raise RefusedError(
            "the hub needs the address of a host, not its name",
            field="ansible_host",
            value=place[0],
            expected="203.0.113.9, or 2001:db8::9",
        )
    known = fleet.value(name, "vsa_hostname")
    found = known if isinstance(known, str) else hostname or name
    return HubNode(name, found, place[0] if place is not None else None, fleet.provider(name))


def register_node(context: click.Context, to: Where, hub: HubHost, node: HubNode, place: Path) -> int:
    """Register a host at the hub. Returns the exit code; the token is in the file ``place`` then."""
    run = on_hub(
        to,
        hub,
        "vps.add",
        node=node.name,
        hostname=node.hostname,
        address=node.address,
        provider=node.provider,
        token_file=str(place),
    )
    return _performed_on_hub(context, "vps.add", run, node.name)


def _performed_on_hub(context: click.Context, verb: str, run: Run, name: str) -> int:
    """Perform the hub's half of a verb. With --json nothing but an error is shown: the first half is the document."""
    if not global_options(context).get("json"):
        return perform(context, Spec(name=verb, single=True), run, subject=name)
    report = quiet_report(context, run)
    for error in (report.error, *(host.error for host in report.hosts.values())):
        if error:
            screen_of(context).note(f"the hub: {error.get('message')}")
    return report.exit_code


def set_up_node(context: click.Context, to: Where, hub: HubHost | None, name: str, place: Path) -> int:
    """Bootstrap a new host, and hand the token to its agent, so that nobody sees the token."""
    from vsa.verbs.agent import register
    from vsa.verbs.bootstrap import bootstrap as run_of

    here = dataclasses.replace(to, limit=name)
    code = perform(context, Spec(name="bootstrap"), run_of(here))
    if code == EXIT_OK and hub is not None:
        run = register(here, hub_url=hub.url, token_file=str(place))
        code = worst_exit([code, perform(context, Spec(name="agent.register", single=True), run)])
    return code


def show_token(context: click.Context, hub: HubHost, name: str, token: str) -> None:
    screen = screen_of(context)
    screen.line(f"token  {token}")
    screen.note(f"shown once; next: vsa agent register --hub-url {hub.url} --token-file - --limit {name}")


def forget_node(context: click.Context, to: Where, hub: HubHost, name: str, *, known: bool) -> list[dict[str, Any]]:
    """Remove the agent of a host and its rows at the hub, and return the steps. VsaError if the hub does not do it.

    A host that does not answer keeps its agent, which the hub refuses from then on.
    """
    from vsa.fleet.listing import why_not
    from vsa.verbs.agent import unregister

    steps = []
    if known and not to.check:
        answer = quiet_report(context, unregister(dataclasses.replace(to, limit=name))).hosts.get(name)
        if answer is None or answer.error:
            text = f"not removed ({why_not(answer)}); the hub refuses it from now on"
            steps.append({"name": "agent", "state": "warning", "text": text})
        else:
            steps += [step for step in answer.steps if step.get("state") == "changed"]
    report = quiet_report(context, on_hub(to, hub, "vps.remove", node=name))
    answered = report.hosts.get(hub.name)
    if report.exit_code or answered is None:
        why = report.error["message"] if report.error else why_not(answered)
        raise VsaError(
            f"the hub did not remove {name}: {why}",
            exit_code=report.exit_code or EXIT_UNREACHABLE,
            field="hub",
            value=hub.name,
            state="the inventory is as before",
            hint=f"vsa vps remove --id {name}, again",
        )
    return [*steps, *answered.steps]
