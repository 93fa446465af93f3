"""A module is an adapter, documented, in the action group, and runs on what a managed host has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

import vsa_tree

MODULES = vsa_tree.modules()
# The documentation fragments whose options an action plugin fills in, and the text in the plugin that does it.
FILLED_IN = {
    "flowbiz.vsa.run": "verb: ClassVar",
    "flowbiz.vsa.templates": "templates: ClassVar[bool] = True|def needs_templates",
}
PLUGINS = vsa_tree.below("plugins", ".py")
HEADER = re.compile(
    r"\A(#!/usr/bin/python\n)?# Copyright \(c\) \d{4} flowbiz\n# GNU General Public License v3\.0-or-later .*\n"
    r"# SPDX-License-Identifier: GPL-3\.0-or-later\n"
)


def path_of(module: str) -> Path:
    return Path("plugins/modules") / f"{module}.py"


def documentation(module: str) -> dict[str, object]:
    tree = ast.parse(vsa_tree.text(path_of(module)))
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    return {name: yaml.safe_load(values[name]) for name in ("DOCUMENTATION", "EXAMPLES", "RETURN")}


def test_there_are_modules() -> None:
    assert MODULES, "plugins/modules is empty: every other test of this file would pass for nothing"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_an_adapter(module: str) -> None:
    lines = vsa_tree.code_lines(path_of(module))
    assert lines <= 60, f"{path_of(module)} has {lines} lines of code; move what it does to module_utils (at most 60)"


def test_every_module_is_in_the_action_group() -> None:
    group = vsa_tree.data(Path("meta/runtime.yml"))["action_groups"]["vsa"]
    assert sorted(group) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_documents_what_it_does(module: str) -> None:
    docs = documentation(module)
    described = docs["DOCUMENTATION"]
    assert isinstance(described, dict)
    assert described["module"] == module
    assert docs["EXAMPLES"], f"{module} has no example"
    assert docs["RETURN"], f"{module} does not say what it returns"
    tasks = vsa_tree.tasks_of(docs["EXAMPLES"])
    assert any(f"flowbiz.vsa.{module}" in task for task in tasks), f"no example of {module} calls it by its full name"
    assert all("name" in task for task in tasks)


def fragments(module: str) -> list[str]:
    """Return the documentation fragments that a module uses and an action plugin fills in."""
    described = documentation(module)["DOCUMENTATION"]
    assert isinstance(described, dict)
    used = described.get("extends_documentation_fragment", [])
    return [name for name in FILLED_IN if name in used]


def test_some_modules_need_an_action_plugin() -> None:
    assert any(fragments(module) for module in MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_shared_option_is_documented_by_its_fragment(module: str) -> None:
    source = vsa_tree.text(path_of(module))
    for spec, fragment in (("RUN_SPEC", "flowbiz.vsa.run"), ("TEMPLATES_SPEC", "flowbiz.vsa.templates")):
        if spec in source:
            assert fragment in fragments(module), f"{module} uses {spec} without the documentation fragment {fragment}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_with_run_or_template_options_has_its_action_plugin(module: str) -> None:
    path = Path("plugins/action") / f"{module}.py"
    for fragment in fragments(module):
        assert path in vsa_tree.files(), f"{path} is missing: nothing fills in the options of {fragment}"
        ways = FILLED_IN[fragment].split("|")
        assert any(way in vsa_tree.text(path) for way in ways), f"{path} fills in nothing of {fragment}: {ways}"


@pytest.mark.parametrize("path", vsa_tree.below("plugins/action", ".py"), ids=str)
def test_an_action_plugin_is_the_base_class_with_its_module(path: Path) -> None:
    assert path.stem in MODULES, f"{path} belongs to no module"
    classes = {node.name: node for node in ast.parse(vsa_tree.text(path)).body if isinstance(node, ast.ClassDef)}
    assert "ActionModule" in classes, f"{path} defines no ActionModule"
    bases = [ast.unparse(base) for base in classes["ActionModule"].bases]
    assert bases == ["VsaAction"], f"{path}: ActionModule derives from VsaAction (plugin_utils/_action/base.py) alone"
    values = {
        node.target.id: ast.literal_eval(node.value)
        for node in classes["ActionModule"].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }
    assert values.get("module") == f"flowbiz.vsa.{path.stem}", f"{path} names another module than its own"
    verb = values.get("verb")
    # Empty if the module itself knows the verb by its state, None if the module has no options about the run.
    assert not verb or str(verb).replace(".", " ") in vsa_tree.verbs(), f"{path}: {verb} is no verb"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_supports_check_mode(module: str) -> None:
    assert "supports_check_mode=True" in vsa_tree.text(path_of(module))


@pytest.mark.parametrize("module", [name for name in MODULES if name.endswith("_info")])
def test_a_reading_module_says_that_it_changes_nothing(module: str) -> None:
    assert "changed=True" not in vsa_tree.text(path_of(module))


@pytest.mark.parametrize("path", PLUGINS, ids=str)
def test_a_plugin_file_has_the_header_and_no_surprise(path: Path) -> None:
    source = vsa_tree.text(path)
    if path.name == "__init__.py":
        assert source == "", "__init__.py files are empty: nothing is re-exported"
        return
    assert HEADER.match(source), f"{path}: copyright, licence and SPDX lines first"
    assert "from __future__ import annotations" in source


@pytest.mark.parametrize("path", [p for p in PLUGINS if "module_utils" in p.parts and p.name != "__init__.py"], ids=str)
def test_a_util_says_what_is_public(path: Path) -> None:
    tree = ast.parse(vsa_tree.text(path))
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    ]
    assert len(listed) == 1, f"{path} has no __all__"
    assert ast.get_docstring(tree), f"{path} has no docstring"
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for name in listed[0]:
        if name in defined:
            assert ast.get_docstring(defined[name]), f"{path}: {name} is public and has no docstring"
    unlisted = [name for name in defined if not name.startswith("_") and name not in listed[0]]
    assert not unlisted, f"{path}: public by name, but not in __all__: {unlisted}"
