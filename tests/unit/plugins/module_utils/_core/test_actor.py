# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who started a run: from the environment of the process, and from the option of a module."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import (
    Actor,
    actor_from_environment,
    actor_from_option,
)


@pytest.mark.parametrize(
    ("login", "environ", "expected"),
    [
        ("ana", {}, Actor("ana", None, "ws")),
        ("root", {"SUDO_USER": "ana"}, Actor("root", "ana", "ws")),
        ("root", {"SUDO_USER": ""}, Actor("root", None, "ws")),
        # sudo to oneself
        ("ana", {"SUDO_USER": "ana"}, Actor("ana", None, "ws")),
        ("ana", {"SSH_CLIENT": "192.0.2.7 51234 22"}, Actor("ana", None, "ws", "192.0.2.7")),
        ("ana", {"SSH_CONNECTION": "2001:db8::1 51234 2001:db8::2 22"}, Actor("ana", None, "ws", "2001:db8::1")),
        (
            "ana",
            {"SSH_CLIENT": "192.0.2.7 1 2", "SSH_CONNECTION": "192.0.2.8 1 2"},
            Actor("ana", None, "ws", "192.0.2.7"),
        ),
        ("root", {"SUDO_USER": "ana", "SSH_CLIENT": "192.0.2.7"}, Actor("root", "ana", "ws", "192.0.2.7")),
        # what others set in the environment says nothing
        ("ana", {"USER": "bob", "LOGNAME": "bob", "SUDO_UID": "0"}, Actor("ana", None, "ws")),
    ],
)
def test_who_runs_a_process(login: str, environ: dict[str, str], expected: Actor) -> None:
    assert actor_from_environment(environ, login=login, controller="ws") == expected


@pytest.mark.parametrize(
    ("login", "claimed", "callers", "sudo_user"),
    [
        ("root", "ana", ["root", "ana", "ana", "root"], "ana"),
        ("root", "bob", ["root", "ana", "ana", "root"], "ana"),
        ("root", None, ["root", "ana", "root"], "ana"),
        ("root", "bob", ["root", "root"], None),
        ("ana", "bob", ["ana", "root"], None),
        ("ana", "root", ["ana"], None),
        ("deploy", "ana", ["root", "ana", "root"], "ana"),
        ("deploy", "root", ["root", "root"], "root"),
        ("deploy", "bob", ["root", "root"], None),
        ("root", "ana", None, "ana"),
    ],
)
def test_nobody_forges_who_called_sudo(
    login: str, claimed: str | None, callers: list[str] | None, sudo_user: str | None
) -> None:
    environ = {"SUDO_USER": claimed} if claimed else {}
    actor = actor_from_environment(environ, login=login, controller="ws", callers=callers)
    assert (actor.user, actor.sudo_user) == (login, sudo_user)


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        (Actor(), "unknown"),
        (Actor("ana"), "ana"),
        (Actor("ana", None, "ws"), "ana@ws"),
        (Actor("root", "ana", "ws"), "root@ws (sudo by ana)"),
        (Actor("root", "ana"), "root (sudo by ana)"),
        (Actor("ana", None, "ws", "192.0.2.7"), "ana@ws"),
    ],
)
def test_what_the_history_shows(actor: Actor, text: str) -> None:
    assert actor.displayed == text


def test_an_actor_passes_through_the_option_of_a_module() -> None:
    actor = Actor("root", "ana", "ws")
    assert actor_from_option(actor.as_option()) == actor


@pytest.mark.parametrize("option", [None, {}, {"user": None, "sudo_user": None, "controller": None}, {"user": ""}])
def test_a_module_that_was_told_nobody(option: dict[str, str | None] | None) -> None:
    assert actor_from_option(option) == Actor("unknown")
