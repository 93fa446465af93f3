"""``vsa vps``: the hosts of the inventory. These verbs change files of this workstation, and what the hub knows."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.run import Where
from vsa.command.fleet import NODE_ID, fleet_of
from vsa.command.hub import HubHost, hub_host, kept_token, token_of
from vsa.command.local import Change, performed_here
from vsa.command.node import forget_node, hub_node, refuse_lost_token, register_node, set_up_node, show_token
from vsa.command.options import Checked, Form, Group, WholeNumber, global_options, option
from vsa.command.perform import BEGUN, quiet_report, screen_of
from vsa.command.verb import confirm_typed, must_ask, where
from vsa.core import EXIT_OK, RefusedError, UsageError

if TYPE_CHECKING:
    from vsa.fleet.keys import HostKey
    from vsa.fleet.members import Member
    from vsa.fleet.read import Fleet

__all__ = ("group",)

_GROUP = re.compile(r"(?!(?:all|ungrouped)\Z)[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)


class _Address(click.ParamType[str]):
    """An IPv4 or IPv6 address of a host, in its normal form."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address. UsageError if it is none, or if no host can have it."""
        del param, ctx
        import ipaddress  # imported here, because only this verb needs it

        try:
            found = ipaddress.ip_address(value)
        except ValueError:
            found = None
        if found is None or "%" in value or found.is_unspecified or found.is_multicast:
            raise UsageError(
                "this is no address of a host", field="--ip", value=value, expected="203.0.113.9, or 2001:db8::9"
            )
        return str(found)


@click.group("vps", cls=Group)
def group() -> None:
    """The inventory: which VPSes there are, and their host keys."""


@group.command("list", examples=("vsa vps list", "vsa vps list --live --json"))
@option("--live", is_flag=True, help="Ask each host, and the ports that its provider's firewall must let through.")
@click.pass_context
def _list(context: click.Context, live: bool | None) -> int:
    """List the hosts of the inventory, and what looks wrong in it. Without --live the hub alone is asked."""
    from vsa.fleet.listing import listed, with_answers, with_hub
    from vsa.fleet.warnings import warnings
    from vsa.output.document import document
    from vsa.views.vps import fleet_table

    to = where(context)
    fleet = fleet_of(to)
    if fleet.groups is None:
        raise UsageError(
            "only Ansible can tell which hosts these are, and this verb does not ask it",
            field="--inventory",
            value=str(fleet.source),
            expected="a plain YAML inventory, without ranges and plugins",
            hint="ansible-inventory --list",
        )
    report = listed(fleet, limit=to.limit)
    silence = with_hub(report, fleet)
    if live:
        with_answers(report, quiet_report(context, dataclasses.replace(to).verb("host.ping")))
    found = [*warnings(fleet), *([silence] if silence else [])]
    screen = screen_of(context)
    if screen.json:
        took = time.monotonic() - BEGUN
        screen.document(document(report, verb="vps.list", audit_id=None, check=to.check, took=took, warnings=found))
    else:
        screen.line(fleet_table(report.hosts, live=bool(live)))
        for line in found:
            screen.note(f"warning: {line}")
    return report.exit_code


@group.command(
    "add",
    examples=(
        "vsa vps add --id vps-04 --hostname vps-04.example.com --ip 203.0.113.9 --provider infomaniak",
        "vsa vps add --id vps-04 --host-key SHA256:uNiVztksCsDhcc0u9e8BrBITP9GNc9zwLbCrgaX4bOs",
    ),
)
@NODE_ID
@option("--hostname", type=Checked("domain", "NAME"), help="The full name of a new host.")
@option("--ip", "address", type=_Address(), help="The address of a new host.")
@option("--port", type=WholeNumber(1, 65535), help="The port of SSH, if it is not 22.")
@option(
    "--provider", type=Form("GROUP", _GROUP, "a group such as infomaniak"), help="The group of the host's provider."
)
@option(
    "--host-key",
    "host_keys",
    type=Form("SHA256:…", _FINGERPRINT, "SHA256: and 43 letters, as ssh-keygen -l prints it"),
    multiple=True,
    help="The fingerprint of the host's key, as its provider shows it; then nothing is asked.",
)
@option("--bootstrap", is_flag=True, help="Run vsa bootstrap for the host afterwards, and start its agent.")
@option(
    "--token-file",
    metavar="FILE",
    help="The new file for the token of the agent, with mode 0600; else it is shown once.",
)
@click.pass_context
def _add(context: click.Context, /, name: str, bootstrap: bool | None, host_keys: Sequence[str], **typed: Any) -> int:
    """Add a VPS to the inventory and record its host key, after you compared the key with what the provider shows.

    If the fleet has a hub, the VPS is registered there, and the token of its agent is shown once. For a host of the
    inventory this records its key, or replaces a key that has changed.
    """
    if bootstrap and global_options(context).get("json"):
        raise UsageError(
            "with --bootstrap two verbs run, and --json prints one document",
            field="--bootstrap",
            expected="one of the two",
            hint=f"vsa bootstrap --limit {name}",
        )
    to = where(context)
    token_file = typed.pop("token_file")
    fleet = fleet_of(to)
    hub = hub_host(fleet)
    refuse_lost_token(context, hub, bootstrap=bool(bootstrap), token_file=token_file)
    # Before the inventory is changed: the hub may need what the inventory lacks.
    node = hub_node(fleet, name, **typed) if hub is not None else None
    arguments = {f"vps_{key}": value for key, value in typed.items()}
    arguments |= {"vps_id": name, "vps_host_key": list(host_keys)}

    def make() -> Change:
        return _addition(context, to, name, host_keys, to_register=hub is not None, **typed)

    with kept_token(token_file) as place:
        code = performed_here(context, "vps.add", target=name, arguments=arguments, make=make)
        if code == EXIT_OK and hub is not None and node is not None:
            code = register_node(context, to, hub, node, place)
        if code == EXIT_OK and not to.check:
            if bootstrap:
                code = set_up_node(context, to, hub, name, place)
            elif hub is not None and token_file is None:
                show_token(context, hub, name, token_of(place))
    return code


