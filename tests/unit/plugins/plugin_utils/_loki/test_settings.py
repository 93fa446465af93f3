# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the settings of the push to Loki come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import LokiSettings, loki_settings


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path, tmp_path, tmp_path / "spool")


def test_without_a_url_nothing_is_sent(places: Places, tmp_path: Path) -> None:
    config = tmp_path / "ansible.cfg"
    config.write_text("[callback_audit]\nloki_auth_file = /etc/loki\n")
    assert loki_settings({}, config=None, places=places) is None
    assert loki_settings({"VSA_LOKI_AUTH_FILE": "/x"}, config=config, places=places) is None


def test_the_environment_comes_before_ansible_cfg(places: Places, tmp_path: Path) -> None:
    config = tmp_path / "ansible.cfg"
    config.write_text("[callback_audit]\nloki_url = https://cfg\nloki_ca_bundle = /etc/ca.pem\n")
    found = loki_settings({"VSA_LOKI_URL": "https://env"}, config=config, places=places)
    assert found == LokiSettings("https://env", None, Path("/etc/ca.pem"))
    assert loki_settings({}, config=config, places=places) == LokiSettings("https://cfg", None, Path("/etc/ca.pem"))


@pytest.mark.parametrize("content", [b"", b"no section\n", b"\xff\xfe", b"[callback_audit\n", b"[defaults]\nx = 1\n"])
def test_an_ansible_cfg_that_says_nothing_is_none(places: Places, tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "ansible.cfg"
    config.write_bytes(content)
    assert loki_settings({}, config=config, places=places) is None
    assert loki_settings({}, config=tmp_path / "gone.cfg", places=places) is None


def test_a_path_may_begin_at_home(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    environ = {"VSA_LOKI_URL": "https://l", "VSA_LOKI_AUTH_FILE": "~/.loki"}
    found = loki_settings(environ, config=None, places=places)
    assert found == LokiSettings("https://l", Path("/home/ops/.loki"), None)
