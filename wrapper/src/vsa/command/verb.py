"""What a verb has besides its run: how it behaves, how its result is shown, and on which hosts it acts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.config import Config, find_config
from vsa.ansible.inventory import HOST_SETTINGS, chosen_inventory
from vsa.ansible.run import Where
from vsa.command.options import global_options
from vsa.core import UsageError, collections_root

if TYPE_CHECKING:
    from vsa.ansible.report import HostResult, Report
    from vsa.output.screen import Screen

__all__ = ("Spec", "config", "confirm", "confirm_typed", "counted", "must_ask", "silent", "where")

# A question names at most this many sites of a host.
_MOST_NAMED = 20

Shown = Callable[[Mapping[str, "HostResult"]], Any]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a verb behaves, and how its result is shown.

    * ``name``: noun and verb as ``--json`` has them (``site.provision``).
    * ``single``: the verb acts on exactly one host.
    * ``finds``: the run itself finds that host, the only one that has the domain, if there are several.
    * ``anywhere``: the verb shows one thing that any host may have. If one host has it, the refusals of the other hosts
      are not shown.
    * ``shows``: makes the output from the hosts' payloads. None for a verb that changes something.
    * ``due``: says whether a payload has something that is due. None if ``--exit-code`` was not given, for a verb that
      reads.
    * ``reveals``: secrets by name that were made here. They are printed once, if the run succeeds, or if
      ``reveals_if`` says of the report that a host has them now.
    * ``names``: returns the names in a payload that a shell can complete, by kind.
    * ``recorded``: whether the run leaves a record. A verb that reads a trail leaves none.
    * ``after``: looks at the report before its end is printed. It may add to the payloads, and print a line.
    """

    name: str
    single: bool = False
    finds: bool = False
    anywhere: bool = False
    shows: Shown | None = None
    due: Callable[[Mapping[str, Any]], bool] | None = None
    reveals: Mapping[str, str] = field(default_factory=dict, repr=False)
    reveals_if: Callable[[Report], bool] | None = None
    names: Callable[[Mapping[str, Any]], Mapping[str, list[str]]] | None = None
    recorded: bool = True
    after: Callable[[Report, Screen], None] | None = None


def silent(payload: Mapping[str, Any]) -> bool:
    """Say whether a change is done, and a site does not answer: exit 7."""
    return bool(payload.get("silent"))


def where(context: click.Context) -> Where:
    """Return the hosts and the way of a run, from the global options. The inventory is chosen here.

    Raises :class:`UsageError` if options contradict each other, or if there is no inventory.
    """
    options = global_options(context)
    inventory, local = None, bool(options.get("local"))
    for name in ("inventory", "limit"):
        if local and options.get(name):
            raise UsageError(
                "--local is this machine alone", field=f"--{name}", value=options[name], expected="one of the two"
            )
    if not local:
        inventory, local = chosen_inventory(
            options.get("inventory"), os.environ, config(), here=Path.cwd(), host_settings=HOST_SETTINGS
        )
    return Where(
        inventory=inventory,
        local=local,
        limit=options.get("limit"),
        check=bool(options.get("check")),
        diff=bool(options.get("diff")),
        verbosity=options.get("verbosity", 0),
        fail_fast=bool(options.get("fail_fast")),
    )


def must_ask(context: click.Context, what: str) -> bool:
    """Say whether to ask before something is destroyed: yes on a terminal, unless ``-y`` or ``--check`` was given.

    ``what`` says what would happen. Raises :class:`UsageError` with it if nobody can be asked.
    """
    options = global_options(context)
    if options.get("yes") or options.get("check"):
        return False
    if options.get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"nobody can be asked whether to {what}", field="--yes", value="(not given)", expected="-y")
    return True


def confirm(question: str) -> None:
    """Ask before something is destroyed. ``click.Abort`` if the answer is no."""
    click.confirm(question, abort=True, err=True)


def counted(sites: Mapping[str, Collection[str]]) -> str:
    """Return the number of sites of each host, for a question: ``3 sites of vps-01 (a.example, …)``."""
    parts = []
    for host, domains in sites.items():
        if domains:
            names = ", ".join([*list(domains)[:_MOST_NAMED], *(["…"] if len(domains) > _MOST_NAMED else [])])
            parts.append(f"{len(domains)} {'site' if len(domains) == 1 else 'sites'} of {host} ({names})")
    return "; ".join(parts)


def confirm_typed(question: str, word: str) -> None:
    """Ask the operator to type a name before data is destroyed. ``click.Abort`` if another name is typed."""
    if click.prompt(question, err=True, default="", show_default=False).strip() != word:
        raise click.Abort


def config() -> Config:
    """Return the ``ansible.cfg`` in force in the current directory."""
    return find_config(os.environ, here=Path.cwd(), root=collections_root())
