# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin reads of a stack's folder, and how the folder and variables are handed to the module."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.action import stack
from ansible_collections.flowbiz.vsa.plugins.action.stack import ActionModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File, StackFile, unpack


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with one stack."""
    folder = tmp_path / "app"
    for name, content in (
        ("stack.yml", b"schema: 1\n"),
        ("compose.yml", b"services: {}\n"),
        (".env.example", b"A=\n"),
        (".env", b"A=1\n"),
        ("bin/run.sh", b"exit 0\n"),
        ("bin/.hidden", b"x"),
        ("logo.png", b"\xff\xfe"),
        (".git/config", b"x"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "bin/run.sh").chmod(0o755)
    return tmp_path


class Plugin(ActionModule):
    """The plugin with a host that has an archive or not; ``calls`` are the options of each call of the module."""

    def __init__(self, task: dict[str, Any], *, has: bool = False, inventory: Path | None = None) -> None:
        self._task = SimpleNamespace(args=task)
        self._vars = {"inventory_dir": str(inventory)} if inventory else {}
        self.calls: list[dict[str, Any]] = []
        self.has = has
        self.archive = b""

    def execute(self, **more: Any) -> dict[str, Any]:
        self.calls.append({**self.arguments(), **more})
        return {"changed": True} if self.has or "archive" in more else {"archive_needed": True}

    def _sent(self, archive: bytes) -> str:
        self.archive = archive
        return "/tmp/stack.tar"


def sent(**task: Any) -> dict[str, File]:
    """Return the files that the plugin sends."""
    plugin = Plugin(task)
    assert plugin.act() == {"changed": True}
    return unpack(plugin.archive)


def test_every_file_travels_as_it_is(source: Path) -> None:
    files = sent(name="app", source=str(source))
    assert sorted(files) == [
        ".env",
        ".env.example",
        "bin/.hidden",
        "bin/run.sh",
        "compose.yml",
        "logo.png",
        "stack.yml",
    ]
    assert files["bin/run.sh"] == StackFile(b"exit 0\n", executable=True)
    assert files["logo.png"] == StackFile(b"\xff\xfe")


def test_the_archive_is_sent_only_if_the_host_lacks_it(source: Path) -> None:
    plugin = Plugin({"name": "app", "source": str(source)})
    plugin.act()
    digest = hashlib.sha256(plugin.archive).hexdigest()
    assert [(call["archive_sha256"], call.get("archive")) for call in plugin.calls] == [
        (digest, None),
        (digest, "/tmp/stack.tar"),
    ]
    again = Plugin({"name": "app", "source": str(source)}, has=True)
    again.act()
    assert [call["archive_sha256"] for call in again.calls] == [digest]
    assert again.archive == b""


def test_the_files_that_the_host_has_need_no_folder() -> None:
    plugin = Plugin({"name": "app", "kept": True}, has=True)
    plugin.act()
    assert plugin.calls == [{"env": None}]


@pytest.mark.parametrize(("state", "expected"), [("rolled", True), ("verified", False), ("present", False)])
def test_only_a_rolling_update_gets_the_templates(state: str, expected: bool) -> None:
    assert Plugin({"name": "app", "state": state}).needs_templates() is expected


def test_no_file_is_an_option_of_the_module(source: Path) -> None:
    plugin = Plugin({"name": "app", "source": str(source)})
    plugin.act()
    assert "services" not in str(plugin.calls)


def test_without_a_source_the_collections_own_stacks() -> None:
    assert {"stack.yml", "compose.yml", ".env.example", "bin/nginx.sh"} <= set(sent(name="reverse-proxy"))


def test_a_stack_gets_a_copy_of_the_core_where_it_asks_for_one(source: Path) -> None:
    (source / "app/stack.yml").write_text("schema: 1\ncore: src/core\n")
    files = sent(name="app", source=str(source))
    core = {path.removeprefix("src/core/") for path in files if path.startswith("src/core/")}
    assert {"__init__.py", "errors.py", "agent/beat.py", "audit/record.py"} <= core
    assert not [path for path in core if not path.endswith(".py")]
    assert {path for path in files if not path.startswith("src/core/")} == {
        ".env", ".env.example", "bin/.hidden", "bin/run.sh", "compose.yml", "logo.png", "stack.yml",
    }  # fmt: skip


@pytest.mark.parametrize(("said", "error"), [("bin", "has a file there"), ("../x", "path"), ("/x", "path")])
def test_the_copy_of_the_core_replaces_nothing(source: Path, said: str, error: str) -> None:
    (source / "app/stack.yml").write_text(f"schema: 1\ncore: {said}\n")
    with pytest.raises(RefusedError, match=error) as caught:
        sent(name="app", source=str(source))
    assert caught.value.field == "stack.yml/core"


def test_the_host_judges_a_manifest_that_is_no_yaml(source: Path) -> None:
    (source / "app/stack.yml").write_text("core: [")
    assert "stack.yml" in sent(name="app", source=str(source))


def test_a_folder_with_a_compose_file_alone(source: Path) -> None:
    (source / "app/stack.yml").unlink()
    assert "compose.yml" in sent(name="app", source=str(source))


def called(task: dict[str, Any], inventory: Path | None = None) -> dict[str, Any]:
    """Return the options of the last call of the module."""
    plugin = Plugin(task, inventory=inventory)
    plugin.act()
    return plugin.calls[-1]


def test_only_the_collections_own_stacks_are_its_own(source: Path) -> None:
    own = Path(__file__).resolve().parents[4] / "stacks"
    for task, expected in (
        ({"name": "reverse-proxy"}, True),
        ({"name": "reverse-proxy", "source": str(own / "../stacks")}, True),
        ({"name": "app", "source": str(source), "own": True}, False),
    ):
        assert called(task)["own"] is expected


def test_a_stack_beside_the_inventory(source: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "fleet"
    inventory.mkdir()
    (source / "app").rename(inventory / "app")
    (inventory / "stacks").mkdir()
    (inventory / "app").rename(inventory / "stacks/app")
    for task, typed in (({"name": "app"}, False), ({"name": "app", "source": str(inventory / "stacks")}, True)):
        found = called(task, inventory)
        assert found["origin"] == {"kind": "inventory", "place": str(inventory / "stacks"), "typed": typed}
        assert (found["own"], found["also"]) == (False, [])
    with pytest.raises(RefusedError) as refused:
        called({"name": "other"}, inventory)
    assert refused.value.there_are is not None
    assert {"app", "reverse-proxy"} <= set(refused.value.there_are)


def test_the_collection_comes_first_and_the_other_one_is_named(source: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "fleet"
    (inventory / "stacks").mkdir(parents=True)
    (source / "app").rename(inventory / "stacks/reverse-proxy")
    found = called({"name": "reverse-proxy"}, inventory)
    assert (found["own"], found["origin"]["kind"]) == (True, "collection")
    assert found["also"] == [f"{inventory}/stacks beside the inventory"]
    named = called({"name": "reverse-proxy", "source": str(inventory / "stacks")}, inventory)
    assert (named["own"], named["origin"]["kind"], named["also"]) == (False, "inventory", [])


def test_a_stack_that_is_not_there(source: Path) -> None:
    (source / "no-stack").mkdir()
    with pytest.raises(RefusedError) as refused:
        sent(name="no-stack", source=str(source))
    assert refused.value.there_are == ["app"]
    for nowhere in (str(source / "nowhere"), f"/{'x' * 256}"):
        with pytest.raises(RefusedError, match="there is no such stack"):
            sent(name="app", source=nowhere)


@pytest.mark.parametrize("name", ["../app", "", None, "App"])
def test_a_name_that_is_no_name(source: Path, name: object) -> None:
    with pytest.raises(RefusedError, match="this is not a stack's name"):
        sent(name=name, source=str(source))


@pytest.mark.parametrize("target", ["/etc/passwd", "compose.yml", "/etc"])
def test_a_link_is_refused_and_not_left_out(source: Path, target: str) -> None:
    (source / "app/link").symlink_to(target)
    with pytest.raises(RefusedError, match="neither a file nor a directory") as refused:
        sent(name="app", source=str(source))
    assert refused.value.value == "app/link"


def test_a_file_of_several_mebibytes_travels(source: Path) -> None:
    (source / "app/film.webm").write_bytes(b"\x00\xff" * (1 << 20))
    assert sent(name="app", source=str(source))["film.webm"] == StackFile(b"\x00\xff" * (1 << 20))


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_BYTES_OF_FILE"])
def test_a_stack_that_is_too_large(source: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(stack, limit, 13)
    (source / "app/file").write_bytes(b"x" * 14)
    with pytest.raises(RefusedError, match="the stack is too large"):
        sent(name="app", source=str(source))


@pytest.mark.parametrize(("env", "handed"), [({"A": "1"}, '{"A": "1"}'), ({}, None), (None, None)])
def test_variables_are_one_text(env: dict[str, str] | None, handed: str | None) -> None:
    made = Plugin({"name": "app", "state": "verified", "env": env})
    made._vars = {"vsa_door": "command"}
    assert made.arguments() == {"env": handed}


def test_words_of_compose_are_one_text() -> None:
    told = Plugin({"name": "app", "state": "verified", "failure": "it failed", "complaint": "no", "details": []})
    assert told.arguments() == {"env": None, "failure": '"it failed"', "complaint": '"no"', "details": None}


@pytest.mark.parametrize(
    ("door", "words", "typed"),
    [
        ({}, ('{"stack_env": {"KEY": "s", "TAG": "2"}}',), ["KEY", "TAG"]),
        ({}, ("@/root/env.yml",), []),
        ({"vsa_door": "command"}, ('{"stack_env": {"KEY": "s"}}',), None),
    ],
)
def test_issue_15_a_variable_that_was_typed_at_ansibles_door_is_named(
    monkeypatch: pytest.MonkeyPatch, door: dict[str, str], words: tuple[str, ...], typed: list[str] | None
) -> None:
    """The module refuses a secret that others can see on the command line. The command says itself what was typed."""
    monkeypatch.setattr(stack.context, "CLIARGS", {"extra_vars": words})
    plugin = Plugin({"name": "app", "state": "present", "env": {"KEY": "s", "TAG": "2"}})
    plugin._vars = dict(door)
    assert plugin.arguments().get("env_typed") == typed
