"""What a verb has besides its run: how it behaves, how its result is shown, and on which hosts it acts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
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
    from vsa.ansible.report import HostResult

__all__ = ("Spec", "config", "confirm", "confirm_typed", "must_ask", "where")

Shown = Callable[[Mapping[str, "HostResult"]], Any]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a verb behaves, and how its result is shown.

    * ``name``: noun and verb as ``--json`` has them (``site.provision``).
    * ``single``: the verb acts on exactly one host.
    * ``anywhere``: the verb shows one thing that any host may have. If one host has it, the refusals of the other hosts
      are not shown.
    * ``shows``: makes the output from the hosts' payloads. None for a verb that changes something.
    * ``due``: says whether a payload has something that is due. None if ``--exit-code`` was not given.
    * ``reveals``: secrets by name that were made here. They are printed once, if the run succeeds.
    * ``names``: returns the names in a payload that a shell can complete, by kind.
    """

    name: str
    single: bool = False
    anywhere: bool = False
    shows: Shown | None = None
    due: Callable[[Mapping[str, Any]], bool] | None = None
    reveals: Mapping[str, str] = field(default_factory=dict, repr=False)
    names: Callable[[Mapping[str, Any]], Mapping[str, list[str]]] | None = None


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
    )


def must_ask(context: click.Context) -> bool:
    """Say whether to ask before something is destroyed: yes on a terminal, unless ``-y`` or ``--check`` was given.

    Raises :class:`UsageError` if nobody can be asked.
    """
    options = global_options(context)
    if options.get("yes") or options.get("check"):
        return False
    if options.get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "this destroys something, and nobody can be asked", field="--yes", value="(not given)", expected="-y"
        )
    return True


def confirm(context: click.Context, question: str) -> None:
    """Ask before something is destroyed, if :func:`must_ask` says so. ``click.Abort`` if the answer is no."""
    if must_ask(context):
        click.confirm(question, abort=True, err=True)


def confirm_typed(question: str, word: str) -> None:
    """Ask the operator to type a name before data is destroyed. ``click.Abort`` if another name is typed."""
    if click.prompt(question, err=True, default="", show_default=False).strip() != word:
        raise click.Abort


def config() -> Config:
    """Return the ``ansible.cfg`` in force in the current directory."""
    return find_config(os.environ, here=Path.cwd(), root=collections_root())