@group.command("remove", examples=("vsa vps remove --id vps-04", "vsa vps remove --id vps-04 -y"))
@NODE_ID
@click.pass_context
def _remove(context: click.Context, name: str) -> int:
    """Remove a VPS from the inventory, and its host key. Its sites stay as they are and keep being served."""
    to = where(context)
    ask = must_ask(context, f"remove {name} from the inventory")
    hub = hub_host(fleet_of(to))

    def make() -> Change:
        return _removal(context, to, name, ask=ask, hub=hub)

    return performed_here(context, "vps.remove", target=name, arguments={"vps_id": name}, make=make)


def _addition(
    context: click.Context,
    to: Where,
    name: str,
    typed_keys: Sequence[str],
    *,
    hostname: str | None,
    address: str | None,
    port: int | None,
    provider: str | None,
    to_register: bool = False,
) -> Change:
    """Return what adding a host changes, after the operator has agreed to its key.

    ``to_register``: the hub decides whether a host that is in the inventory with its key is known already.
    """
    from vsa.fleet import keys, members
    from vsa.fleet.files import read

    fleet = fleet_of(to)
    known = _known_address(fleet, name)
    if known is None:
        member = _new_member(fleet, name, hostname=hostname, address=address, port=port, provider=provider)
        members.refuse_taken(fleet, member)
        place = (member.address, member.port)
    else:
        _refuse_other_values(fleet, name, known, hostname=hostname, address=address, port=port, provider=provider)
        member, place = None, known
    file = fleet.folder / keys.FILE
    recorded = keys.recorded_keys(read(file), name)
    offered = keys.scanned_keys(*place)
    adopted = {} if member is not None else members.adoption(fleet, name)
    if member is None and not adopted and set(recorded) <= set(offered) and recorded:
        if to_register:
            return Change(name, fleet.folder, dict, [_step("inventory", f"{name} is there with its key", state="ok")])
        raise RefusedError(f"{name} is in the inventory, and its key is recorded", field="--id", value=name)
    chosen = _agreed(context, to, name, place, offered, recorded=recorded, typed=typed_keys)

    def texts() -> dict[Path, str]:
        # Read again, under the lock: somebody else may have changed the files while the operator compared the key.
        now = fleet_of(to)
        if member is not None:
            members.refuse_taken(now, member)
        made = members.addition(now, member) if member is not None else members.adoption(now, name)
        # The key first: if this is killed in between, the same command again goes on.
        return {file: keys.with_keys(read(file), name, chosen), **made}

    steps = [_step("host key", f"{', '.join(key.fingerprint for key in chosen)} recorded in {file}")]
    if member is not None:
        steps.append(_step("inventory", f"{name} added to {provider or 'all'}"))
    elif adopted:
        steps.append(_step("inventory", f"{name} now uses {keys.FILE}"))
    return Change(name, folder=fleet.folder, texts=texts, steps=steps)


