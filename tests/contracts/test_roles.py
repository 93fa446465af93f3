"""A role has one contract in three views, and its task files are short and carry their owner's name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import manifest as site

import vsa_tree

ROLES = vsa_tree.roles()
TASK_FILES = [path for role in ROLES for path in vsa_tree.below(f"roles/{role}/tasks", ".yml")]
EVERY_TASK_FILE = [*TASK_FILES, *vsa_tree.below("playbooks", ".yml")]


def defaults(role: str) -> dict[str, Any]:
    return vsa_tree.data(Path("roles") / role / "defaults/main.yml") or {}


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return the options of all entry points of a role. An option of two entry points must be the same in both."""
    merged: dict[str, dict[str, Any]] = {}
    for spec in vsa_tree.entry_points(role).values():
        for name, option in (spec.get("options") or {}).items():
            if name in merged:
                same = {key: merged[name].get(key) for key in ("type", "default", "choices", "elements")}
                assert same == {key: option.get(key) for key in same}, f"{role}: {name} differs between entry points"
            merged.setdefault(name, option)
    return merged


def test_there_are_roles() -> None:
    assert ROLES
    assert TASK_FILES


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_agree(role: str) -> None:
    optional = {name: spec for name, spec in options(role).items() if not spec.get("required")}
    # A template is no list and no dictionary, so the spec of such an option cannot name its default.
    computed = {name for name, spec in optional.items() if spec.get("elements") == "dict" and "default" not in spec}
    found = {name: None if name in computed and "{{" in str(value) else value for name, value in defaults(role).items()}
    assert found == {name: spec.get("default") for name, spec in optional.items()}


@pytest.mark.parametrize("role", ROLES)
def test_a_required_option_has_no_default(role: str) -> None:
    required = {name for name, spec in options(role).items() if spec.get("required")}
    assert not required & set(defaults(role))
    assert not {name for name in required if "default" in options(role)[name]}


