"""Where ``vsa`` starts: the version needs nothing, and a verb needs its own noun alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_LOADED = """
import contextlib, io, json, sys
from vsa.__main__ import main
sys.argv = ["vsa", *sys.argv[1:]]
said = io.StringIO()
with contextlib.redirect_stdout(said):
    code = main()
print(json.dumps({"code": code, "said": said.getvalue(), "modules": sorted(sys.modules)}))
"""

_BEFORE_ANSIBLE = """
import json, os, sys
from vsa.ansible.runner import Execution
from vsa.__main__ import main

def start(_execution):
    print(json.dumps(sorted(sys.modules)), flush=True)
    os._exit(0)

Execution._start = start
sys.argv = ["vsa", *sys.argv[1:]]
main()
"""


def started(*words: str) -> tuple[int, str, set[str]]:
    """Return the exit code, the output and the loaded modules of a command line."""
    argv = [sys.executable, "-c", _LOADED, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    return found["code"], found["said"], set(found["modules"])


def test_the_version_is_printed_before_anything_is_imported() -> None:
    code, said, modules = started("--version")
    assert code == 0
    assert said.startswith("vsa ")
    assert "ansible-core" in said
    assert not modules & {"click", "rich", "yaml", "ansible_runner", "pydantic"}


def test_the_version_among_other_words_is_the_same() -> None:
    assert started("site", "list", "--version")[:2] == started("--version")[:2]


@pytest.mark.parametrize(("noun", "words"), [("site", ("site", "list", "--help")), ("audit", ("audit", "--help"))])
def test_a_verb_loads_its_own_noun_alone(noun: str, words: tuple[str, ...]) -> None:
    code, said, modules = started(*words)
    assert (code, said.startswith("Usage: vsa")) == (0, True)
    assert {name for name in modules if name.startswith("vsa.verbs.")} == {f"vsa.verbs.{noun}"}
    heavy = {"rich", "yaml", "ansible", "ansible_runner", "pydantic", "sqlite3", "jinja2"}
    assert not modules & heavy


def test_what_the_end_of_a_run_needs_is_loaded_while_ansible_works(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {vps-01: {}}}\n", encoding="utf-8")
    argv = [sys.executable, "-c", _BEFORE_ANSIBLE, "-i", "hosts.yml", "site", "list"]
    state = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(argv, cwd=tmp_path, env=state, capture_output=True, text=True, check=True, timeout=120)
    modules = set(json.loads(done.stdout))
    assert "vsa.fleet.check" in modules, "the inventory is checked before Ansible starts"
    late = {"rich", "vsa.ansible.events", "vsa.output.blocks", "vsa.output.show", "vsa.views.common"}
    generations = "ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations"
    assert not modules & {*late, generations}
