# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings for Loki: what is taken, what is refused, and that no refusal tells a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.http import SettingsError, Target


def _file(tmp_path: Path, content: bytes | str = "audit:secret-word\n", mode: int = 0o600) -> Path:
    path = tmp_path / "auth"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://127.0.0.1:3100", "/loki/api/v1/push"),
        ("http://127.0.0.1:3100/", "/loki/api/v1/push"),
        ("https://logs.example.com/prefix/", "/prefix/loki/api/v1/push"),
        ("https://logs.example.com/loki/api/v1/push", "/loki/api/v1/push"),
        ("http://[::1]:3100", "/loki/api/v1/push"),
    ],
)
def test_the_push_api_is_below_the_url(url: str, path: str) -> None:
    target = Target.of(url)
    assert (target.path, target.authorization) == (path, None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "logs.example.com",
        "ftp://logs.example.com",
        "file:///etc/passwd",
        "http://",
        "http://:3100",
        "http://logs.example.com:0",
        "http://logs.example.com:99999",
        "http://logs.example.com:x",
        "http://[::1",
        "https://user:secret-word@logs.example.com",
        "https://logs.example.com?token=secret-word",
        "https://logs.example.com#secret-word",
    ],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match="the URL of Loki") as refused:
        Target.of(url)
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    target = Target.of("https://logs.example.com", auth_file=_file(tmp_path, mode=mode))
    assert target.authorization == "Basic YXVkaXQ6c2VjcmV0LXdvcmQ="
    assert "secret-word" in target.secrets
    assert "secret-word" not in repr(target)


@pytest.mark.parametrize("mode", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o660, 0o666, 0o777])
def test_a_laxer_mode_is_refused(tmp_path: Path, mode: int) -> None:
    path = _file(tmp_path, mode=mode)
    with pytest.raises(SettingsError, match=f"has mode {mode:04o}, others may get at it; expected 0600"):
        Target.of("https://logs.example.com", auth_file=path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name, words in (("missing", "No such file"), ("folder", "Is a directory|not a regular"), ("fifo", "regular")):
        with pytest.raises(SettingsError, match=words):
            Target.of("https://logs.example.com", auth_file=tmp_path / name)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("", None),
        ("\n", None),
        ("two\nlines", None),
        ("user:pass\r\nX-Injected: yes", None),
        ("tab\there:pass", None),
        (" token", None),
        (b"\xff\xfe", None),
        ("no-colon", "basic"),
        ("tok en", "bearer"),
        ("user:pass", "bearer"),
        ("tökén", None),
    ],
)
def test_content_of_another_form_is_refused_without_showing_it(
    tmp_path: Path, content: str | bytes, kind: str | None
) -> None:
    with pytest.raises(SettingsError) as refused:
        Target.of("https://logs.example.com", auth_file=_file(tmp_path, content), auth=kind)
    for word in ("Injected", "no-colon", "tok en", "pass", "tökén"):
        assert word not in str(refused.value).replace("user:password", "")


@pytest.mark.parametrize("url", ["http://logs.example.com", "http://10.0.0.4:3100", "http://127.0.0.1.example.com"])
def test_credentials_do_not_travel_in_the_clear(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="in the clear"):
        Target.of(url, auth_file=_file(tmp_path))
    assert Target.of(url).authorization is None


@pytest.mark.parametrize("url", ["http://localhost:3100", "http://127.0.0.1:3100", "http://[::1]:3100"])
def test_to_this_machine_itself_they_may(tmp_path: Path, url: str) -> None:
    assert Target.of(url, auth_file=_file(tmp_path)).authorization is not None


def test_a_ca_bundle_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(SettingsError, match=r"the CA bundle .* cannot be used"):
            Target.of("https://logs.example.com", ca_bundle=tmp_path / name)
