"""What is wrong with the folders of stacks, named before the next `stack up` refuses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder_check import folder_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import documents
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version

MANIFEST = "schema: 1\ndescription: An application\ntenant: acme\ndirectories: [{path: data/up}]\n"


def test_a_link_is_named(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    files = {"stack.yml": MANIFEST, "compose.yml": "services: {}\n"}
    for name in ("fine", "linked", "damaged"):
        StackState(paths, "acme", name).write(Version(files, ""), {"schema": 1})
        (tmp_path / f"srv/acme/{name}/data/up").mkdir(parents=True)
    assert folder_findings(paths) == []
    (tmp_path / "srv/acme/linked/data/up").rmdir()
    (tmp_path / "srv/acme/linked/data/up").symlink_to("/etc")
    (paths.stack_state("acme", "damaged") / "stack.yml").write_text("schema: 2\n", encoding="utf-8")
    found = folder_findings(paths)
    assert [(finding.name, finding.subject) for finding in found] == [
        ("stack-folder", "acme/damaged"),
        ("stack-folder", "acme/linked"),
    ]
    assert found[1].text.startswith(f"{tmp_path}/srv/acme/linked/data/up is a link")
    assert found[1].remedy


@pytest.mark.parametrize("name", ["stack.json", "version.json", "good.json"])
def test_a_damaged_file_that_vsa_keeps_about_a_stack_is_met(tmp_path: Path, name: str) -> None:
    documents.notes()
    paths = Paths(str(tmp_path))
    state = StackState(paths, "acme", "app")
    state.write(Version({"stack.yml": MANIFEST, "compose.yml": "services: {}\n"}, ""), {"schema": 1})
    state.keep_good()
    (tmp_path / "srv/acme/app/data/up").mkdir(parents=True)
    assert folder_findings(paths) == []
    assert documents.damaged() == {}
    (state.path / name).write_bytes(b"\xff")
    assert folder_findings(paths) == []
    assert documents.damaged() == {state.path / name: "it is not UTF-8"}
    documents.notes()
