# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that shows a result as lines."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.flowbiz.vsa.plugins.filter.shown import FilterModule, shown

WARNED = {"steps": [{"name": "files", "state": "warning", "text": "damaged\x1b", "notes": []}]}


def test_it_is_a_filter_by_its_name() -> None:
    assert FilterModule().filters() == {"shown": shown}


def test_a_list_with_what_the_module_remarked() -> None:
    assert shown({**WARNED, "sites": [{"domain": "a.example.com", "state": "ok"}]}, "site.list")[0::2] == [
        "! files: damaged\\x1b",
        "a.example.com  ok     —       —        —     —            —           —",
    ]


def test_an_export_can_be_read_back() -> None:
    sites = {"a.example.com": {"routes": [{"path": "/", "container": "web-1", "port": 3000}]}}
    lines = shown({**WARNED, "vsa_sites": sites, "unreadable": [{"domain": "b.example.com"}]}, "site.export")
    assert yaml.safe_load("\n".join(lines)) == {"vsa_sites": sites}
    assert "# Not exported: b.example.com" in lines


def test_an_unknown_verb_is_told() -> None:
    with pytest.raises(AnsibleFilterError, match="knows no verb"):
        shown({}, "site.fly")
