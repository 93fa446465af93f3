# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a verb that reads, as lines, and when it is printed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleError
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action import shown
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.shown import result_lines, show_result

WARNED = {"steps": [{"name": "files", "state": "warning", "text": "damaged\x1b", "notes": []}]}
SITES = {**WARNED, "sites": [{"domain": "a.example.com", "state": "ok", "problems": ["\x1b[2J"]}]}
PLAY = {"inventory_hostname": "web-1", "vsa_shows": "site.list"}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    class Display:
        def display(self, text: str) -> None:
            texts.append(text)

    monkeypatch.setattr(shown, "Display", Display)
    return texts


def test_a_list_with_what_the_module_remarked() -> None:
    assert result_lines(SITES, "site.list")[0::2] == [
        "! files: damaged\\x1b",
        "a.example.com  ok     —       —        —     —            —           —",
    ]


def test_an_export_can_be_read_back() -> None:
    sites = {"a.example.com": {"routes": [{"path": "/", "container": "web-1", "port": 3000}]}}
    lines = result_lines({**WARNED, "vsa_sites": sites, "unreadable": [{"domain": "b.example.com"}]}, "site.export")
    assert yaml.safe_load("\n".join(lines)) == {"vsa_sites": sites}
    assert "# Not exported: b.example.com" in lines


def test_an_unknown_verb_is_told() -> None:
    with pytest.raises(AnsibleError, match="names no verb"):
        result_lines({}, "site.fly")


def test_the_lines_are_printed_once_with_the_host(printed: list[str]) -> None:
    assert show_result(SITES, PLAY)
    (text,) = printed
    assert text.split("\n")[:2] == ["[web-1]", "! files: damaged\\x1b"]
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("result", "more", "callback", "shows"),
    [
        ({}, {}, "ansible.builtin.default", True),
        ({}, {}, "awx_display", True),
        # The callback prints the whole result itself, and its output is one JSON document.
        ({}, {}, "ansible.posix.json", None),
        ({}, {}, "ansible.posix.jsonl", None),
        # Ansible tells what failed, and the command shows its own tables.
        ({"failed": True, "msg": "no such site"}, {}, "default", None),
        ({"skipped": True}, {}, "default", None),
        ({}, {"vsa_door": "command"}, "default", False),
        ({}, {"vsa_shows": None}, "default", False),
    ],
)
def test_when_the_lines_are_printed(
    printed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    result: dict[str, Any],
    more: dict[str, Any],
    callback: str,
    shows: bool | None,
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", callback)
    assert show_result({**SITES, **result}, {**PLAY, **more}) is (shows is not False)
    assert bool(printed) is (shows is True)
