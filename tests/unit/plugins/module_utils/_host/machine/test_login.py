# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this process: what the system knows, whatever the environment claims."""

from __future__ import annotations

import os
import pwd
import socket

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.login import current_actor


def test_the_user_is_the_one_that_the_system_knows() -> None:
    login = pwd.getpwuid(os.getuid()).pw_name
    assert current_actor({"USER": "mallory", "LOGNAME": "mallory"}) == Actor(login, None, socket.gethostname())
    assert current_actor({"SUDO_USER": "ana"}).sudo_user == "ana"


def test_a_user_without_an_entry_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 123_456_789)
    assert current_actor({}).user == "123456789"
