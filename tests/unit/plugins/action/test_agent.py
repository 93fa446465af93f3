# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugin of the agent reads on the controller, and what it hands over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.action.agent import ActionModule, read_token
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError

TOKEN = "vsa1.vps-01.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", " \n"])
def test_a_token_is_the_files_one_line(tmp_path: Path, ending: str) -> None:
    (tmp_path / "t").write_text(f"{TOKEN}{ending}", encoding="ascii")
    assert read_token(str(tmp_path / "t")) == TOKEN


@pytest.mark.parametrize("content", [b"", b"\n", TOKEN[:-1].encode(), b"\xff" * 60, f"{TOKEN}\n{TOKEN}".encode()])
def test_what_is_no_token_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(RefusedError) as refused:
        read_token(str(tmp_path / "t"))
    assert refused.value.field == "token_file"
    assert TOKEN[20:40] not in str(refused.value.as_result())


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(RefusedError, match="No such file"):
        read_token("/nonexistent/t")
    with pytest.raises(UsageError):
        read_token(None)


def plugin(**args: Any) -> ActionModule:
    made: ActionModule = object.__new__(ActionModule)
    made._task = SimpleNamespace(args=args)
    return made


def test_only_a_registration_needs_the_token(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(TOKEN, encoding="ascii")
    made = plugin(hub_url="https://HUB.example.com/api", token_file=str(tmp_path / "t"))
    assert made.arguments() == {"hub_url": "https://hub.example.com", "token": TOKEN}
    assert made.default_verb() == "agent.register"
    for state, verb in (("started", "agent.start"), ("stopped", "agent.stop"), ("absent", "agent.unregister")):
        assert plugin(state=state).arguments() == {}
        assert plugin(state=state).default_verb() == verb
