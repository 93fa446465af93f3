"""What there is to know of a verb besides its run: how it behaves and is shown, and where it acts."""

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
from vsa.command.options import said
from vsa.core import UsageError, collections_root

if TYPE_CHECKING:
    from vsa.ansible.report import HostResult

__all__ = ("Spec", "config", "confirm", "confirm_typed", "must_ask", "where")

Shown = Callable[[Mapping[str, "HostResult"]], Any]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a verb behaves and is shown.

    * ``name``: noun and verb as ``--json`` says them (``site.provision``).
    * ``single``: it acts on exactly one host.
    * ``anywhere``: it shows one thing, on whichever host has it; the others' refusals are then not worth a word.
    * ``shows``: for a verb that shows: what its hosts' payloads look like, as a renderable.
    * ``due``: where ``--exit-code`` was said: whether a host's payload has something that is due.
    * ``reveals``: a secret made here, by name, that is shown once, when the run has succeeded.
    * ``names``: the names in a payload that a shell should complete, by kind.
    """

    name: str
    single: bool = False
    anywhere: bool = False
    shows: Shown | None = None
    due: Callable[[Mapping[str, Any]], bool] | None = None
    reveals: Mapping[str, str] = field(default_factory=dict, repr=False)
    names: Callable[[Mapping[str, Any]], Mapping[str, list[str]]] | None = None


def where(context: click.Context) -> Where:
    """Return what the global options say of hosts and ways; the inventory is chosen here.

    Raises :class:`UsageError` where they contradict each other or there is no inventory.
    """
    told = said(context)
    inventory, local = None, bool(told.get("local"))
    for name in ("inventory", "limit"):
        if local and told.get(name):
            raise UsageError(
                "--local is this machine alone", field=f"--{name}", value=told[name], expected="one of the two"
            )
    if not local:
        inventory, local = chosen_inventory(
            told.get("inventory"), os.environ, config(), here=Path.cwd(), host_settings=HOST_SETTINGS
        )
    return Where(
        inventory=inventory,
        local=local,
        limit=told.get("limit"),
        check=bool(told.get("check")),
        diff=bool(told.get("diff")),
        verbosity=told.get("verbosity", 0),
    )


def must_ask(context: click.Context) -> bool:
    """Say whether there is a question to ask before something is destroyed: on a terminal, unless ``-y`` was said.

    Raises :class:`UsageError` where nobody can be asked.
    """
    told = said(context)
    if told.get("yes") or told.get("check"):
        return False
    if told.get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "this destroys something, and nobody can be asked", field="--yes", value="(not said)", expected="-y"
        )
    return True


def confirm(context: click.Context, question: str) -> None:
    """Ask before something is destroyed, where that is to be asked (:func:`must_ask`); ``click.Abort`` for a no."""
    if must_ask(context):
        click.confirm(question, abort=True, err=True)


def confirm_typed(question: str, word: str) -> None:
    """Ask for a name to be typed before data is destroyed; ``click.Abort`` where another is typed."""
    if click.prompt(question, err=True, default="", show_default=False).strip() != word:
        raise click.Abort


def config() -> Config:
    """Return the ``ansible.cfg`` in force for a verb that is called here."""
    return find_config(os.environ, here=Path.cwd(), root=collections_root())