def _removal(context: click.Context, to: Where, name: str, *, ask: bool, hub: HubHost | None) -> Change:
    """Return what removing a host changes, after the operator has agreed and its agent and the hub have forgotten it.

    If this is killed after that, the same command again removes the host from the inventory.
    """
    from vsa.fleet import keys, members
    from vsa.fleet.files import read
    from vsa.fleet.listing import sites_words

    fleet = fleet_of(to)
    file = fleet.folder / keys.FILE
    found, groups = members.removal(fleet, name)
    recorded = keys.recorded_keys(read(file), name)
    if not found and not recorded:
        raise RefusedError(
            "the inventory has no such host",
            field="--id",
            value=name,
            there_are=list(fleet.hosts)[:20],
            hint="vsa vps list",
        )
    payload: dict[str, Any] = {}
    words = f"{name} is in no group any more"
    if found:
        run = dataclasses.replace(to, limit=name, check=False).verb("site.list", probe=False)
        answer = quiet_report(context, run).hosts.get(name)
        words = sites_words(name, answer)
        payload = {"sites": (answer.payload.get("sites") if answer is not None else None) or []}
    kept = [str(place) for place in members.host_variables(fleet, name)]
    screen = screen_of(context)
    screen.note(words)
    for place in kept:
        screen.note(f"{place} stays")
    if ask:
        confirm_typed(f"Type {name} to remove it from the inventory", name)
    forgotten = [] if hub is None or hub.name == name else forget_node(context, to, hub, name, known=bool(found))

    def texts() -> dict[Path, str]:
        made, _ = members.removal(fleet_of(to), name)
        text = keys.without_keys(read(file), name)
        return {**made, **({file: text} if text != read(file) else {})}

    steps = [_step("sites", words, state="ok"), *forgotten]
    if groups:
        steps.append(_step("inventory", f"{name} removed from {', '.join(groups)}"))
    if recorded:
        steps.append(_step("host key", f"removed from {file}"))
    return Change(name, folder=fleet.folder, texts=texts, steps=steps, payload={**payload, "kept": kept})


def _known_address(fleet: Fleet, name: str) -> tuple[str, int] | None:
    """Return where SSH connects for a host of the inventory; None if the inventory does not have the host."""
    from vsa.fleet.members import stands_in

    if not stands_in(fleet, name):
        return None
    found = fleet.address(name)
    if found is None:
        raise RefusedError(
            "the inventory does not say plainly where this host is",
            field="ansible_host",
            value=name,
            expected="an address",
        )
    return found


def _new_member(fleet: Fleet, name: str, *, port: int | None, provider: str | None, **typed: str | None) -> Member:
    """Return the host to add. Raises UsageError if something is missing, or if the provider is not known."""
    from vsa.fleet.members import Member

    for option_name, value in (("--hostname", typed["hostname"]), ("--ip", typed["address"])):
        if value is None:
            raise UsageError(f"{option_name} is missing for a new host", field=option_name, hint="vsa vps add --help")
    providers = fleet.providers()
    if provider is not None and providers and provider not in {*providers, *(fleet.groups or {})}:
        raise UsageError(
            "the inventory has no such group", field="--provider", value=provider, there_are=sorted(providers)
        )
    hostname, address = str(typed["hostname"]), str(typed["address"])
    return Member(name=name, hostname=hostname, address=address, port=port or 22, provider=provider)


def _refuse_other_values(
    fleet: Fleet, name: str, known: tuple[str, int], *, port: int | None, address: str | None, **typed: str | None
) -> None:
    """Raise RefusedError if a typed value is not what the inventory says of a host."""
    groups = fleet.groups_of(name)
    pairs = (
        ("--ip", address, known[0]),
        ("--port", port, known[1]),
        ("--hostname", typed["hostname"], fleet.value(name, "vsa_hostname") or typed["hostname"]),
        ("--provider", typed["provider"], typed["provider"] if typed["provider"] in groups else ", ".join(groups)),
    )
    for option_name, value, there in pairs:
        if value is not None and value != there:
            raise RefusedError(
                f"{name} is in the inventory with another value",
                field=option_name,
                value=value,
                expected=str(there),
                hint=f"vsa vps add --id {name}, which records its key",
            )


def _agreed(
    context: click.Context,
    to: Where,
    name: str,
    place: tuple[str, int],
    offered: Sequence[HostKey],
    *,
    recorded: Sequence[HostKey],
    typed: Sequence[str],
) -> list[HostKey]:
    """Return the keys to record: those that were typed, or all of them after the operator has compared one."""
    from vsa.fleet.keys import fingerprints

    shown = fingerprints(offered)
    if typed:
        chosen = [key for key in offered if key.fingerprint in typed]
        if not chosen:
            raise RefusedError(
                "the host shows another key", field="--host-key", value=", ".join(typed), there_are=shown
            )
        return chosen
    is_terminal = sys.stdin.isatty() and sys.stderr.isatty() and not global_options(context).get("json")
    if to.check:
        return list(offered)
    if not is_terminal:
        raise UsageError(
            "nobody can be asked whether this is the right key",
            field="--host-key",
            value="(not given)",
            expected="the fingerprint that the provider shows",
            there_are=shown,
        )
    lines = [f"{name} at {place[0]} port {place[1]} shows", *(f"  {line}" for line in shown)]
    if recorded:
        lines += ["known_hosts has", *(f"  {line}" for line in fingerprints(recorded))]
    click.echo("\n".join(lines), err=True)
    click.confirm("Does the provider show one of these keys?", abort=True, err=True)
    return list(offered)


def _step(name: str, text: str, *, state: str = "changed") -> dict[str, Any]:
    return {"name": name, "state": state, "text": text}