def every_option(spec: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, option in (spec.get("options") or {}).items():
        yield f"{at}.{name}", option
        yield from every_option(option, f"{at}.{name}")


@pytest.mark.parametrize("role", ROLES)
def test_an_option_is_specified_to_the_leaf(role: str) -> None:
    for entry, spec in vsa_tree.entry_points(role).items():
        assert spec.get("short_description"), f"{role}.{entry} has no short description"
        for at, option in every_option(spec, entry):
            assert option.get("description"), f"{role}: {at} has no description"
            assert option.get("type"), f"{role}: {at} has no type"
            if option["type"] == "list":
                assert option.get("elements"), f"{role}: {at} does not say what its elements are"


def test_a_declared_site_is_specified_with_every_field_of_a_manifest() -> None:
    declared = vsa_tree.entry_points("site")["apply"]["options"]["site_declared"]["options"]
    manifest = declared["manifest"]["options"]
    assert set(manifest) == {"schema", *site.FIELDS}
    assert set(manifest["routes"]["options"]) == {field.name for field in dataclasses.fields(site.Route)}
    settings = vsa_tree.entry_points("site")["apply"]["options"]["site_settings"]["options"]
    assert set(settings) == {field.name for field in dataclasses.fields(Settings)} - {"ca_bundle"}
    handed = vsa_tree.data(Path("playbooks/site/apply.yml"))[0]["vars"]["site_settings"]
    assert handed == {name: f"{{{{ bootstrap_{name} | default(none) }}}}" for name in handed}
    assert set(handed) == set(settings)


@pytest.mark.parametrize("role", ROLES)
def test_names_carry_their_owner(role: str) -> None:
    for name in options(role):
        assert name.startswith(f"{role}_"), f"{role}: the public name {name} does not start with {role}_"
    for path in vsa_tree.below(f"roles/{role}/vars", ".yml"):
        for name in vsa_tree.data(path) or {}:
            assert name.startswith(f"__{role}_"), f"{path}: the internal name {name} does not start with __{role}_"
    for path in vsa_tree.below(f"roles/{role}/tasks", ".yml"):
        for task in vsa_tree.tasks_of(vsa_tree.data(path)):
            made = [task["register"]] if "register" in task else []
            made += [name for key in task if key.endswith("set_fact") for name in task[key] if name != "cacheable"]
            made += [task["loop_control"]["loop_var"]] if "loop_var" in task.get("loop_control", {}) else []
            for name in made:
                assert name.startswith(f"__{role}_"), f"{path}: {name} does not start with __{role}_"


def called_from_outside() -> set[tuple[str, str]]:
    """Return (role, task file) of each call of a role by playbooks and other roles."""
    found: set[tuple[str, str]] = set()
    for path in EVERY_TASK_FILE:
        for play in vsa_tree.data(path) or []:
            for entry in play.get("roles", []):
                name = entry["role"] if isinstance(entry, dict) else entry
                found.add((name.removeprefix("flowbiz.vsa."), "main"))
        for task in vsa_tree.tasks_of(vsa_tree.data(path)):
            for key in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
                if key in task:
                    assert task[key]["name"].startswith("flowbiz.vsa."), f"{path}: roles are named in full"
                    found.add((task[key]["name"].removeprefix("flowbiz.vsa."), task[key].get("tasks_from", "main")))
    return found


def test_what_is_called_from_outside_is_an_entry_point() -> None:
    calls = called_from_outside()
    assert calls
    for role, entry in sorted(calls):
        assert role in ROLES, f"no role is named {role}"
        assert entry in vsa_tree.entry_points(role), f"{role}: {entry} is called from outside and has no argument spec"


@pytest.mark.parametrize("role", ROLES)
def test_an_entry_point_is_a_task_file(role: str) -> None:
    for entry in vsa_tree.entry_points(role):
        assert Path(f"roles/{role}/tasks/{entry}.yml") in TASK_FILES, f"{role}: {entry} is specified and does not exist"


@pytest.mark.parametrize("path", TASK_FILES, ids=str)
def test_a_task_file_is_short(path: Path) -> None:
    limit = 60 if path.name == "main.yml" else 80
    lines = len(vsa_tree.text(path).splitlines())
    assert lines <= limit, f"{path} has {lines} lines, at most {limit}"


@pytest.mark.parametrize("path", EVERY_TASK_FILE, ids=str)
def test_a_task_does_not_shell_out(path: Path) -> None:
    for task in vsa_tree.tasks_of(vsa_tree.data(path)):
        for action in ("shell", "command", "raw", "script"):
            for key in (action, f"ansible.builtin.{action}"):
                if key not in task:
                    continue
                where = f"{path}: {task.get('name')!r}"
                assert action in {"command", "raw"}, f"{where} uses {action}"
                if action == "command":
                    assert set(task[key]) >= {"argv"}, f"{where}: command only with argv"
                    assert "changed_when" in task, f"{where}: say when it changed something"
                else:
                    assert path == Path("roles/bootstrap/tasks/python.yml"), f"{where}: the one raw task is bootstrap's"


def test_there_is_one_raw_task() -> None:
    raw = [
        path
        for path in EVERY_TASK_FILE
        for task in vsa_tree.tasks_of(vsa_tree.data(path))
        if "raw" in task or "ansible.builtin.raw" in task
    ]
    assert raw == [Path("roles/bootstrap/tasks/python.yml")]


@pytest.mark.parametrize("path", TASK_FILES, ids=str)
def test_platforms_are_data(path: Path) -> None:
    for task in vsa_tree.tasks_of(vsa_tree.data(path)):
        conditions = str(task.get("when", ""))
        found = re.search(r"ansible_(facts\W+)?(os_family|distribution)", conditions)
        assert not found, (
            f"{path}: {task.get('name')!r} decides by platform; put the difference into vars/<platform>.yml"
        )


@pytest.mark.parametrize("path", EVERY_TASK_FILE, ids=str)
def test_a_task_has_a_name(path: Path) -> None:
    for task in vsa_tree.tasks_of(vsa_tree.data(path)):
        name = task.get("name")
        assert name, f"{path}: a task without a name"
        assert name[0].isupper(), f"{path}: {name!r} starts with a capital"
