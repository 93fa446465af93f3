# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugin reads, hashes and compares on the controller, and how often it asks the host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.action.auth import ActionModule, hash_of, read_password, same_password
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import password_hash
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"x", "x"), (b"x\n", "x"), (b"x\r\n", "x"), (b" x ", " x "), ("é".encode() * 36, "é" * 36)],
)
def test_a_password_is_the_files_one_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "p").write_bytes(content)
    assert read_password(str(tmp_path / "p")) == expected


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"a\0", b"\xff", b"x" * 73, b"x" * 5000, b"x\n\n"])
def test_what_is_no_password_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(RefusedError) as caught:
        read_password(str(tmp_path / "p"))
    assert caught.value.value is None


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(RefusedError, match="No such file"):
        read_password("/nonexistent/p")
    with pytest.raises(UsageError):
        read_password(None)


def test_a_hash_is_bcrypts_own() -> None:
    made = hash_of("pässwörd 5")
    assert password_hash(made) == made
    assert made.startswith("$2y$10$")
    assert bcrypt.checkpw("pässwörd 5".encode(), made.replace("$2y$", "$2b$").encode())
    assert made != hash_of("pässwörd 5")
    assert same_password("pässwörd 5", made)
    assert not same_password("passwort", made)


def test_a_controller_without_the_library_is_told_what_pip_installs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("passlib", "passlib.exc", "passlib.hash"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "p").write_text("secret\n")
    task = _Task(domain="shop.example.com", user="alice", password_file=str(tmp_path / "p"))
    plugin = _Plugin(task, [])
    monkeypatch.setattr(ActionBase, "run", lambda *_args: None)
    result = plugin.run(task_vars={"ansible_play_hosts_all": ["vps-01"]})
    assert result["failed"]
    assert result["vsa_error"]["message"] == "the library passlib is missing on the controller, or does not work there"
    assert result["vsa_error"]["try"] == f"{sys.executable} -m pip install 'libpass>=1.9' 'bcrypt>=4.2'"
    assert plugin.calls == [], "nothing was asked of the host"


def test_a_passlib_that_cannot_hash_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # What passlib 1.7.4 does with bcrypt 5, of every password.
    def refuse(*_args: object, **_more: object) -> str:
        raise ValueError("password cannot be longer than 72 bytes, truncate manually if necessary")

    monkeypatch.setattr("bcrypt.hashpw", refuse)
    with pytest.raises(MissingLibraryError) as caught:
        hash_of("short")
    assert "pip uninstall passlib" in caught.value.details[0]


@pytest.mark.parametrize("present", ["", "x", "$apr1$x$y", "$2y$10$short", "{SHA}abc"])
def test_another_kind_of_hash_is_replaced(present: str) -> None:
    assert not same_password("x", present)


def test_a_hash_that_is_too_cheap_is_replaced() -> None:
    cheap = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
    assert not same_password("x", cheap)


class _Task:
    def __init__(self, **args: Any) -> None:
        self.args = args


class _Plugin(ActionModule):
    """The plugin with a host that answers what a test says; all else is its own."""

    def __init__(self, task: _Task, answers: list[dict[str, Any]]) -> None:
        self._task = task
        self._vars: dict[str, Any] = {}
        self.answers, self.calls = answers, []  # type: ignore[var-annotated]

    def _execute_module(self, *, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        self.calls.append(module_args)
        return self.answers.pop(0)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    (tmp_path / "p").write_text("s3cret\n")
    return str(tmp_path / "p")


def _plugin(secret: str, *answers: dict[str, Any], **more: Any) -> _Plugin:
    return _Plugin(_Task(domain="a.example.com", user="alice", password_file=secret, **more), list(answers))


def test_a_new_user_is_one_call_and_only_a_hash_travels(secret: str) -> None:
    plugin = _plugin(secret, {"changed": True})
    assert plugin._present() == {"changed": True}
    (call,) = plugin.calls
    assert same_password("s3cret", call["hash"])
    assert "s3cret" not in str({key: value for key, value in call.items() if key != "templates"})


def test_the_same_password_is_one_call_and_no_change(secret: str) -> None:
    plugin = _plugin(secret, {"changed": False, "present": hash_of("s3cret"), "protected": True})
    result = plugin._present()
    assert result["changed"] is False
    assert "$2" not in str(result)
    assert len(plugin.calls) == 1


def test_another_password_replaces_exactly_the_hash_that_was_seen(secret: str) -> None:
    present = hash_of("old")
    plugin = _plugin(secret, {"changed": False, "present": present, "protected": True}, {"changed": True})
    assert plugin._present() == {"changed": True}
    assert plugin.calls[1]["replaces"] == present
    assert plugin.calls[1]["hash"] == plugin.calls[0]["hash"]


def test_a_path_that_is_not_protected_yet_is_whoever_the_user_is(secret: str) -> None:
    present = hash_of("s3cret")
    plugin = _plugin(secret, {"changed": False, "present": present, "protected": False}, {"changed": True})
    plugin._present()
    assert (plugin.calls[1]["hash"], plugin.calls[1]["replaces"]) == (present, present)


def test_a_hash_that_moved_meanwhile_is_not_overwritten(secret: str) -> None:
    present = {"changed": False, "present": hash_of("old"), "protected": True}
    with pytest.raises(RefusedError, match="another run"):
        _plugin(secret, present, dict(present, present=hash_of("newer")))._present()


@pytest.mark.parametrize(("field", "value"), [("domain", "a"), ("user", "a:b"), ("route", "no")])
def test_words_are_checked_before_anything_runs(secret: str, field: str, value: str) -> None:
    plugin = _plugin(secret)
    plugin._task.args[field] = value
    with pytest.raises(RefusedError) as caught:
        plugin._present()
    assert caught.value.field == field
    assert plugin.calls == []
