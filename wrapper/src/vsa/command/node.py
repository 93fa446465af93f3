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
from vsa.core import EXIT_OK, EXIT_UNREACHABLE, UsageError, VsaError, worst_exit

if TYPE_CHECKING:
    from vsa.fleet.read import Fleet

__all__ = ("forget_node", "refuse_lost_token", "register_node", "set_up_node", "show_token")


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


def register_node(context: click.Context, to: Where, fleet: Fleet, hub: HubHost, name: str, place: Path) -> int:
    """Register a host of the inventory at the hub. Returns the exit code; the token is in the file ``place`` then."""
    address = fleet.address(name)
    hostname = fleet.value(name, "vsa_hostname")
    if to.check and address is None:  # the host would be added by this run
        return EXIT_OK
    run = on_hub(
        to,
        hub,
        "vps.add",
        node=name,
        hostname=hostname if isinstance(hostname, str) else name,
        address=address[0] if address is not None else name,
        provider=fleet.provider(name),
        token_file=str(place),
    )
    return _performed_on_hub(context, "vps.add", run, name)


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
