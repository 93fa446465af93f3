# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who started a run. The audit callback, the action plugins and the wrapper all ask this file.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ("Actor", "actor_from_environment", "actor_from_option")

_UNKNOWN = "unknown"
_ROOT = "root"


@dataclass(frozen=True)
class Actor:
    """Who started a run, and where.

    ``user`` is the login that the run has, ``sudo_user`` the user who called sudo for it, ``controller`` the name of
    the machine that the run was started on, ``ssh_client`` the address that the user's SSH session came from.
    """

    user: str = _UNKNOWN
    sudo_user: str | None = None
    controller: str | None = None
    ssh_client: str | None = None

    @property
    def displayed(self) -> str:
        """Return the actor as generation.json and the history show it: ``root@laptop (sudo by ana)``."""
        text = self.user
        if self.controller:
            text = f"{text}@{self.controller}"
        if self.sudo_user:
            text = f"{text} (sudo by {self.sudo_user})"
        return text

    def as_option(self) -> dict[str, str | None]:
        """Return the actor as the option ``actor`` of a module."""
        return {"user": self.user, "sudo_user": self.sudo_user, "controller": self.controller}


def actor_from_environment(
    environ: Mapping[str, str],
    *,
    login: str,
    controller: str,
    callers: Sequence[str] | None = None,
    ssh_peers: Sequence[str] | None = None,
) -> Actor:
    """Return who runs this process.

    ``login`` is the name of the process's user. ``callers`` are the users of the processes that started this one, the
    nearest first, as the kernel says; None if the kernel does not say. Anybody can set SUDO_USER, so the variable
    counts only if the kernel does not say. The same holds for SSH_CLIENT and ``ssh_peers``, the other ends of the SSH
    sessions above this process.
    """
    caller = environ.get("SUDO_USER")
    if callers is not None:
        caller = next((name for name in callers if name not in (login, _ROOT)), _root_of(caller, callers))
    connection = environ.get("SSH_CLIENT") or environ.get("SSH_CONNECTION") or ""
    if ssh_peers is not None:
        connection = ssh_peers[0] if ssh_peers else ""
    return Actor(
        user=login,
        sudo_user=caller if caller and caller != login else None,
        controller=controller,
        ssh_client=connection.split(" ")[0] or None,
    )


def _root_of(caller: str | None, callers: Sequence[str]) -> str | None:
    """Return root if root called sudo for another user, as the variable and the kernel both say."""
    return caller if caller == _ROOT and _ROOT in callers else None


def actor_from_option(option: Mapping[str, str | None] | None) -> Actor:
    """Return the actor that a module was given; the user is ``unknown`` if nobody is named."""
    option = option or {}
    return Actor(
        user=option.get("user") or _UNKNOWN,
        sudo_user=option.get("sudo_user"),
        controller=option.get("controller"),
    )
