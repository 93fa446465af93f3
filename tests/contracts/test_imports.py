"""What a module loads before its verb does anything: a bound for each module that reads, so that it cannot creep up.

A host compiles or reads each of these files in every run (docs/adr/0014-bytecode-on-the-host.md).
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vsa_tree

# How many files of the collection a module may load at its start. What one option alone needs is imported in the
# function that needs it. A row may be raised if a verb needs a file in every run.
MOST = {
    "agent_info": 30,
    "audit_info": 28,
    "auth_info": 39,
    "bootstrap_info": 34,
    "cert_info": 52,
    "host_info": 148,
    "site_info": 58,
    "stack_backup_info": 42,
    "stack_info": 64,
    "vhost_info": 34,
}
# Libraries that take 10 to 100 ms, and that no verb that reads needs before it has looked at its options.
# Exceptions stand in NEEDED.
HEAVY = ("cryptography", "difflib", "docker", "jinja2", "requests", "ruamel", "sqlite3", "yaml")
NEEDED = {"audit_info": {"sqlite3"}}  # the index of the trail

# Some modules import their verb in the function that calls it, and it counts too.
_LOAD = """
import ast, importlib, json, sys
import ansible.module_utils.basic
before = set(sys.modules)
module = importlib.import_module(f"ansible_collections.flowbiz.vsa.plugins.modules.{sys.argv[1]}")
with open(module.__file__, encoding="utf-8") as stream:
    tree = ast.parse(stream.read())
for node in ast.walk(tree):
    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ansible_collections."):
        importlib.import_module(node.module)
loaded = {name: getattr(sys.modules[name], "__file__", None) or "" for name in set(sys.modules) - before}
print(json.dumps(loaded))
"""


def loaded(module: str) -> dict[str, str]:
    """Return what a module loads in addition to Ansible's own base: the names, each with its file."""
    environment = {**os.environ, "PYTHONPATH": str(vsa_tree.ROOT / "collections")}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, module], capture_output=True, text=True, check=True, env=environment, timeout=120
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_every_module_that_reads_has_its_row() -> None:
    assert {module for module in vsa_tree.modules() if module.endswith("_info")} == set(MOST)


@pytest.mark.parametrize("module", MOST)
def test_a_module_that_reads_loads_what_it_needs_and_no_more(module: str) -> None:
    found = loaded(module)
    ours = sorted(name for name, file in found.items() if ".flowbiz." in name and file and "__init__" not in file)
    assert len(ours) <= MOST[module], (
        f"{module} loads {len(ours)} files, and its row in MOST allows {MOST[module]}. Import what one option alone "
        f"needs inside the function of _host that needs it; raise the row only if every run needs the file. {ours}"
    )
    assert len(ours) > MOST[module] - 15, f"{module} loads {len(ours)} files only: lower its row"
    heavy = sorted(set(HEAVY) & set(found) - NEEDED.get(module, set()))
    assert not heavy, f"{module} loads {heavy} before it does anything: import them in the function that needs them"


@pytest.mark.parametrize("module", vsa_tree.modules())
def test_a_module_imports_the_keeper_of_bytecode_first(module: str) -> None:
    tree = ast.parse(vsa_tree.text(Path("plugins/modules") / f"{module}.py"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and ".flowbiz." in str(node.module)]
    first = imports[0]
    assert str(first.module).endswith(".module_utils")
    assert [name.name for name in first.names] == ["_bytecode"], "what is imported before is compiled in every run"
